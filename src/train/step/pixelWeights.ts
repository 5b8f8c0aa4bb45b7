/**
 * @file How the pixels of a batch count where it is computed in parts, one after the other or by several processes: each part weighs as much as its share
 * of the pixels that are not `ignore`, so that a mean over pixels is the one over the whole batch. A batch of no such pixel is no step.
 */

import type { PixelBatch } from '../../data/loader/batch.ts';
import { countPixels } from '../../infer/batch.ts';
import type { Parallel } from '../../parallel/parallel.ts';

/** Who computes the parts of a batch, and the label that does not count in it. */
export interface Counting {
  readonly parallel: Parallel;
  readonly ignore: number;
}

/** The pixels of a batch that count, of all processes; each asks with its own part. 0 says that there is nothing to learn from it. */
export const countedPixels = ({ labels }: Pick<PixelBatch, 'labels'>, { parallel, ignore }: Counting): number =>
  parallel.total(countPixels(labels, ignore));

/** What the loss of a part is multiplied by, so that the mean over processes of the sums over their parts is the loss of the whole. */
export const partWeight = (
  { labels }: Pick<PixelBatch, 'labels'>,
  counted: number,
  { parallel, ignore }: Counting,
): number => (countPixels(labels, ignore) * parallel.size) / Math.max(1, counted);

/** How many batches a run has drawn, and how many of them had no pixel that counts. Plain numbers, so that a checkpoint holds them. */
export interface DrawnBatches {
  all: number;
  empty: number;
}

export const noBatches = (): DrawnBatches => ({ all: 0, empty: 0 });

/** Notes a batch of so many counting pixels; returns whether it makes a step. */
export function drawBatch(drawn: DrawnBatches, counted: number): boolean {
  drawn.all++;
  if (counted === 0) drawn.empty++;
  return counted > 0;
}

/** What to say of batches that made no step; undefined where there was none. */
export function emptyBatchesNote({ all, empty }: DrawnBatches): string | undefined {
  if (empty === 0) return undefined;
  const share = Math.max(1, Math.round((100 * empty) / all));
  return `${empty} of ${all} batches so far (${share} %) had no pixel that counts and made no step; larger crops or batches have fewer of them`;
}
