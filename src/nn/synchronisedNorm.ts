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
 * One all-reduce forward and one backward: each part brings its own mean and what is left around it, in float64, in which what the parts have in common
 * cancels without harm; so the variance is as exact as in one process.
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
    const size = x.size / channels;
    const own = op.toDevice(fromArray([size], [1], 'float64'), x.device);
    const ownMean = op.scale(op.sumOver(x, others), 1 / size);
    const centred = op.subtract(x, perChannel(ownMean));
    const exactMean = op.toDType(ownMean, 'float64');
    const around = op.toDType(op.sumOver(op.multiply(centred, centred), others), 'float64');
    const squares = op.add(around, op.scale(op.multiply(exactMean, exactMean), size));
    const sums = sumOverRanks(op.concat([op.scale(exactMean, size), squares, own], 0));
    const count = op.slice(sums, 0, 2 * channels, 2 * channels + 1);
    const allMean = op.divide(op.slice(sums, 0, 0, channels), count);
    const allSquares = op.divide(op.slice(sums, 0, channels, 2 * channels), count);
    const batchVariance = op.subtract(allSquares, op.multiply(allMean, allMean));
    const inverse = op.toDType(op.power(op.addNumber(batchVariance, epsilon), -0.5), x.dtype);
    const scale = weight ? op.multiply(inverse, weight) : inverse;
    // From the part's own mean to that of all.
    const offset = op.multiply(op.toDType(op.subtract(exactMean, allMean), x.dtype), scale);
    const shift = bias ? op.add(offset, bias) : offset;
    if (mean && variance) {
      noGrad(() => {
        const unbiased = op.multiply(batchVariance, op.divide(count, op.addNumber(count, -1)));
        follow(mean, allMean, momentum);
        follow(variance, unbiased, momentum);
      });
    }
    return op.add(op.multiply(centred, perChannel(scale)), perChannel(shift));
  });
}

/** `running = (1 - momentum) running + momentum value`. */
const follow = (running: Tensor, value: Tensor, momentum: number) =>
  op.copyInto(running, op.add(op.scale(running, 1 - momentum), op.scale(op.toDType(value, running.dtype), momentum)));
