/** @file Bilinear resampling as an operator of the kernels, against libtorch's. */
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

const generator = new Generator(31);

type Size = readonly [number, number];
interface Shape {
  readonly batch: number;
  readonly channels: number;
  readonly from: Size;
  readonly to: Size;
}

const leaf = ({ batch, channels, from }: Shape, dtype: DType) =>
  requireGradient(op.randn([batch, channels, ...from], generator.id, dtype));
const gradFor = ({ batch, channels, to }: Shape, dtype: DType) =>
  op.randn([batch, channels, ...to], generator.id, dtype);

const own = (x: Tensor, to: Size) => operator('espalier::resize').one(x, to);
const plain = (x: Tensor, to: Size) => operator('aten::upsample_bilinear2d').one(x, to, true, null, null);

/** Output and gradient. */
const both = (resize: typeof own, x: Tensor, { to }: Shape, grad: Tensor): Tensor[] => {
  const output = resize(x, to);
  return [output, gradients([output], [x], { gradients: [grad] })[0] as Tensor];
};

const SHAPE: Shape = { batch: 2, channels: 19, from: [11, 7], to: [41, 25] };

afterEach(() => {
  use('best');
});

describe('bilinear resampling with aligned corners', () => {
  it("is libtorch's, and so is its gradient, from any size to any", () => {
    const side = fc.integer({ min: 1, max: 40 });
    const shapes = fc.record({
      batch: fc.integer({ min: 1, max: 3 }),
      channels: fc.integer({ min: 1, max: 35 }),
      from: fc.tuple(side, side),
      to: fc.tuple(side, side),
    });
    fc.assert(
      fc.property(shapes, (shape) => {
        scope(() => {
          const x = leaf(shape, 'float64');
          const grad = gradFor(shape, 'float64');
          const expected = both(plain, x, shape, grad);
          for (const [i, tensor] of both(own, x, shape, grad).entries()) {
            expect(tensor.shape).toEqual(expected[i].shape);
            expect(difference(tensor, expected[i])).toBeLessThan(1e-11);
          }
        });
      }),
      { numRuns: 80 },
    );
  });

  it('is so in float32 on every instruction set', () => {
    scope(() => {
      const x = leaf(SHAPE, 'float32');
      const grad = gradFor(SHAPE, 'float32');
      const expected = both(plain, exact(x), SHAPE, op.toDType(grad, 'float64'));
      for (const set of INSTRUCTION_SETS.filter(use)) {
        use(set);
        both(own, x, SHAPE, grad).forEach((tensor, i) => {
          expect(difference(op.toDType(tensor, 'float64'), expected[i]), `${set}, ${i}`).toBeLessThan(1e-6);
        });
      }
    });
  });

  it('keeps corners as they are, and every pixel where a side goes from d to 2 d - 1', () => {
    scope(() => {
      const x = op.randn([1, 3, 5, 6], generator.id);
      const doubled = op.resize(x, [9, 11]);
      for (let row = 0; row < 5; row++) {
        const [old, now] = [op.select(x, 2, row), op.select(doubled, 2, 2 * row)];
        for (let column = 0; column < 6; column++)
          expect(op.select(now, 2, 2 * column).numbers()).toEqual(op.select(old, 2, column).numbers());
      }
      expect(op.resize(x, [5, 6])).toBe(x);
    });
  });

  it('gives the same to the last bit on any number of threads, and in any memory layout', () => {
    scope(() => {
      const x = leaf(SHAPE, 'float32');
      const grad = gradFor(SHAPE, 'float32');
      const before = threads();
      const [one, three] = [1, 3].map((count) => {
        threads(count);
        return both(own, x, SHAPE, grad);
      });
      threads(before);
      const last = both(own, requireGradient(op.detach(op.channelsLast(x))), SHAPE, op.channelsLast(grad));
      one.forEach((tensor, i) => {
        expect(difference(tensor, three[i])).toBe(0);
        expect(difference(tensor, last[i])).toBe(0);
      });
    });
  });

  it('has the gradients of central differences, and records nothing where nothing is asked', () => {
    const small: Shape = { batch: 1, channels: 2, from: [3, 2], to: [4, 5] };
    expectGradients((x) => own(x, small.to), [op.detach(leaf(small, 'float64'))], 1e-6);
    expect(noGrad(() => own(leaf(small, 'float64'), small.to)).requiresGradient).toBe(false);
  });

  it('refuses what is no picture and no size', () => {
    expect(() => own(op.ones([2, 3, 4]), [2, 2])).toThrow(/resampling reads \[batch, channels, height, width\]/);
    expect(() => own(op.ones([1, 2, 3, 4]), [0, 2])).toThrow(/a size is two positive numbers/);
  });
});
