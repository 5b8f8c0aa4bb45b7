import fc from 'fast-check';
import { expect, it } from 'vitest';
import { gradients, noGrad, requireGradient } from '../../src/engine/autograd.ts';
import { operator } from '../../src/engine/call.ts';
import { Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { scope, type Tensor } from '../../src/engine/tensor.ts';
import { expectGradients } from '../helpers/centralDifferences.ts';
import { difference, largestOf } from '../helpers/tensors.ts';

const generator = new Generator(7);

it('of one small volume is that of its place in a batch, and so are its gradients', () => {
  scope(() => {
    const x = op.randn([3, 4, 6, 5, 7], generator.id);
    const weight = op.randn([5, 4, 3, 1, 3], generator.id);
    const bias = op.randn([5], generator.id);
    const filter = (input: typeof x) => op.convolution(input, weight, bias, [2, 1, 1], [1, 0, 1], [1, 1, 1], 1);
    const [alone, together] = [filter(op.slice(x, 0, 1, 2)), op.slice(filter(x), 0, 1, 2)];
    expect(alone.shape).toEqual([1, 5, 3, 5, 7]);
    expect(largestOf(op.abs(op.subtract(alone, together)).numbers())).toBeLessThan(1e-5);
  });
  const small = [
    op.randn([1, 2, 3, 2, 3], generator.id, 'float64'),
    op.randn([2, 2, 3, 3, 3], generator.id, 'float64'),
  ];
  expectGradients((x, weight) => op.convolution(x, weight, null, [1, 1, 1], [1, 1, 1], [1, 1, 1], 1), small);
});

it("of one small image or volume is libtorch's own, and so are its gradients, for any kernel", () => {
  const shapes = fc.integer({ min: 2, max: 3 }).chain((rank) => {
    const perAxis = (values: readonly number[]) =>
      fc.array(fc.constantFrom(...values), { minLength: rank, maxLength: rank });
    return fc.record({
      inputs: fc.integer({ min: 1, max: 40 }),
      outputs: fc.integer({ min: 1, max: 40 }),
      size: fc.array(fc.integer({ min: 3, max: 12 }), { minLength: rank, maxLength: rank }),
      kernel: perAxis([1, 3, 5]),
      stride: perAxis([1, 2]),
      dilation: fc.integer({ min: 1, max: 2 }),
      hasBias: fc.boolean(),
    });
  });
  fc.assert(
    fc.property(shapes, ({ inputs, outputs, size, kernel, stride, dilation, hasBias }) => {
      scope(() => {
        const leaf = (shape: readonly number[]) => requireGradient(op.randn(shape, generator.id));
        const leaves = [leaf([1, inputs, ...size]), leaf([outputs, inputs, ...kernel]), leaf([outputs])];
        const [x, weight, bias] = leaves;
        const padding = kernel.map((side) => (dilation * (side - 1)) / 2);
        const rates = size.map(() => dilation);
        const shift = hasBias ? bias : null;
        const own = operator('aten::convolution').one(
          ...[x, weight, shift, stride, padding, rates, false, size.map(() => 0), 1],
        );
        const ours = op.convolution(x, weight, shift, stride, padding, rates, 1);
        const grad = op.randn(own.shape, generator.id);
        const wanted = hasBias ? leaves : leaves.slice(0, 2);
        const everything = (y: Tensor) => [y, ...(gradients([y], wanted, { gradients: [grad] }) as Tensor[])];
        const expected = everything(own);
        for (const [i, tensor] of everything(ours).entries()) {
          const largest = largestOf(op.abs(expected[i]).numbers());
          expect(difference(tensor, expected[i])).toBeLessThan(1e-5 * (1 + largest));
        }
      });
    }),
    { numRuns: 60 },
  );
});

it.each([
  { size: [17, 24], kernel: [3, 3], stride: 1, dilation: 1 },
  { size: [12, 16], kernel: [3, 3], stride: 1, dilation: 2 },
  { size: [17, 24], kernel: [3, 3], stride: 2, dilation: 1 },
  { size: [12, 16], kernel: [1, 1], stride: 1, dilation: 1 },
  { size: [12, 16], kernel: [3, 1], stride: 1, dilation: 1 },
  { size: [8, 16, 8], kernel: [3, 3, 3], stride: 1, dilation: 1 },
  { size: [8, 16, 8], kernel: [3, 1, 1], stride: 1, dilation: 1 },
  { size: [8, 16, 8], kernel: [1, 1, 1], stride: 1, dilation: 1 },
])('of one takes no longer than of a batch: $kernel at $size, stride $stride, dilation $dilation', (row) => {
  const { size, kernel, stride, dilation } = row;
  scope(() => {
    const weight = op.randn([48, 48, ...kernel], generator.id);
    const all = (value: number) => size.map(() => value);
    const padding = kernel.map((side) => (dilation * (side - 1)) / 2);
    const milliseconds = (batch: number): number => {
      const x = op.channelsLast(op.randn([batch, 48, ...size], generator.id));
      const times = Array.from({ length: 8 }, () => {
        const started = performance.now();
        scope(() => {
          noGrad(() => op.convolution(x, weight, null, all(stride), padding, all(dilation), 1));
        });
        return performance.now() - started;
      });
      return Math.min(...times);
    };
    // The plain path is ten to a hundred times slower: a busy machine does not hide that.
    expect(milliseconds(1)).toBeLessThan(3 * milliseconds(2));
  });
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
    expect(largestOf(op.abs(op.subtract(filter(weight), filter(cube))).numbers())).toBeLessThan(1e-12);
  });
});

