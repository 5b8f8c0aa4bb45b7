/**
 * @file Batch norm over a batch whose parts are in several processes: the same values and gradients as over the whole batch in one.
 */
import { noGrad } from '../engine/autograd.ts';
import * as op from '../engine/operators.ts';
import { fromArray, scope, type Tensor } from '../engine/tensor.ts';
import type { SumOverRanks } from './parameters.ts';

/** What a norm works with beside its input; each `[channels]`, null where it has none. */
export interface SynchronisedNorm {
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
  /** Running statistics, which are updated in place. */
  readonly mean: Tensor | null;
  readonly variance: Tensor | null;
  readonly momentum: number;
  readonly epsilon: number;
  readonly sumOverRanks: SumOverRanks;
}

/**
 * Normalises `[batch, channels, ...spatial]` with the mean and variance per channel over all parts, which may differ in size.
 * Two exchanges forward and two backward: the variance is that of what is centred, as exact as in one process.
 */
export function synchronisedNorm(x: Tensor, norm: SynchronisedNorm): Tensor {
  // Sums over a whole batch are too long for half precision.
  if (x.dtype === 'bfloat16' || x.dtype === 'float16')
    return op.toDType(synchronisedNorm(op.toDType(x, 'float32'), norm), x.dtype);
  const { weight, bias, mean, variance, momentum, epsilon, sumOverRanks } = norm;
  return scope(() => {
    const channels = x.shape[1];
    const others = x.shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]));
    const perChannel = (values: Tensor) => op.reshape(values, [1, channels, ...others.slice(1).map(() => 1)]);
    const own = op.toDevice(fromArray([x.size / channels], [1], x.dtype), x.device);
    const sums = sumOverRanks(op.concat([op.sumOver(x, others), own], 0));
    const count = op.slice(sums, 0, channels, channels + 1);
    const batchMean = op.divide(op.slice(sums, 0, 0, channels), count);
    const centred = op.subtract(x, perChannel(batchMean));
    const batchVariance = op.divide(sumOverRanks(op.sumOver(op.multiply(centred, centred), others)), count);
    const inverse = op.power(op.addNumber(batchVariance, epsilon), -0.5);
    const normal = op.multiply(centred, perChannel(weight ? op.multiply(inverse, weight) : inverse));
    if (mean && variance) {
      noGrad(() => {
        const unbiased = op.multiply(batchVariance, op.divide(count, op.addNumber(count, -1)));
        follow(mean, batchMean, momentum);
        follow(variance, unbiased, momentum);
      });
    }
    return bias ? op.add(normal, perChannel(bias)) : normal;
  });
}

/** `running = (1 - momentum) running + momentum value`. */
const follow = (running: Tensor, value: Tensor, momentum: number) =>
  op.copyInto(running, op.add(op.scale(running, 1 - momentum), op.scale(value, momentum)));
