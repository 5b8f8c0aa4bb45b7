/**
 * @file `espalier data check`: what is in a data set, what is wrong with it, and how to fix it; for volumes a plan to begin with.
 */
import { ConfigError, DataError } from '../base/errors.ts';
import { checkDataSet, type DataReport } from '../data/check/check.ts';
import type { DataProblem, ImageReport } from '../data/check/parts.ts';
import type { VolumeReport } from '../data/check/volumes.ts';
import { describeIgnored, ofChannels } from '../data/describe.ts';
import { describeRegions, regionShares, toRegions, writeRegions } from '../data/regions/regions.ts';
import { filesOfDataSet } from '../data/splits.ts';
import type { DataSet } from '../data/types.ts';
import type { Spread } from '../data/volumes/fingerprint.ts';
import { formatPlan, planVolumes, type VolumePlan } from '../data/volumes/plan.ts';
import { writeAtomically } from '../run/files.ts';
import { requireFreeOutputs } from '../run/outputs.ts';
import { printJson } from './command.ts';
import { describeNext } from './dataNext.ts';
import { createProgress } from './progress.ts';

/** How a data set is checked, and what is written. */
export interface CheckRequest {
  readonly path: string;
  readonly limit?: number | undefined;
  /** Where the plan for volumes is written. */
  readonly plan?: string | undefined;
  /** Files that were given and may not be overwritten. */
  readonly given: readonly string[];
  readonly json: boolean;
}

/** Checks a data set and prints what was found; errors in it become exit code 1. */
export async function checkAndPrint(dataset: DataSet, { path, limit, plan, given, json }: CheckRequest): Promise<void> {
  if (plan !== undefined && dataset.rank === 2) {
    throw new ConfigError(`plan=${plan}: ${path} holds images`, 'plans are made for volumes');
  }
  if (plan !== undefined) requireFreeOutputs({ outputs: [plan], inputs: [...filesOfDataSet(dataset, path), ...given] });
  const total = Object.values(dataset.splits).reduce(
    (sum, split) => sum + Math.min(split.length, limit ?? split.length),
    0,
  );
  const bar = createProgress({ label: 'check', total });
  const report = await checkDataSet(dataset, {
    ...(limit === undefined ? {} : { limit }),
    onProgress: (done) => bar.update(done),
  });
  bar.finish();
  const proposal = proposePlan(dataset, report, path);
  if (plan !== undefined) {
    if (proposal === undefined) throw new DataError(`plan=${plan}: no training volume could be read`);
    writeAtomically(plan, proposal.text);
  }
  if (json) {
    const { name, layout, classes, regions } = dataset;
    const ignored = dataset.rank === 3 ? dataset.ignoredLabels?.map(String) : undefined;
    printJson({
      name,
      layout,
      classes,
      ...(regions ? { regions } : {}),
      ...(ignored ? { ignoredLabels: ignored } : {}),
      ...report,
      ...(proposal === undefined ? {} : { plan: proposal.plan }),
    });
  } else {
    process.stdout.write(`${describe(dataset, report)}\n`);
    if (proposal !== undefined) process.stdout.write(`${describePlan(proposal.plan, plan)}\n`);
    process.stdout.write(`${describeNext(dataset, report, path, plan).join('\n')}\n`);
  }
  if (report.problems.some(({ severity }) => severity === 'error')) process.exitCode = 1;
}

/** The plan for volumes that could be measured. */
function proposePlan(
  dataset: DataSet,
  report: DataReport,
  path: string,
): { plan: VolumePlan; text: string } | undefined {
  if (report.rank === 2 || report.fingerprint === undefined) return undefined;
  const plan = planVolumes(report.fingerprint, dataset.splits.train.length);
  return { plan, text: formatPlan(plan, report.fingerprint, dataset, path) };
}

function describePlan({ crop, batch, preparation, memoryBudget }: VolumePlan, file: string | undefined): string {
  const settings = `spacing ${preparation.spacingMm?.join(' x ')} mm, patch ${crop.join('x')}, batch ${batch}, memory budget ${memoryBudget}`;
  return `plan: ${settings}${file === undefined ? '; plan=<file.yaml> writes it' : ` -> ${file}`}`;
}

/** More problems than this are counted only. */
const MOST_PROBLEMS = 20;

