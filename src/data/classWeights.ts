/**
 * @file Weights that make rare classes count more in a loss.
 */

/** Names of the ways to weigh. */
export const CLASS_WEIGHTINGS = ['none', 'sqrt', 'median'] as const;

/** `none`: 1 each. `median`: median share / share (Eigen and Fergus 2015). `sqrt`: the square root of that, milder. */
export type ClassWeighting = (typeof CLASS_WEIGHTINGS)[number];

/**
 * Weights from the shares of the classes (or `DataReport.classFrequencies`, which gives SegNet's); the median is over classes that occur.
 * A class that does not occur weighs 1: no pixel asks for it.
 */
export function classWeights(shares: readonly number[], weighting: ClassWeighting): number[] {
  if (weighting === 'none') return shares.map(() => 1);
  const present = shares.filter((share) => share > 0).sort((a, b) => a - b);
  const middle = present.length >> 1;
  const median = present.length % 2 === 1 ? present[middle] : (present[middle - 1] + present[middle]) / 2;
  return shares.map((share) => {
    if (share <= 0) return 1;
    return weighting === 'median' ? median / share : Math.sqrt(median / share);
  });
}
