/**
 * @file Pixel counts of regions, which may overlap, and the scores that follow from them: each region is scored by itself, on what is predicted of it and
 * not on the one class a pixel that is written. The module knows neither files nor names.
 */
import { DataError, ShapeError } from '../base/errors.ts';
import { meanOfNumbers, type SegmentationScores } from './confusion.ts';

/** For each region the ids of the classes inside. */
export type RegionClasses = readonly { readonly classes: readonly number[] }[];

/** Counts of regions. Plain data. */
export interface RegionCounts {
  /** Of each region: pixels that are labelled and predicted, labelled, predicted; `[regions, 3]`, exact up to 2^53. */
  readonly counts: Float64Array;
  /** Pixels that count, and those of them in which every region is right. */
  pixels: number;
  right: number;
}

/**
 * Scores of regions, all in [0, 1]. As of classes, a region that is neither labelled nor predicted is NaN and left out of means. `pixelAccuracy` is the
 * share of the pixels in which every region is right; `support` counts the pixels of each region, which overlap.
 */
export interface RegionScores extends SegmentationScores {
  /** `2 |A and B| / (|A| + |B|)` by region. */
  readonly dice: number[];
  /** Pixels that count. */
  readonly pixels: number;
}

/** Counts of so many regions, all 0. */
export const createRegionCounts = (regions: number): RegionCounts => ({
  counts: new Float64Array(3 * regions),
  pixels: 0,
  right: 0,
});

/**
 * Counts the pixels whose label is not `ignore`; changes `into`.
 * @param masks of predictions, `[regions, ...size]`, not 0 inside
 * @param label class ids, `[...size]`
 * @throws ShapeError when they differ in size; DataError when a label is none of `classes` classes
 */
export function addToRegions(
  into: RegionCounts,
  masks: Uint8Array,
  label: Uint8Array,
  { regions, classes, ignore = 255 }: { regions: RegionClasses; classes: number; ignore?: number },
): void {
  const pixels = label.length;
  if (masks.length !== regions.length * pixels || into.counts.length !== 3 * regions.length)
    throw new ShapeError(
      `expected masks of ${regions.length} regions of ${pixels} pixels, got ${masks.length} values for ${into.counts.length / 3} regions`,
    );
  const isWrong = new Uint8Array(pixels);
  for (const [region, { classes: ids }] of regions.entries()) {
    const inside = new Uint8Array(256);
    for (const id of ids) inside[id] = 1;
    const mask = masks.subarray(region * pixels, (region + 1) * pixels);
    let [hits, labelled, predicted] = [0, 0, 0];
    for (let i = 0; i < pixels; i++) {
      if (label[i] === ignore) continue;
      const [wanted, found] = [inside[label[i]], mask[i] === 0 ? 0 : 1];
      hits += wanted & found;
      labelled += wanted;
      predicted += found;
      if (wanted !== found) isWrong[i] = 1;
    }
    [hits, labelled, predicted].forEach((count, i) => {
      into.counts[3 * region + i] += count;
    });
  }
  for (let i = 0; i < pixels; i++) {
    if (label[i] === ignore) continue;
    if (label[i] >= classes)
      throw new DataError(
        `expected a label from 0 to ${classes - 1} (or ${ignore} to ignore it), got ${label[i]}`,
        'check the classes of the data set with "espalier data check"',
      );
    into.pixels++;
    into.right += 1 - isWrong[i];
  }
}

/** Adds `other` to `into`, which changes. */
export function mergeRegionCounts(into: RegionCounts, other: RegionCounts): void {
  if (into.counts.length !== other.counts.length)
    throw new ShapeError(`expected counts of ${into.counts.length / 3} regions, got ${other.counts.length / 3}`);
  for (const [i, count] of other.counts.entries()) into.counts[i] += count;
  into.pixels += other.pixels;
  into.right += other.right;
}

/** The scores of counts. */
export function regionScores({ counts, pixels, right }: RegionCounts): RegionScores {
  const regions = Array.from({ length: counts.length / 3 }, (_, i) => ({
    hits: counts[3 * i],
    labelled: counts[3 * i + 1],
    predicted: counts[3 * i + 2],
  }));
  // 0 / 0 is NaN: exactly the rule for absent regions.
  const iou = regions.map(({ hits, labelled, predicted }) => hits / (labelled + predicted - hits));
  const accuracy = regions.map(({ hits, labelled }) => hits / labelled);
  return {
    iou,
    accuracy,
    miou: meanOfNumbers(iou),
    pixelAccuracy: right / pixels,
    meanAccuracy: meanOfNumbers(accuracy),
    support: regions.map(({ labelled }) => labelled),
    dice: regions.map(({ hits, labelled, predicted }) => (2 * hits) / (labelled + predicted)),
    pixels,
  };
}
