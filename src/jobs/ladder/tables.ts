/**
 * @file What a race measured, as tables for other programs: every judgement of every network, and every finished training.
 */
import type { Candidate } from '../../ladder/candidate.ts';
import type { RaceResult } from '../../ladder/race.ts';
import { scoreOf } from '../../ladder/statistics.ts';
import type { FinishedTraining, Verdict } from '../../ladder/verdict.ts';
import { type CsvValue, formatCsvRow } from '../../run/csv.ts';

const NETWORK = [
  'network',
  'name',
  'origin',
  'parents',
  'change',
  'multiplyAdds',
  'parameters',
  'trainingMemory',
  'finestStride',
  'meanLevel',
  'depth',
];

const networkOf = ({ id, name, origin, parents = [], change, cost, macro }: Candidate): CsvValue[] => [
  id,
  name,
  origin,
  parents.join(' '),
  change,
  cost.multiplyAdds,
  cost.parameters,
  cost.trainingMemory,
  macro.finestStride,
  macro.meanLevel,
  macro.depth,
];

const table = (head: readonly string[], rows: readonly (readonly CsvValue[])[]): string =>
  `${[head, ...rows].map((row) => formatCsvRow(row)).join('\n')}\n`;

/** A row for each network of each rung, the best of a rung first: its score and loss on held-out samples, and whether it continued. */
export const standingsTable = ({ rungs }: RaceResult<unknown>): string =>
  table(
    ['rung', 'steps', 'score', 'loss', 'continues', ...NETWORK],
    rungs.flatMap(({ rung, standings, survivors }, i) =>
      standings.map(({ candidate, reading }) => [
        i + 1,
        rung.steps,
        reading.score,
        reading.loss,
        survivors.includes(candidate.id),
        ...networkOf(candidate),
      ]),
    ),
  );

/** A row for each finished training of each finalist: its scores on the held-out samples and on the reported ones; empty where it diverged. */
export const finalistsTable = (
  { finalists }: RaceResult<FinishedTraining>,
  { statistic }: Pick<Verdict, 'statistic'>,
): string =>
  table(
    ['seed', 'heldOut', 'reported', 'run', ...NETWORK],
    finalists.flatMap(({ candidate, finals }) =>
      finals.map(({ seed, run, heldOut, reported }) => [
        seed,
        heldOut.length > 0 ? scoreOf(heldOut, statistic) : null,
        reported.length > 0 ? scoreOf(reported, statistic) : null,
        run,
        ...networkOf(candidate),
      ]),
    ),
  );
