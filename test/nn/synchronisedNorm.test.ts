import { describe, expect, it } from 'vitest';
import { gradients, requireGradient } from '../../src/engine/autograd.ts';
import { Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import type { Tensor } from '../../src/engine/tensor.ts';
import { synchronisedNorm } from '../../src/nn/synchronisedNorm.ts';
import { largestOf } from '../helpers/tensors.ts';

const generator = new Generator(3).id;
const EPSILON = 1e-5;
const random = (...shape: number[]) => op.randn(shape, generator, 'float64');
const close = (a: Tensor, b: Tensor) =>
  a.numbers().forEach((value, i) => void expect(value).toBeCloseTo(b.numbers()[i], 10));

describe.each([
  ['pictures', [3, 4, 5, 6]],
  ['volumes', [2, 3, 4, 3, 2]],
])('the synchronised norm of %s', (_, shape) => {
  const channels = shape[1];
  const [x, weight, bias] = [random(...shape), random(channels), random(channels)].map((tensor) =>
    requireGradient(tensor),
  );
  const weights = random(...shape);
  const fresh = () => [op.zeros([channels], 'float64'), op.ones([channels], 'float64')] as const;

  it('in one process is batch norm: values, gradients and running statistics', () => {
    const [mean, variance] = fresh();
    const [ownMean, ownVariance] = fresh();
    const expected = op.batchNorm(x, weight, bias, mean, variance, true, 0.1, EPSILON);
    const own = synchronisedNorm(x, {
      ...{ weight, bias, mean: ownMean, variance: ownVariance, momentum: 0.1, epsilon: EPSILON },
      sumOverRanks: (sums) => sums,
    });
    close(own, expected);
    close(ownMean, mean);
    close(ownVariance, variance);
    const grads = [own, expected].map((output) => gradients([op.sum(op.multiply(output, weights))], [x, weight, bias]));
    grads[0].forEach((grad, i) => void close(grad as Tensor, grads[1][i] as Tensor));
  });

  it('of a batch that is there twice is that of the batch once', () => {
    const norm = { weight: null, bias: null, mean: null, variance: null, momentum: 0, epsilon: EPSILON };
    const twice = synchronisedNorm(x, { ...norm, sumOverRanks: (sums) => op.scale(sums, 2) });
    close(twice, op.batchNorm(x, null, null, null, null, true, 0, EPSILON));
  });

  it('of float32 far from zero is exact to the steps of its input, with one exchange', () => {
    const norm = { weight: null, bias: null, mean: null, variance: null, momentum: 0, epsilon: EPSILON };
    const far = op.addNumber(op.toDType(op.detach(x), 'float32'), 1000);
    let exchanges = 0;
    const own = synchronisedNorm(far, {
      ...norm,
      sumOverRanks(sums) {
        exchanges++;
        return sums;
      },
    });
    expect(exchanges).toBe(1);
    const exact = op.batchNorm(op.toDType(far, 'float64'), null, null, null, null, true, 0, EPSILON);
    const error = op.abs(op.subtract(op.toDType(own, 'float64'), exact));
    // At 1000 the steps of float32 are 6e-5 apart.
    expect(largestOf(error.numbers())).toBeLessThan(2e-4);
  });

  it('of half precision takes its statistics in float32', () => {
    const norm = { weight: null, bias: null, mean: null, variance: null, momentum: 0, epsilon: EPSILON };
    const half = op.toDType(op.addNumber(op.scale(op.detach(x), 0.1), 8), 'bfloat16');
    const own = synchronisedNorm(half, { ...norm, sumOverRanks: (sums) => sums });
    expect(own.dtype).toBe('bfloat16');
    const exact = synchronisedNorm(op.toDType(half, 'float32'), { ...norm, sumOverRanks: (sums) => sums });
    const rounded = op.toDType(op.toDType(exact, 'bfloat16'), 'float32');
    expect(op.toDType(own, 'float32').numbers()).toEqual(rounded.numbers());
  });
});
