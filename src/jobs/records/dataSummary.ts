/**
 * @file What a run knows of its data, as `data.json`: classes, splits and, of a few pictures, sizes, class shares and problems. A glance at
 * the start of every run; `espalier data check` reads everything.
 */
import { join } from 'node:path';
import { checkDataSet } from '../../data/check/check.ts';
import type { DataSet } from '../../data/types.ts';
import type { DataFile, DataGlance } from '../../run/dataFile.ts';
import { writeAtomically } from '../../run/files.ts';
import type { RunFolder } from '../../run/folder.ts';

/** Pictures of a split that are looked at. */
const GLANCE = 24;
const MOST_PROBLEMS = 50;

/** Writes data.json. */
export async function writeDataSummary(folder: RunFolder, dataset: DataSet): Promise<void> {
  const { name, layout, rank, classes, splits } = dataset;
  const summary: DataFile = {
    ...{ name, layout, rank, classes },
    samples: { train: splits.train.length, val: splits.val.length },
    ...(rank === 2 ? { report: await glance(dataset) } : {}),
  };
  writeAtomically(join(folder.path, 'data.json'), `${JSON.stringify(summary, null, 1)}\n`);
}

async function glance(dataset: DataSet): Promise<DataGlance> {
  const report = await checkDataSet(dataset, { limit: GLANCE });
  const { counts, classShares, ignoredShare, problems } = report;
  const sizes = 'sizes' in report ? { sizes: report.sizes } : {};
  return { counts, ...sizes, classShares, ignoredShare, problems: problems.slice(0, MOST_PROBLEMS) };
}
