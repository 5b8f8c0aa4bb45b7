/**
 * @file What a run knows of its data: `data.json` with classes, splits and, of a few images, sizes, class shares and problems; `split.json` with the
 * samples of every split. A glance at the start of every run; `espalier data check` reads everything.
 */
import { join } from 'node:path';
import { DataError } from '../../base/errors.ts';
import { checkDataSet } from '../../data/check/check.ts';
import type { DataProblem } from '../../data/check/parts.ts';
import { formatRecord, type SplitRecord } from '../../data/splitRecord.ts';
import { channelsOf, type DataSet } from '../../data/types.ts';
import type { DataFile, DataGlance } from '../../run/dataFile.ts';
import { writeAtomically } from '../../run/files.ts';
import type { RunFolder } from '../../run/folder.ts';

/** Samples of a split that are looked at, by the rank of the data: volumes are large. */
const GLANCE = { 2: 24, 3: 2 } as const;
const MOST_PROBLEMS = 50;
/** Problems that are logged one by one. */
const MOST_LOGGED = 5;

/** Writes data.json and split.json; `record` is what later commands are to find. */
export function writeDataFiles(
  folder: RunFolder,
  { dataset, record, glance }: { dataset: DataSet; record: SplitRecord; glance?: DataGlance },
): void {
  const { name, layout, rank, classes, regions, splits } = dataset;
  const file: DataFile = {
    ...{ name, layout, rank, channels: channelsOf(dataset), classes },
    ...(regions ? { regions } : {}),
    samples: { train: splits.train.length, val: splits.val.length },
    ...(glance && rank === 2 ? { report: glance } : {}),
  };
  writeAtomically(join(folder.path, 'data.json'), `${JSON.stringify(file, null, 1)}\n`);
  writeAtomically(folder.split, formatRecord(record));
}

/** What a look at some samples finds. @throws DataError for what a run cannot read. */
export async function glanceAt(dataset: DataSet): Promise<DataGlance> {
  const report = await checkDataSet(dataset, { limit: GLANCE[dataset.rank] });
  const { counts, classShares, ignoredShare, problems } = report;
  const errors = problems.filter(({ severity, file }) => severity === 'error' && file !== dataset.name);
  if (errors.length > 0) throw unreadable(errors);
  const sizes = 'sizes' in report ? { sizes: report.sizes } : {};
  return { counts, ...sizes, classShares, ignoredShare, problems: problems.slice(0, MOST_PROBLEMS) };
}

function unreadable(errors: readonly DataProblem[]): DataError {
  const [{ file, message, fix, others = [] }] = errors;
  const more = errors.length === 1 ? '' : ` (and ${errors.length - 1} more: espalier data check lists them)`;
  return new DataError(`${file}${countOthers(others)}: ${message}${more}`, fix);
}

const countOthers = ({ length }: readonly string[]): string =>
  length === 0 ? '' : ` and ${length} other${length === 1 ? '' : 's'}`;

/** A line a problem, the first few of many; without those of the data as a whole where only a part was read, such as a class that did not occur. */
export function problemLines({ name, notes = [] }: DataSet, { counts, problems: all }: DataGlance): string[] {
  const whole = Object.values(counts).every(({ listed, read }) => read === listed);
  const problems = all.filter(
    ({ file, severity, message }) => !notes.includes(message) && (whole || file !== name || severity === 'error'),
  );
  const lines = problems
    .slice(0, MOST_LOGGED)
    .map(({ file, message, fix, others = [] }) => `${file}${countOthers(others)}: ${message}; ${fix}`);
  const more = problems.length - lines.length;
  return more > 0 ? [...lines, `${more} more problems of the data: espalier data check lists them`] : lines;
}
