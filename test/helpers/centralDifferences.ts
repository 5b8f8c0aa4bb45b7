import { expect } from 'vitest';
import { gradients, noGrad, requireGradient } from '../../src/engine/autograd.ts';
import { Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { fromArray, scope, type Tensor } from '../../src/engine/tensor.ts';

/** Holds the gradient of `fn`, weighted by a random output gradient, to central differences for every element of every float64 input. */
export function expectGradients(fn: (...inputs: Tensor[]) => Tensor, inputs: Tensor[], tolerance = 1e-6): void {
  const generator = new Generator(11);
  const leaves = inputs.map((input) => requireGradient(fromArray(input.data(), input.shape, 'float64')));
  const output = fn(...leaves);
  const weight = op.randn(output.shape, generator.id, 'float64');
  const value = (...arguments_: Tensor[]) => op.sum(op.multiply(fn(...arguments_), weight));
  const analytic = gradients([value(...leaves)], leaves).map((gradient) => gradient?.numbers());
  const epsilon = 1e-5;
  noGrad(() =>
    leaves.forEach((leaf, k) => {
      const base = leaf.data() as Float64Array;
      base.forEach((_, i) => {
        const at = (offset: number) =>
          scope(() => {
            const moved = Float64Array.from(base);
            moved[i] += offset;
            return value(
              ...leaves.map((other, j) => (j === k ? fromArray(moved, leaf.shape, 'float64') : other)),
            ).item();
          });
        const numeric = (at(epsilon) - at(-epsilon)) / (2 * epsilon);
        expect(Math.abs((analytic[k]?.[i] ?? Number.NaN) - numeric), `input ${k}, element ${i}`).toBeLessThan(
          tolerance * Math.max(1, Math.abs(numeric)),
        );
      });
    }),
  );
}