function describe(dataset: DataSet, report: DataReport): string {
  const { counts, classShares, ignoredShare, problems, advice } = report;
  const lines = groupSimilar(problems).map(describeProblem);
  const ignored = describeIgnored(dataset);
  const width = Math.max(...dataset.classes.map(({ name }) => name.length), 7);
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`.padStart(9);
  return [
    `${dataset.name}: layout ${dataset.layout}, ${dataset.classes.length} classes${dataset.classesFrom === undefined ? '' : ` from ${dataset.classesFrom}`}`,
    ...Object.entries(counts).map(
      ([split, { listed, read }]) =>
        `${split}: ${listed} ${report.rank === 2 ? 'images' : 'volumes'}${read < listed ? `, ${read} read` : ''}`,
    ),
    ...(report.rank === 2
      ? [...describeSizes(report), ...describeStatistics(dataset, report)]
      : describeFingerprint(report)),
    `share of the training ${report.rank === 2 ? 'pixels' : 'voxels'}:`,
    ...dataset.classes.map(({ name }, id) => `  ${name.padEnd(width)} ${percent(classShares[id])}`),
    ...describeShares(dataset, classShares),
    `  ${'ignored'.padEnd(width)} ${percent(ignoredShare)}${ignored === '' ? '' : ` (${ignored})`}`,
    problems.length === 0 ? 'no problems found' : `${problems.length} problem${problems.length === 1 ? '' : 's'}:`,
    ...lines.slice(0, MOST_PROBLEMS),
    ...(lines.length > MOST_PROBLEMS ? [`  ... and ${lines.length - MOST_PROBLEMS} more`] : []),
    ...advice.map((line) => `advice: ${line}`),
  ].join('\n');
}

/** The regions with their shares, and which of their classes predictions cannot hold: those that no region writes. */
function describeShares({ classes, regions }: DataSet, shares: readonly number[]): string[] {
  if (!regions) return [];
  const own = regionShares(regions, shares);
  const lines = regions.map(
    (region, i) => `  ${describeRegions({ classes, regions: [region] })} ${(100 * own[i]).toFixed(2)} %`,
  );
  const back = writeRegions(toRegions(Uint8Array.from(classes.keys()), regions), regions);
  const lost = classes.flatMap(({ name }, id) =>
    back[id] === id ? [] : [`${name} (written as ${classes[back[id]].name})`],
  );
  return [
    'regions:',
    ...lines,
    ...(lost.length > 0
      ? [`  predictions never hold ${lost.slice(0, 8).join(', ')}${lost.length > 8 ? ', ...' : ''}`]
      : []),
  ];
}

/** So many problems that differ in numbers and names only are one line. */
const FEWEST_SIMILAR = 3;

/** Problems of one kind, the first for all. */
interface ProblemGroup {
  first: DataProblem;
  /** Further files, and further problems of the kind with other numbers. */
  files: number;
  similar: number;
  example: string | undefined;
}

/** Problems whose sentences differ in numbers and files only are one group where there are several; errors stay before warnings. */
function groupSimilar(problems: readonly DataProblem[]): ProblemGroup[] {
  const kinds = new Map<string, DataProblem[]>();
  for (const problem of problems) {
    const { severity, message, fix } = problem;
    const key = JSON.stringify([
      severity,
      ...[message, fix].map((text) => text.replace(/\S*[/\\]\S*|-?\d+(\.\d+)?/g, '#')),
    ]);
    kinds.set(key, [...(kinds.get(key) ?? []), problem]);
  }
  const one = (problem: DataProblem): ProblemGroup => ({
    ...{ first: problem, files: problem.others?.length ?? 0, similar: 0, example: problem.others?.[0] },
  });
  return [...kinds.values()].flatMap((group) => {
    if (group.length < FEWEST_SIMILAR) return group.map(one);
    const [first, ...rest] = group;
    const files = (first.others?.length ?? 0) + rest.reduce((sum, { others = [] }) => sum + 1 + others.length, 0);
    return [{ first, files, similar: rest.length, example: `${rest[0].file} ${rest[0].message}` }];
  });
}

function describeProblem({ first, files, similar, example }: ProblemGroup): string {
  const { severity, file, message, fix } = first;
  const kind = similar > 0 ? 'similar' : 'the same';
  const more = files === 0 ? '' : ` (${kind} in ${files} more, such as ${example})`;
  return `  ${severity}: ${file} ${message}${more}; ${fix}`;
}

function describeSizes({ sizes }: ImageReport): string[] {
  const shown = sizes.slice(0, 5).map(({ width, height, count }) => `${width}x${height} (${count})`);
  return [`sizes: ${shown.join(', ')}${sizes.length > 5 ? `, ${sizes.length - 5} more` : ''}`];
}

/** So many channels are listed. */
const MOST_CHANNELS = 16;

/** The channels of images that are not 8-bit RGB. */
function describeStatistics(dataset: DataSet, { channels }: ImageReport): string[] {
  if (channels === undefined) return [];
  const number = (value: number) => String(Number(value.toPrecision(4)));
  const { statistics } = channels;
  const listed = statistics
    .slice(0, MOST_CHANNELS)
    .map(
      ({ name, low, median, high }) =>
        `  ${name}: ${number(low)} (0.1 %), ${number(median)} (median), ${number(high)} (99.9 %)`,
    );
  const more = statistics.length - listed.length;
  return [`images${ofChannels(dataset)}:`, ...listed, ...(more > 0 ? [`  and ${more} more`] : [])];
}

/** Axes in the order of the patch: depth, height, width. */
function describeFingerprint({ fingerprint }: VolumeReport): string[] {
  if (fingerprint === undefined) return [];
  const number = (value: number) => String(Number(value.toPrecision(4)));
  const side = ({ smallest, median, largest }: Spread) =>
    `${[smallest, median, largest].map((values) => values.map(number).join('x')).join(', ')}`;
  return [
    `voxels, smallest, median, largest: ${side(fingerprint.shapes)}`,
    `spacing in mm, the same: ${side(fingerprint.spacings)}`,
    ...fingerprint.intensities.map(
      ({ modality, low, median, high }) =>
        `${modality} in the foreground: ${number(low)} (0.5 %), ${number(median)} (median), ${number(high)} (99.5 %)`,
    ),
  ];
}
