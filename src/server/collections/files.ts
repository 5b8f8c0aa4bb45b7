/**
 * @file The settings and the table of a comparison or of trials, as far as a page shows them. They may be anybody's: of each only fields that are named here
 * are read, and of every list so many entries.
 */
import { z } from 'zod';
import { parseCsv } from '../../base/csv.ts';
import { DataError } from '../../base/errors.ts';
import { distinctNames } from '../../base/names.ts';
import { parseYaml, YamlFault } from '../../base/yaml.ts';
import type { CollectionKind, CollectionMember, CollectionRow } from '../api.ts';
import { MOST_COST } from '../runSummary.ts';

/** Trainings of a collection beyond this number are counted but not shown. */
export const MOST_MEMBERS = 300;
/** Rows of a table beyond this number are not read. */
const MOST_ROWS = 1000;

/** What the settings of a collection say. */
export interface CollectionPlan {
  readonly data?: string;
  readonly budget?: string;
  readonly members: readonly CollectionMember[];
  /** Planned trainings that are not among the members. */
  readonly more: number;
}

const name = z.string().min(1).max(200);
const text = z.string().max(1000);
const count = z.int().min(1).max(1_000_000);

const compareSchema = z.object({
  name,
  data: text.optional(),
  archs: z.array(text).min(1).max(1000),
  seeds: count,
  budget: z.string().max(40),
});

const trialsSchema = z.object({
  name,
  data: text.optional(),
  trials: count,
  seed: z.int().min(0),
  selection: z.object({ steps: z.number() }),
});

/** The plan that `content` of a file describes, or why it cannot be read. */
export function parsePlan(
  kind: CollectionKind,
  content: string,
  file: string,
): CollectionPlan | { readonly fault: string } {
  try {
    const value = parseYaml(content);
    return kind === 'compare' ? comparisonPlan(compareSchema.parse(value)) : trialsPlan(trialsSchema.parse(value));
  } catch (error) {
    if (error instanceof YamlFault) return { fault: `${file}: ${error.message.slice(0, 200)}` };
    if (!(error instanceof z.ZodError)) throw error;
    const [issue] = error.issues;
    return { fault: `${file}: ${issue.path.join('.').slice(0, 100)}: ${issue.message.slice(0, 200)}` };
  }
}

/** Runs are named as `espalier compare` names them. */
function comparisonPlan({ name: own, data, archs, seeds, budget }: z.output<typeof compareSchema>): CollectionPlan {
  const names = distinctNames(archs);
  const total = archs.length * seeds;
  const members = Array.from({ length: Math.min(MOST_MEMBERS, total) }, (_, i): CollectionMember => {
    const [place, seed] = [Math.floor(i / seeds), i % seeds];
    return { architecture: archs[place], seed, training: `train/${own}-${names[place]}-${seed}` };
  });
  return { ...(data === undefined ? {} : { data }), budget, members, more: total - members.length };
}

/** Runs are named as `espalier search trials=` names them; what a search finds is not known from the settings. */
function trialsPlan({ name: own, data, trials, seed, selection }: z.output<typeof trialsSchema>): CollectionPlan {
  const members = Array.from({ length: Math.min(MOST_MEMBERS, trials) }, (_, i): CollectionMember => {
    const run = `${own}-${seed + i}`;
    return { architecture: '', seed: seed + i, search: `search/${run}`, training: `train/${run}` };
  });
  const budget = `${selection.steps}steps`;
  return { ...(data === undefined ? {} : { data }), budget, members, more: trials - members.length };
}

/** Rows of a table by the id of the run that they are of: of trials the search. None where it is damaged. */
export function parseRows(
  kind: CollectionKind,
  content: string,
): Map<string, { readonly architecture: string; readonly row: CollectionRow }> {
  let table: string[][];
  try {
    table = parseCsv(content).rows;
  } catch (error) {
    if (error instanceof DataError) return new Map();
    throw error;
  }
  const [header = [], ...rows] = table;
  const columns = new Map(header.map((key, i) => [key, i]));
  return new Map(
    rows.slice(0, MOST_ROWS).map((cells) => {
      const cell = (key: string) => cells[columns.get(key) ?? -1] ?? '';
      const run = cell('run').split(/[/\\]/).at(-1) ?? '';
      const architecture = cell('architecture').slice(0, 1000);
      return [`${kind === 'compare' ? 'train' : 'search'}/${run}`, { architecture, row: rowOf(cell) }];
    }),
  );
}

function rowOf(cell: (key: string) => string): CollectionRow {
  const number = (key: keyof CollectionRow, most: number, ...columns: readonly string[]) => {
    const found = columns
      .map(cell)
      .filter((field) => field !== '')
      .map(Number)
      .find((value) => value >= 0 && value <= most);
    return found === undefined ? {} : { [key]: found };
  };
  return {
    ...number('score', 1, 'score', 'retrained'),
    ...number('crfScore', 1, 'crfScore'),
    ...number('supernet', 1, 'supernet'),
    ...number('parameters', MOST_COST, 'parameters'),
    ...number('multiplyAdds', MOST_COST, 'multiplyAdds'),
    ...number('memoryBytes', MOST_COST, 'measuredBytes', 'trainingBytes'),
    ...(cell('measuredBytes') === '' ? {} : { memoryIsMeasured: true }),
    ...number('latencyMs', MOST_COST, 'latencyMs'),
  };
}
