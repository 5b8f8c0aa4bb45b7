/**
 * @file Whether a data set has enough samples for a step, and what to change where it has not. Every fix that is named can be followed.
 */
import { ConfigError } from '../../base/errors.ts';
import type { DataSet } from '../../data/types.ts';

/** Samples of each half of a search. @see splitHalves */
const halvesOf = (samples: number, fraction: number): { weights: number; architecture: number } => {
  const weights = Math.ceil(samples * fraction);
  return { weights, architecture: samples - weights };
};

const batchOf = (samples: number, fraction: number): number => {
  const { weights, architecture } = halvesOf(samples, fraction);
  return Math.min(weights, architecture);
};

/** The fewest training samples whose halves each fill a batch. */
export function samplesForSearch(batch: number, fraction: number): number {
  // No half can be filled with fewer than this.
  let samples = Math.max(2 * batch, Math.floor(batch / (1 - fraction)));
  while (batchOf(samples, fraction) < batch) samples++;
  return samples;
}

/** @throws ConfigError where a half of the training samples does not fill a batch. */
export function requireSearchSamples(
  { batch, splitFraction }: { batch: number; splitFraction: number },
  { splits }: Pick<DataSet, 'splits'>,
): void {
  const { length: samples } = splits.train;
  const largest = batchOf(samples, splitFraction);
  if (largest >= batch) return;
  const { weights, architecture } = halvesOf(samples, splitFraction);
  const needed = samplesForSearch(batch, splitFraction);
  const fixes = [
    `add ${needed - samples} to the training split`,
    ...(largest >= 1 ? [`lower batch to ${largest}`] : []),
    ...(batchOf(samples, 0.5) >= batch ? ['set splitFraction to 0.5'] : []),
  ];
  throw new ConfigError(
    `batch=${batch} needs ${needed} training samples, a batch for the weights and one for the architecture; got ${samples}, ${weights} and ${architecture}${held(splits)}`,
    fixes.join(', or '),
  );
}

/** @throws ConfigError where the training samples do not fill a batch. */
export function requireTrainingSamples({ batch }: { batch: number }, { splits }: Pick<DataSet, 'splits'>): void {
  const { length: samples } = splits.train;
  if (samples >= batch) return;
  const more = `add ${batch - samples} to the training split`;
  throw new ConfigError(
    `batch=${batch} needs ${batch} training samples, got ${samples}${held(splits)}`,
    samples >= 1 ? `lower batch to ${samples}, or ${more}` : more,
  );
}

const held = ({ val }: DataSet['splits']): string => (val.length > 0 ? ` beside ${val.length} for validation` : '');
