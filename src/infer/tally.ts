/**
 * @file What is counted of predictions while they are scored: class ids in a confusion matrix, and regions each by itself where the data have them.
 */
import type { DataSetBase } from '../data/types.ts';
import {
  addToConfusion,
  type ConfusionMatrix,
  createConfusion,
  mergeConfusion,
  type SegmentationScores,
  segmentationScores,
} from '../metrics/confusion.ts';
import {
  addToRegions,
  createRegionCounts,
  mergeRegionCounts,
  type RegionCounts,
  type RegionScores,
  regionScores,
} from '../metrics/regions.ts';
import type { Predicted } from './crf/predict.ts';

/** Counts of pixels. Plain data. */
export interface Tally {
  /** Of class ids; of regions those that are written. */
  readonly confusion: ConfusionMatrix;
  readonly regions?: RegionCounts;
}

/** Scores by class, or by region, with `dice` and `pixels`. */
export type TallyScores = SegmentationScores & Partial<Pick<RegionScores, 'dice' | 'pixels'>>;

/** What is counted: the classes, and the regions where there are any. */
export type Counted = Pick<DataSetBase, 'classes' | 'regions'>;

/** Counts of nothing yet. */
export const createTally = ({ classes, regions }: Counted): Tally => ({
  confusion: createConfusion(classes.length),
  ...(regions ? { regions: createRegionCounts(regions.length) } : {}),
});

/**
 * Counts the pixels whose label is not `ignore`; changes `tally`.
 * @throws DataError when a label is not a class
 */
export function addToTally(
  tally: Tally,
  { ids, masks }: Pick<Predicted, 'ids' | 'masks'>,
  label: Uint8Array,
  { classes, regions, ignore }: Counted & Pick<DataSetBase, 'ignore'>,
): void {
  addToConfusion(tally.confusion, ids, label, ignore);
  if (!regions || !tally.regions) return;
  if (!masks) throw new RangeError('regions are scored on their masks');
  addToRegions(tally.regions, masks, label, { regions, classes: classes.length, ignore });
}

/** The counts of all parts together. */
export function sumOfTallies(parts: readonly Tally[]): Tally {
  const [first] = parts;
  const confusion = createConfusion(first.confusion.classes);
  for (const part of parts) mergeConfusion(confusion, part.confusion);
  if (!first.regions) return { confusion };
  const regions = createRegionCounts(first.regions.counts.length / 3);
  for (const part of parts) if (part.regions) mergeRegionCounts(regions, part.regions);
  return { confusion, regions };
}

/** The scores of what was counted. */
export const scoresOfTally = ({ confusion, regions }: Tally): TallyScores =>
  regions ? regionScores(regions) : segmentationScores(confusion);
