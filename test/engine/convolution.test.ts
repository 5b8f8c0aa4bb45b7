import { expect, it } from 'vitest';
import { Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { scope } from '../../src/engine/tensor.ts';
import { expectGradients } from '../helpers/centralDifferences.ts';

const generator = new Generator(7);

it('of one small volume is that of its place in a batch, and so are its gradients', () => {
  scope(() => {
    const x = op.randn([3, 4, 6, 5, 7], generator.id);
    const weight = op.randn([5, 4, 3, 1, 3], generator.id);
    const bias = op.randn([5], generator.id);
    const filter = (input: typeof x) => op.convolution(input, weight, bias, [2, 1, 1], [1, 0, 1], [1, 1, 1], 1);
    const [alone, together] = [filter(op.slice(x, 0, 1, 2)), op.slice(filter(x), 0, 1, 2)];
    expect(alone.shape).toEqual([1, 5, 3, 5, 7]);
    expect(Math.max(...op.abs(op.subtract(alone, together)).numbers())).toBeLessThan(1e-5);
  });
  const small = [
    op.randn([1, 2, 3, 2, 3], generator.id, 'float64'),
    op.randn([2, 2, 3, 3, 3], generator.id, 'float64'),
  ];
  expectGradients((x, weight) => op.convolution(x, weight, null, [1, 1, 1], [1, 1, 1], [1, 1, 1], 1), small);
});

it.each([[[1, 1, 1]], [[3, 1, 1]], [[1, 1, 3]]])('with the window %j is the one in the middle of a 3x3x3', (sides) => {
  scope(() => {
    const x = op.randn([2, 3, 4, 5, 6], generator.id, 'float64');
    const weight = op.randn([4, 3, ...sides], generator.id, 'float64');
    const cube = op.pad(
      weight,
      sides.toReversed().flatMap((side) => [(3 - side) / 2, (3 - side) / 2]),
    );
    const filter = (window: typeof x) =>
      op.convolution(
        x,
        window,
        null,
        [1, 2, 1],
        window.shape.slice(2).map((side) => (side - 1) / 2),
        [1, 1, 1],
        1,
      );
    expect(Math.max(...op.abs(op.subtract(filter(weight), filter(cube))).numbers())).toBeLessThan(1e-12);
  });
});
