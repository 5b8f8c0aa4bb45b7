/**
 * @file Train and val by folds, for data that come without a split: disjoint, and the same whatever order the samples are found in.
 */
import { ConfigError, DataError } from '../base/errors.ts';
import { createRandom, shuffled } from '../base/random.ts';
import type { DataSetBase, Sample } from './types.ts';

/** Which part is val. */
export interface FoldOptions {
  /** From 0 to `folds` - 1; default 0. */
  fold?: number;
  /** Number of parts; default 5, so that a fifth is val. */
  folds?: number;
  /** Default 0. */
  seed?: number;
}

/**
 * Splits samples: shuffled by the seed, dealt out to `folds` parts whose sizes differ by one at most; part `fold` is val. Over all folds
 * every sample is in val once. Both splits are in the order of ids.
 */
export function splitFold(samples: readonly Sample[], options: FoldOptions = {}): DataSetBase['splits'] {
  const { fold = 0, folds = 5, seed = 0 } = options;
  if (!Number.isInteger(folds) || folds < 2) throw new ConfigError(`folds ${folds}`, 'expected a whole number from 2');
  if (!Number.isInteger(fold) || fold < 0 || fold >= folds) {
    throw new ConfigError(`fold ${fold} of ${folds}`, `expected a whole number from 0 to ${folds - 1}`);
  }
  if (samples.length < folds)
    throw new DataError(`${samples.length} labelled samples make no ${folds} folds`, 'lower folds or add data');
  const sorted = [...samples].sort((a, b) => (a.id < b.id ? -1 : Number(a.id > b.id)));
  const chosen = new Set(shuffled(sorted, createRandom(seed, 0xf01d)).filter((_, place) => place % folds === fold));
  return { train: sorted.filter((sample) => !chosen.has(sample)), val: sorted.filter((sample) => chosen.has(sample)) };
}
