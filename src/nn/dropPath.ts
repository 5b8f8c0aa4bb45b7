/**
 * @file Scheduled drop path: whole operators are left out at random, more of them in later layers and later in training.
 */
import { ConfigError } from '../base/errors.ts';
import * as op from '../engine/operators.ts';
import { scope, type Tensor } from '../engine/tensor.ts';
import type { Pass } from './layers.ts';

/** Probability to keep: `1 - progress * share * (1 - keepEnd)`, where share is (layer + 1) / layers. @paper auto-deeplab section 5 */
export const keepProbability = (progress: number, share: number, keepEnd: number): number =>
  1 - progress * share * (1 - keepEnd);

/** Zeroes whole samples of `x` and rescales the others, so that the expectation stays. Identity outside training. */
export function dropPath(x: Tensor, share: number, keepEnd: number, pass: Pass): Tensor {
  const keep = keepProbability(pass.progress ?? 0, share, keepEnd);
  // A node must give a tensor of its own, or its input itself: the executor counts uses per tensor.
  if (!pass.training || keep >= 1) return x;
  const { generator } = pass;
  if (generator === undefined) throw new ConfigError('drop path needs a generator in the pass');
  return scope(() => {
    const shape = [x.shape[0], ...x.shape.slice(1).map(() => 1)];
    // Drawn where the generator is: the same on every device.
    const drawn = op.toDevice(op.rand(shape, generator), x.device);
    const mask = op.toDType(op.lessThan(drawn, keep), x.dtype);
    return op.multiply(x, op.scale(mask, 1 / keep));
  });
}
