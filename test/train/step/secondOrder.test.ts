import { describe, expect, it } from 'vitest';
import { gradients } from '../../../src/engine/autograd.ts';
import { Generator } from '../../../src/engine/device.ts';
import * as op from '../../../src/engine/operators.ts';
import { fromArray, scope, type Tensor } from '../../../src/engine/tensor.ts';
import { crossEntropy } from '../../../src/nn/losses.ts';
import { adam, addScaled, jointNorm } from '../../../src/nn/optimisers.ts';
import { type Parameter, ParameterSet } from '../../../src/nn/parameters.ts';
import { createSupernet } from '../../../src/supernet/network.ts';
import { takeUnrolledStep, unrolledGradients } from '../../../src/train/step/secondOrder.ts';
import { largestDifference, largestOf } from '../../helpers/tensors.ts';

const generator = new Generator(5);

/** The gradient of `validation(w - rate * d_w training(w, a), a)` for a, by differentiating the gradient: what is approximated. */
function exactGradient(
  architecture: readonly Parameter[],
  weights: readonly Parameter[],
  training: (weights: readonly Tensor[]) => Tensor,
  validation: (weights: readonly Tensor[]) => Tensor,
  rate: number,
): (Tensor | null)[] {
  const now = weights.map(({ tensor }) => tensor);
  const inner = gradients([training(now)], now, { createGraph: true });
  const next = now.map((w, i) => (inner[i] ? op.subtract(w, op.scale(inner[i] as Tensor, rate)) : w));
  return gradients(
    [validation(next)],
    architecture.map(({ tensor }) => tensor),
  );
}

describe('the second-order gradient', () => {
  const set = () => new ParameterSet({ generator: generator.id, device: 'cpu' });
  const normal = (shape: readonly number[], id: number) => op.randn(shape, id, 'float64');

  it('is the exact gradient of the unrolled objective where the training loss is quadratic in the weights', () => {
    scope(() => {
      const [weights, architecture] = [set(), set()];
      const w = weights.weight('w', [6], normal);
      const a = architecture.weight('a', [4], normal);
      const [mix, target, other] = [[6, 4], [6], [6]].map((shape) => op.randn(shape, generator.id, 'float64'));
      // Both losses depend on the architecture by themselves; the training loss couples the two by a product.
      const scaleBy = () => op.addNumber(op.power(op.matmul(mix, a), 2), 0.5);
      const training = ([v]: readonly Tensor[]) => op.sum(op.power(op.subtract(op.multiply(scaleBy(), v), target), 2));
      const validation = ([v]: readonly Tensor[]) =>
        op.add(op.sum(op.power(op.subtract(v, other), 4)), op.sum(op.multiply(op.power(a, 3), a)));
      const parameters = [weights.parameters(), architecture.parameters()] as const;
      const [exact] = exactGradient(parameters[1], parameters[0], training, validation, 0.03);
      const before = w.numbers();
      const { result, gradients: unrolled } = unrolledGradients(parameters[1], parameters[0], {
        training: () => training([w]),
        validation: () => validation([w]),
        rate: 0.03,
      });
      const size = largestOf((exact as Tensor).numbers());
      unrolled[0]?.numbers().forEach((gradient, i) => {
        expect(Math.abs(gradient - (exact as Tensor).numbers()[i])).toBeLessThan(1e-9 * size);
      });
      // It is not the first-order one, which is the gradient of the last term alone.
      const direct = a.numbers().map((value) => 4 * value ** 3);
      expect(largestDifference(direct, (unrolled[0] as Tensor).numbers())).toBeGreaterThan(0.1 * size);
      expect(w.numbers()).toEqual(before);
      const step = gradients([training([w])], [w])[0] as Tensor;
      expect(result).toBeCloseTo(validation([op.subtract(w, op.scale(step, 0.03))]).item(), 8);
    });
  });

  it.each([false, true])(
    'of a supernet is the gradient of the unrolled objective, which the first order misses (fused: %s)',
    (fused) => {
      scope(() => {
        const shape = { rank: 2, inputs: 3, classes: 3, layers: 2, filters: 2, blocks: 2, atrous: 'dense' } as const;
        const origin = { generator: new Generator(6).id, device: 'cpu' };
        const supernet = createSupernet(origin, { ...shape, cellWeights: 'perNode', fused });
        const images = [0, 1].map(() => op.randn([3, 3, 33, 33], origin.generator));
        const labels = fromArray(
          Array.from({ length: 3 * 33 * 33 }, (_, i) => (i * 7) % 3),
          [3, 33, 33],
          'int64',
        );
        const lossOn = (half: number) => () => crossEntropy(supernet.forward(images[half], { training: true }), labels);
        const [training, validation, rate] = [lossOn(0), lossOn(1), 0.5];
        const weights = supernet.parameters.parameters();
        const { parameters } = supernet.architecture;
        const { gradients: unrolled } = unrolledGradients(parameters, weights, { training, validation, rate });
        const direct = gradients(
          [validation()],
          parameters.map(({ tensor }) => tensor),
        );
        const unrolledAt = (offset: number) => {
          addScaled(logits, unrolled, offset);
          const { result } = unrolledGradients(parameters, weights, { training, validation, rate });
          addScaled(logits, unrolled, -offset);
          return result;
        };
        const logits = parameters.map(({ tensor }) => tensor);
        const size = jointNorm(unrolled as Tensor[]);
        const step = 0.02 / size;
        const gradient = (unrolledAt(step) - unrolledAt(-step)) / (2 * step);
        // Along itself a gradient rises by its square; ReLUs that switch on the way are within the tolerance.
        expect(Math.abs(gradient / size ** 2 - 1)).toBeLessThan(0.15);
        const first = unrolled.reduce(
          (sum, own, i) => sum + op.sum(op.multiply(own as Tensor, direct[i] as Tensor)).item(),
          0,
        );
        expect(first / size ** 2).toBeLessThan(0.5);
      });
    },
  );

  it('changes neither weights nor architecture where a loss is not finite', () => {
    for (const broken of ['training', 'validation'] as const) {
      const [weights, architecture] = [set(), set()];
      const w = weights.weight('w', [2], normal);
      const a = architecture.weight('a', [2], normal);
      const before = [w.numbers(), a.numbers()];
      const good = () => op.sum(op.multiply(op.power(w, 2), a));
      const bad = () => op.scale(good(), Number.NaN);
      const optimiser = adam(architecture.parameters(), { decay: 0, decoupled: false });
      const descent = { trained: architecture.parameters(), frozen: weights.parameters(), optimiser, clip: 0 };
      const losses = { training: good, validation: good, [broken]: bad };
      expect(takeUnrolledStep(descent, 0.1, { ...losses, rate: 0.1 })).toBeNaN();
      expect([w.numbers(), a.numbers()]).toEqual(before);
      expect(takeUnrolledStep(descent, 0.1, { training: good, validation: good, rate: 0.1 })).not.toBeNaN();
      expect(a.numbers()).not.toEqual(before[1]);
      expect(w.numbers()).toEqual(before[0]);
    }
  });
});