it("whose taps see little of the picture is libtorch's own, and so are its gradients, for any size", () => {
  const shapes = fc.record({
    batch: fc.integer({ min: 1, max: 2 }),
    inputs: fc.integer({ min: 1, max: 9 }),
    outputs: fc.integer({ min: 1, max: 9 }),
    size: fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 })),
    dilation: fc.integer({ min: 2, max: 14 }),
  });
  fc.assert(
    fc.property(shapes, ({ batch, inputs, outputs, size, dilation }) => {
      scope(() => {
        const leaf = (shape: readonly number[]) => requireGradient(op.randn(shape, generator.id, 'float64'));
        const leaves = [leaf([batch, inputs, ...size]), leaf([outputs, inputs, 3, 3])];
        const grad = op.randn([batch, outputs, ...size], generator.id, 'float64');
        const [x, weight] = leaves;
        const all = [dilation, dilation];
        // With a bias libtorch's own is taken.
        const own = op.convolution(x, weight, op.zeros([outputs], 'float64'), [1, 1], all, all, 1);
        const parts = operator('espalier::dilated_convolution').one(x, weight, dilation);
        const everything = (y: Tensor) => [y, ...(gradients([y], leaves, { gradients: [grad] }) as Tensor[])];
        const expected = everything(own);
        for (const [i, tensor] of everything(parts).entries())
          expect(difference(tensor, expected[i])).toBeLessThan(1e-12);
      });
    }),
    { numRuns: 60 },
  );
});

it('takes the way of parts from where less than half of a window is seen', () => {
  scope(() => {
    const weight = op.randn([2, 2, 3, 3], generator.id);
    const filter = (x: Tensor, rate: number) =>
      op.convolution(x, weight, null, [1, 1], [rate, rate], [rate, rate], 1).data();
    const parts = (x: Tensor, rate: number) => operator('espalier::dilated_convolution').one(x, weight, rate).data();
    const x = op.randn([2, 2, 41, 41], generator.id);
    expect(filter(x, 36)).toEqual(parts(x, 36));
    expect(filter(x, 24)).toEqual(parts(x, 24));
    const plain = operator('aten::convolution');
    const own = plain.one(x, weight, null, [1, 1], [12, 12], [12, 12], false, [0, 0], 1).data();
    expect(filter(x, 12)).toEqual(own);
    expect(() => operator('espalier::dilated_convolution').one(x, op.ones([2, 3, 3, 3]), 24)).toThrow(
      /expected \[outputs, 2, 3, 3\]/,
    );
  });
});

it('of single elements that strides over few channels is the one of every second element, and so are its gradients', () => {
  scope(() => {
    const images = op.randn([2, 6, 7, 3], generator.id, 'float64');
    const weight = op.randn([5, 3, 1, 1], generator.id, 'float64');
    const bias = op.randn([5], generator.id, 'float64');
    const x = op.permute(images, [0, 3, 1, 2]);
    const strided = op.convolution(x, weight, bias, [2, 2], [0, 0], [1, 1], 1);
    const whole = op.convolution(x, weight, bias, [1, 1], [0, 0], [1, 1], 1);
    const picked = [2, 3].reduce((y, axis) => operator('aten::slice.Tensor').one(y, axis, 0, y.shape[axis], 2), whole);
    expect(strided.shape).toEqual([2, 5, 3, 4]);
    expect(difference(strided, picked)).toBeLessThan(1e-12);
  });
  const small = [op.randn([1, 2, 4, 3], generator.id, 'float64'), op.randn([2, 2, 1, 1], generator.id, 'float64')];
  expectGradients((x, weight) => op.convolution(x, weight, null, [2, 2], [0, 0], [1, 1], 1), small);
});

it.each([[[1, 1]], [[3, 1]], [[1, 4]], [[1, 1, 1]], [[2, 3, 1]]])(
  'in bfloat16 with a stride has the gradients of float32 where a side is one element: %j',
  (size) => {
    const all = (value: number) => size.map(() => value);
    const found = (leaves: readonly Tensor[], kernel: number) => {
      const padding = all((kernel - 1) / 2);
      const output = op.convolution(leaves[0], leaves[1], null, all(2), padding, all(1), 1);
      return [
        output,
        ...(gradients([output], leaves, { gradients: [op.toDType(op.ones(output.shape), output.dtype)] }) as Tensor[]),
      ];
    };
    // Several times: what was read was whatever lay in memory.
    for (let round = 0; round < 20; round++)
      for (const kernel of [1, 3])
        scope(() => {
          const values = [op.randn([2, 16, ...size], generator.id), op.randn([16, 16, ...all(kernel)], generator.id)];
          const half = values.map((x) => requireGradient(op.toDType(op.channelsLast(x), 'bfloat16')));
          const expected = found(
            values.map((x) => requireGradient(x)),
            kernel,
          );
          for (const [i, tensor] of found(half, kernel).entries())
            expect(difference(op.toDType(tensor, 'float32'), expected[i]), `kernel ${kernel}, ${i}`).toBeLessThan(0.05);
        });
  },
);
