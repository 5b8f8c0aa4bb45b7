/**
 * @file The norm after a convolution of the supernet, as a layer. Batch statistics always: a supernet is scored while it changes.
 */
import { batchNorm, type Layer } from '../nn/layers.ts';
import type { ParameterSet } from '../nn/parameters.ts';

/** Scale and shift are learned only where `affine` says so: without them alphas are comparable. */
export const searchNorm = (set: ParameterSet, channels: number, affine = false): Layer =>
  batchNorm(set, { channels, affine, track: false });
