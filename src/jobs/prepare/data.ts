/**
 * @file The data of a search or training before its first step: on the sides that hold for the run, the same on every rank, looked at, fit to be learnt.
 */
import { ConfigError, DataError } from '../../base/errors.ts';
import { asNetworkReads } from '../../data/channels/derive.ts';
import { withNormalisation } from '../../data/channels/measure.ts';
import { describeDataSet } from '../../data/describe.ts';
import { requireRegions } from '../../data/regions/named.ts';
import { mergeRecords, recordOf, type SplitRecord } from '../../data/splitRecord.ts';
import { orderClasses, orderModalities } from '../../data/splits.ts';
import type { DataSet } from '../../data/types.ts';
import type { Parallel } from '../../parallel/parallel.ts';
import type { DataGlance } from '../../run/dataFile.ts';
import { openRunFolder } from '../../run/folder.ts';
import type { ActiveRun } from '../lifecycle.ts';
import { type DataSettings, onKnownSides, openTrainingData, unknownSplit } from '../openData.ts';
import { glanceAt, problemLines, writeDataFiles } from '../records/dataSummary.ts';
import { requireSameData } from './agreement.ts';
import { findSplit, type SplitSettings } from './knownSplit.ts';

/** Data that a run is about to use. */
export interface PreparedData {
  readonly dataset: DataSet;
  /** What the run is to keep of them. */
  readonly record: SplitRecord;
  /** What a look at some of the samples found; on the first rank. */
  readonly glance?: DataGlance;
  /** What differs from the data of an earlier run, or looks wrong. */
  readonly warnings: readonly string[];
}

/**
 * Opens the data as the settings say. A run that resumes, in `folder`, finds its samples on the side where they were, its classes in their order.
 * @throws DataError or ConfigError, on every rank, for data that no network learns from.
 */
export async function prepareData(
  config: DataSettings & SplitSettings,
  parallel: Parallel,
  folder?: string,
): Promise<PreparedData> {
  let dataset = await openTrainingData(config);
  if (folder === undefined) checkSplitSettings(config, dataset);
  const known = await findSplit(config, parallel, folder);
  let warnings: readonly string[] = [];
  if (known) {
    if (known.own) dataset = inOrderOf(dataset, known.record, `the run ${known.run}`);
    ({ dataset, warnings } = onKnownSides(dataset, known));
  } else if (folder !== undefined) {
    // Runs without a record are of earlier versions, which read everything as 8-bit RGB.
    dataset = asNetworkReads(dataset, undefined, folder);
    warnings = unknownSplit(dataset, openRunFolder(folder));
  }
  dataset = await withNormalisation(dataset);
  await requireSameData(dataset, parallel);
  const now = recordOf(dataset);
  const record = known?.own ? mergeRecords(known.record, now) : now;
  const glance = await glanceTogether(dataset, parallel);
  return { dataset, record, ...(glance ? { glance } : {}), warnings };
}

/** Writes what the run is to keep of its data, and reports what was found. */
export function recordData(
  data: PreparedData,
  { folder, note, warn }: Pick<ActiveRun, 'folder' | 'note' | 'warn'>,
): void {
  writeDataFiles(folder, data);
  const { dataset, warnings, glance } = data;
  for (const message of [`data: ${describeDataSet(dataset)}`, ...(dataset.notes ?? [])]) note(message);
  for (const message of [...warnings, ...(glance ? problemLines(dataset, glance) : [])]) warn(message);
}

/** The first rank looks; what it refuses, all refuse. */
async function glanceTogether(dataset: DataSet, parallel: Parallel): Promise<DataGlance | undefined> {
  let glance: DataGlance | undefined;
  let refusal: string | null = null;
  try {
    if (parallel.rank === 0) glance = await glanceAt(dataset);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    refusal = error.message;
  }
  const [first] = await parallel.gather(refusal);
  if (first !== null) throw new DataError(first);
  return glance;
}

function inOrderOf(dataset: DataSet, { classes, modalities, regions, channels }: SplitRecord, who: string): DataSet {
  const found = requireRegions(orderClasses(dataset, classes, who), regions, who);
  const ordered = asNetworkReads(found, channels, who);
  return ordered.rank === 3 && modalities ? orderModalities(ordered, modalities, who) : ordered;
}

/** Settings of a split that these data do not take are refused. */
function checkSplitSettings({ splitSeed = 0, fold = 0, folds = 5 }: DataSettings, dataset: DataSet): void {
  const { name, splitRule } = dataset;
  if (splitRule === 'hash') return;
  const given = { splitSeed: splitSeed !== 0, folds: folds !== 5, fold: fold !== 0 };
  const unused = Object.entries(given).find(([key, set]) => set && !(splitRule === 'listed folds' && key === 'fold'));
  if (unused)
    throw new ConfigError(
      `${unused[0]}: ${name} has ${splitRule === 'listed folds' ? 'folds' : 'train and val'} of its own`,
      'leave it out: it is for data without a split',
    );
}
