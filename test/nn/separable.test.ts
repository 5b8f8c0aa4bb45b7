/** @file The separable convolution as one operator, against libtorch's two. */
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { gradients, noGrad, requireGradient } from '../../src/engine/autograd.ts';
import { operator } from '../../src/engine/call.ts';
import { Generator, threads } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { type DType, scope, type Tensor } from '../../src/engine/tensor.ts';
import { expectGradients } from '../helpers/centralDifferences.ts';
import { INSTRUCTION_SETS, use } from '../helpers/kernels.ts';
import { difference, exact } from '../helpers/tensors.ts';

const generator = new Generator(21);

interface Shape {
  readonly batch: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly size: readonly [number, number];
  readonly window: 3 | 5;
  readonly dilation: number;
}

const SHAPES: readonly Shape[] = [
  { batch: 1, inputs: 1, outputs: 1, size: [1, 1], window: 3, dilation: 1 },
  { batch: 2, inputs: 20, outputs: 20, size: [9, 13], window: 5, dilation: 1 },
  { batch: 1, inputs: 16, outputs: 8, size: [7, 2], window: 3, dilation: 2 },
  { batch: 3, inputs: 5, outputs: 33, size: [1, 17], window: 5, dilation: 2 },
  { batch: 2, inputs: 72, outputs: 40, size: [4, 5], window: 3, dilation: 5 },
];
const named = SHAPES.map((shape) => [JSON.stringify(shape), shape] as const);

/** Input and both weights. */
function createLeaves({ batch, inputs, outputs, size, window }: Shape, dtype: DType): Tensor[] {
  const leaf = (sizes: readonly number[], scale = 1) =>
    requireGradient(op.detach(op.scale(op.randn(sizes, generator.id, dtype), scale)));
  return [
    leaf([batch, inputs, ...size]),
    leaf([inputs, 1, window, window], 1 / window),
    leaf([outputs, inputs, 1, 1], inputs ** -0.5),
  ];
}

const fused = ([x, depthwise, pointwise]: readonly Tensor[], { dilation }: Shape) =>
  op.separableConvolution(x, depthwise, pointwise, dilation);

function plain([x, depthwise, pointwise]: readonly Tensor[], { inputs, window, dilation }: Shape): Tensor {
  const padding = (dilation * (window - 1)) / 2;
  const filtered = op.convolution(x, depthwise, null, [1, 1], [padding, padding], [dilation, dilation], inputs);
  return op.convolution(filtered, pointwise, null, [1, 1], [0, 0], [1, 1], 1);
}

const gradFor = ({ batch, outputs, size }: Shape, dtype: DType) =>
  op.randn([batch, outputs, ...size], generator.id, dtype);

/** Output and all gradients. */
const everything = (compute: typeof fused, leaves: readonly Tensor[], shape: Shape, grad: Tensor): Tensor[] => {
  const output = compute(leaves, shape);
  return [output, ...(gradients([output], leaves, { gradients: [grad] }) as Tensor[])];
};

afterEach(() => {
  use('best');
});

