import { describe, expect, it } from 'vitest';
import { gradients, noGrad, requireGradient } from '../../src/engine/autograd.ts';
import { Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { fromArray, scope, type Tensor } from '../../src/engine/tensor.ts';
import { ParameterSet } from '../../src/nn/parameters.ts';
import { OPERATOR_NAMES } from '../../src/space/operators.ts';
import { applyOperator, mixedOp } from '../../src/supernet/mixedOp.ts';
import { createStateOperators } from '../../src/supernet/stateOperators.ts';
import { largestOf } from '../helpers/tensors.ts';

const generator = new Generator(4);
const largest = (a: Tensor, b: Tensor) => largestOf(op.abs(op.subtract(a, b)).numbers());
const scalars = (row: Tensor) => OPERATOR_NAMES.map((_, k) => op.select(row, 0, k));

describe('the mixed operator', () => {
  const build = (readers: number, channels: number, rank: 2 | 3, atrous: 'dense' | 'separable', affine = false) => {
    const set = new ParameterSet({ generator: generator.id, device: 'cpu' });
    const operators = createStateOperators(set, { rank, channels, readers, atrous, affine });
    for (const { name, tensor } of set.parameters())
      if (/scale|shift/.test(name)) noGrad(() => op.copyInto(tensor, op.randn(tensor.shape, generator.id)));
    return { set, operators };
  };

  it('with one-hot probabilities is the single operator', () => {
    const { operators } = build(1, 3, 2, 'dense');
    const x = op.randn([2, 3, 9, 8], generator.id);
    const weights = operators.edgeWeights(0);
    OPERATOR_NAMES.forEach((name, k) => {
      const oneHot = fromArray(
        OPERATOR_NAMES.map((_, i) => (i === k ? 1 : 0)),
        [8],
      );
      const mixed = mixedOp(x, weights, scalars(oneHot));
      const single = name === 'zero' ? op.zerosLike(x) : applyOperator(name, x, weights);
      expect(largest(mixed, single), name).toBeLessThan(1e-6);
    });
  });

  it.each([
    [1, 1, 2, 'dense', false, [1, 1]],
    [3, 4, 2, 'dense', false, [7, 6]],
    [3, 4, 2, 'dense', true, [7, 6]],
    [2, 5, 2, 'separable', false, [6, 9]],
    [2, 5, 2, 'separable', true, [6, 9]],
    [2, 3, 3, 'dense', false, [4, 3, 5]],
  ] as const)(
    'of %i readers with %i channels at rank %i (%s, scale and shift: %s) equals the plain composition, and so do all gradients',
    (readers, channels, rank, atrous, affine, size) => {
      scope(() => {
        const { set, operators } = build(readers, channels, rank, atrous, affine);
        const x = requireGradient(op.randn([2, channels, ...size], generator.id));
        const logits = requireGradient(op.randn([readers, 8], generator.id));
        const grad = op.randn([2, readers * channels, ...size], generator.id);
        const fast = operators.contributions(x, op.softmax(logits, 1));
        const plain = op.concat(
          Array.from({ length: readers }, (_, r) =>
            mixedOp(
              x,
              operators.edgeWeights(r),
              scalars(op.select(op.softmax(logits, 1), 0, r)),
              operators.edgeAffines(r),
            ),
          ),
          1,
        );
        expect(largest(fast, plain)).toBeLessThan(1e-4);
        const leaves = [x, logits, ...set.parameters().map(({ tensor }) => tensor)];
        const [a, b] = [fast, plain].map((output) => gradients([output], leaves, { gradients: [grad] }) as Tensor[]);
        a.forEach((gradient, i) => {
          const size = Math.max(1, ...op.abs(b[i]).numbers());
          expect(largest(gradient, b[i]) / size, `leaf ${i}`).toBeLessThan(2e-3);
        });
      });
    },
  );
});