describe('a separable convolution', () => {
  it.each(named)('of %s is both convolutions in float64, and so are its gradients', (_, shape) => {
    scope(() => {
      const leaves = createLeaves(shape, 'float64');
      const grad = gradFor(shape, 'float64');
      const expected = everything(plain, leaves, shape, grad);
      everything(fused, leaves, shape, grad).forEach((tensor, i) => {
        expect(tensor.shape).toEqual(expected[i].shape);
        expect(difference(tensor, expected[i]), `${i}`).toBeLessThan(1e-12);
      });
    });
  });

  it.each(named)('of %s is both in float32 on every instruction set', (_, shape) => {
    scope(() => {
      const leaves = createLeaves(shape, 'float32');
      const grad = gradFor(shape, 'float32');
      const expected = everything(plain, leaves.map(exact), shape, op.toDType(grad, 'float64'));
      for (const set of INSTRUCTION_SETS.filter(use)) {
        use(set);
        everything(fused, leaves, shape, grad).forEach((tensor, i) => {
          expect(difference(op.toDType(tensor, 'float64'), expected[i]), `${set}, ${i}`).toBeLessThan(1e-5);
        });
      }
    });
  });

  it('is both for any sizes', () => {
    const shapes = fc.record({
      batch: fc.integer({ min: 1, max: 3 }),
      inputs: fc.integer({ min: 1, max: 40 }),
      outputs: fc.integer({ min: 1, max: 40 }),
      size: fc.tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 })),
      window: fc.constantFrom(3 as const, 5 as const),
      dilation: fc.integer({ min: 1, max: 4 }),
    });
    fc.assert(
      fc.property(shapes, (shape) => {
        scope(() => {
          const leaves = createLeaves(shape, 'float64');
          const grad = gradFor(shape, 'float64');
          const expected = everything(plain, leaves, shape, grad);
          for (const [i, tensor] of everything(fused, leaves, shape, grad).entries())
            expect(difference(tensor, expected[i])).toBeLessThan(1e-11);
        });
      }),
      { numRuns: 40 },
    );
  });

  const [, small] = SHAPES;

  it('gives the same to the last bit on any number of threads', () => {
    scope(() => {
      const leaves = createLeaves(small, 'float32');
      const grad = gradFor(small, 'float32');
      const before = threads();
      const [one, three] = [1, 3].map((count) => {
        threads(count);
        return everything(fused, leaves, small, grad);
      });
      threads(before);
      one.forEach((tensor, i) => {
        expect(difference(tensor, three[i])).toBe(0);
      });
    });
  });

  it('has the gradients of central differences', () => {
    const shape: Shape = { batch: 1, inputs: 2, outputs: 3, size: [3, 4], window: 3, dilation: 1 };
    expectGradients((...leaves) => fused(leaves, shape), createLeaves(shape, 'float64'), 1e-6);
  });

  it('reads any memory layout, and gives the gradient of its input alone where weights are frozen', () => {
    scope(() => {
      const leaves = createLeaves(small, 'float64');
      const grad = gradFor(small, 'float64');
      const expected = everything(fused, leaves, small, grad);
      everything(fused, leaves.map(op.channelsLast), small, op.channelsLast(grad)).forEach((tensor, i) => {
        expect(difference(tensor, expected[i])).toBe(0);
      });
      const [x, ...weights] = leaves;
      const output = fused([x, ...weights.map(op.detach)], small);
      expect(difference(gradients([output], [x], { gradients: [grad] })[0] as Tensor, expected[1])).toBe(0);
      expect(noGrad(() => fused(leaves, small)).requiresGradient).toBe(false);
    });
  });

  it('takes other windows, volumes and bfloat16 through both convolutions', () => {
    scope(() => {
      const compute = (x: Tensor, kernel: number) =>
        op.separableConvolution(
          x,
          op.ones([2, 1, ...x.shape.slice(2).map(() => kernel)]),
          op.ones([3, 2, ...x.shape.slice(2).map(() => 1)]),
          1,
        );
      const middle = (y: Tensor) => op.toDType(y, 'float32').numbers()[Math.floor(y.size / 6)];
      expect(middle(compute(op.ones([1, 2, 9, 9]), 7))).toBe(98);
      expect(middle(compute(op.ones([1, 2, 5, 5, 5]), 3))).toBe(54);
      expect(middle(compute(op.toDType(op.ones([1, 2, 5, 5]), 'bfloat16'), 3))).toBe(18);
    });
  });

  it('refuses weights that do not fit', () => {
    scope(() => {
      const [x, depthwise, pointwise] = createLeaves(small, 'float32');
      const call = (...given: unknown[]) => operator('espalier::separable_convolution').one(...(given as [Tensor]));
      expect(() => call(x, op.ones([3, 1, 5, 5]), pointwise, 1)).toThrow(/depthwise weight: got \[3, 1, 5, 5\] for 20/);
      expect(() => call(x, depthwise, op.ones([4, 3, 1, 1]), 1)).toThrow(/expected \[outputs, 20, 1, 1\], got \[4, 3/);
      expect(() => call(x, op.ones([20, 1, 4, 4]), pointwise, 1)).toThrow(/sides of three or five/);
      expect(() => call(x, depthwise, pointwise, 0)).toThrow(/a dilation is positive/);
    });
  });
});
