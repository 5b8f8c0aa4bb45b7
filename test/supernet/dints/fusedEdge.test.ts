/** @file The fused edge of DiNTS against libtorch's operators one by one, and against central differences. */
import { afterEach, describe, expect, it } from 'vitest';
import { gradients, noGrad, requireGradient } from '../../../src/engine/autograd.ts';
import { operator } from '../../../src/engine/call.ts';
import { Generator, hasBfloat16Tiles, threads } from '../../../src/engine/device.ts';
import * as op from '../../../src/engine/operators.ts';
import { type DType, scope, type Tensor } from '../../../src/engine/tensor.ts';
import { type Precision, samePadding } from '../../../src/nn/layers.ts';
import { DINTS_OPERATOR_NAMES, DINTS_OPERATORS } from '../../../src/space/dints/operators.ts';
import { fusedEdge } from '../../../src/supernet/dints/fusedEdge.ts';
import type { KeptMemory } from '../../../src/supernet/keptMemory.ts';
import { expectGradients } from '../../helpers/centralDifferences.ts';
import { difference, distance, exact, INSTRUCTION_SETS, use } from '../../helpers/kernels.ts';

const generator = new Generator(12);
const MEMORIES: readonly KeptMemory[] = ['fast', 'balanced', 'small'];

interface Shape {
  readonly batch: number;
  readonly channels: number;
  readonly size: readonly [number, number] | readonly [number, number, number];
}

const SHAPES: readonly Shape[] = [
  { batch: 1, channels: 1, size: [1, 1, 1] },
  { batch: 2, channels: 1, size: [3, 5, 2] },
  { batch: 1, channels: 3, size: [5, 7, 9] },
  { batch: 2, channels: 8, size: [4, 3, 1] },
  { batch: 1, channels: 16, size: [2, 9, 4] },
  { batch: 1, channels: 20, size: [1, 3, 11] },
  { batch: 2, channels: 32, size: [3, 4, 13] },
  { batch: 1, channels: 72, size: [3, 2, 2] },
  { batch: 2, channels: 12, size: [9, 6] },
];
const named = SHAPES.map((shape) => [JSON.stringify(shape), shape] as const);

/** Windows of the convolutions by operator, the identity left out. */
const kernelsOf = ({ size }: Shape) =>
  DINTS_OPERATOR_NAMES[size.length]
    .slice(1)
    .map((name) =>
      DINTS_OPERATORS[name].kernels.map((kernel) => (typeof kernel === 'number' ? size.map(() => kernel) : kernel)),
    );

/** All tensors as leaves: x, mixture, then of each operator its convolutions, scale and shift. */
function createLeaves(shape: Shape, dtype: DType): Tensor[] {
  const { batch, channels, size } = shape;
  const leaf = (sizes: readonly number[], scale = 1) =>
    requireGradient(op.detach(op.scale(op.randn(sizes, generator.id, dtype), scale)));
  const operators = kernelsOf(shape);
  return [
    leaf([batch, channels, ...size]),
    leaf([1 + operators.length]),
    ...operators.flatMap((kernels) => [
      ...kernels.map((sides) => leaf([channels, channels, ...sides], (3 * channels) ** -0.5)),
      leaf([channels]),
      leaf([channels]),
    ]),
  ];
}

/** The leaves by what they are. */
function partsOf([x, mixture, ...rest]: readonly Tensor[], shape: Shape) {
  const operators = kernelsOf(shape).map((kernels) => {
    const weights = rest.splice(0, kernels.length);
    const [scale, shift] = rest.splice(0, 2);
    return { weights, scale, shift };
  });
  return { x, mixture, operators };
}

function fused(
  leaves: readonly Tensor[],
  shape: Shape,
  memory: KeptMemory = 'fast',
  products: Precision = 'float32',
): Tensor {
  const { x, mixture, operators } = partsOf(leaves, shape);
  return fusedEdge(x, mixture, operators, memory, products);
}

/** Operator by operator, the norm written out. */
function plain(leaves: readonly Tensor[], shape: Shape): Tensor {
  const { x, mixture, operators } = partsOf(leaves, shape);
  const { channels, size } = shape;
  const [ones, axes] = [size.map(() => 1), size.map((_, axis) => axis + 2)];
  const perChannel = (vector: Tensor) => op.reshape(vector, [1, channels, ...ones]);
  const terms = operators.map(({ weights, scale, shift }, k) => {
    const filtered = weights.reduce((value, weight) => {
      const paddings = weight.shape.slice(2).map((side) => samePadding(side, 1));
      return op.convolution(value, weight, null, ones, paddings, ones, 1);
    }, op.relu(x));
    const centred = op.subtract(filtered, op.meanOver(filtered, axes, true));
    const variance = op.meanOver(op.power(centred, 2), axes, true);
    const normal = op.multiply(centred, op.power(op.addNumber(variance, 1e-5), -0.5));
    const output = op.add(op.multiply(normal, perChannel(scale)), perChannel(shift));
    return op.multiply(output, op.select(mixture, 0, k + 1));
  });
  return [op.multiply(x, op.select(mixture, 0, 0)), ...terms].reduce(op.add);
}

const slopeFor = ({ batch, channels, size }: Shape, dtype: DType) =>
  op.randn([batch, channels, ...size], generator.id, dtype);

afterEach(() => {
  use('best');
});

describe('the fused edge', () => {
  it.each(named)('of %s equals the plain composition in float64, and so do all gradients', (_, shape) => {
    scope(() => {
      const leaves = createLeaves(shape, 'float64');
      const slope = slopeFor(shape, 'float64');
      const expected = plain(leaves, shape);
      const expectedGradients = gradients([expected], leaves, { gradients: [slope] });
      for (const memory of MEMORIES) {
        const output = fused(leaves, shape, memory);
        expect(difference(output, expected), memory).toBeLessThan(1e-10);
        gradients([output], leaves, { gradients: [slope] }).forEach((gradient, i) => {
          expect(gradient?.shape).toEqual(leaves[i].shape);
          expect(difference(gradient as Tensor, expectedGradients[i] as Tensor), `${memory}, leaf ${i}`).toBeLessThan(
            1e-8,
          );
        });
      }
    });
  });

  it.each(named)('of %s equals it in float32 on every instruction set', (_, shape) => {
    // Few values a channel: what a norm divides by may be near zero, and rounding then counts for as much as the value.
    const tolerance = shape.size.reduce((product, length) => product * length, 1) < 8 ? 2e-2 : 5e-4;
    scope(() => {
      const leaves = createLeaves(shape, 'float32');
      const slope = slopeFor(shape, 'float32');
      const precise = leaves.map(exact);
      const expected = plain(precise, shape);
      const expectedGradients = gradients([expected], precise, { gradients: [op.toDType(slope, 'float64')] });
      for (const set of INSTRUCTION_SETS.filter(use)) {
        use(set);
        const output = fused(leaves, shape);
        expect(difference(op.toDType(output, 'float64'), expected), set).toBeLessThan(tolerance);
        gradients([output], leaves, { gradients: [slope] }).forEach((gradient, i) => {
          const distance = difference(op.toDType(gradient as Tensor, 'float64'), expectedGradients[i] as Tensor);
          expect(distance, `${set}, leaf ${i}`).toBeLessThan(tolerance);
        });
      }
    });
  });

  it('has the gradients of central differences', () => {
    const shape: Shape = { batch: 1, channels: 2, size: [2, 3, 2] };
    expectGradients((...leaves) => fused(leaves, shape), createLeaves(shape, 'float64'), 1e-5);
  });

  const small: Shape = { batch: 2, channels: 5, size: [3, 4, 5] };

  it('reads and keeps any memory layout', () => {
    scope(() => {
      const leaves = createLeaves(small, 'float64');
      const last = leaves.map((leaf) => (leaf.shape.length === 5 ? op.channelsLast(leaf) : leaf));
      const slope = slopeFor(small, 'float64');
      const [one, other] = [fused(leaves, small), fused(last, small)];
      expect(difference(one, other)).toBe(0);
      const ofLast = gradients([other], last, { gradients: [op.channelsLast(slope)] });
      gradients([one], leaves, { gradients: [slope] }).forEach((gradient, i) => {
        expect(difference(gradient as Tensor, ofLast[i] as Tensor)).toBe(0);
      });
    });
  });

  it('gives the gradients that are asked for when weights are frozen, and none when nothing is recorded', () => {
    scope(() => {
      const leaves = createLeaves(small, 'float64');
      const slope = slopeFor(small, 'float64');
      const every = gradients([fused(leaves, small)], leaves, { gradients: [slope] });
      const frozen = leaves.map((leaf, i) => (i < 2 ? leaf : op.detach(leaf)));
      for (const memory of MEMORIES) {
        gradients([fused(frozen, small, memory)], frozen.slice(0, 2), { gradients: [slope] }).forEach((gradient, i) => {
          expect(difference(gradient as Tensor, every[i] as Tensor)).toBe(0);
        });
      }
      const silent = noGrad(() => fused(leaves, small));
      expect(silent.requiresGradient).toBe(false);
      expect(difference(silent, fused(leaves, small))).toBe(0);
    });
  });

  it.each(['float32', 'bfloat16'] as const)(
    'gives the same to the last bit on any number of threads, in %s',
    (products) => {
      scope(() => {
        const leaves = createLeaves(small, 'float32');
        const slope = slopeFor(small, 'float32');
        const on = (count: number) => {
          threads(count);
          const output = fused(leaves, small, 'fast', products);
          return [output, ...gradients([output], leaves, { gradients: [slope] })];
        };
        const before = threads();
        const one = on(1);
        const three = on(3);
        threads(before);
        one.forEach((tensor, i) => {
          expect(difference(tensor as Tensor, three[i] as Tensor)).toBe(0);
        });
      });
    },
  );

  describe('with products in bfloat16', () => {
    const more: readonly Shape[] = [
      { batch: 1, channels: 32, size: [2, 4, 1100] },
      { batch: 2, channels: 40, size: [5, 33, 17] },
      { batch: 1, channels: 256, size: [4, 4, 4] },
      { batch: 3, channels: 6, size: [1, 7, 8] },
      { batch: 2, channels: 24, size: [41, 37] },
    ];
    const shapes = [...SHAPES, ...more];
    // A norm of few values divides by what may be near zero, which rounding then changes as much.
    const large = shapes.filter(({ size }) => size.reduce((product, length) => product * length, 1) >= 60);
    const cases = (some: readonly Shape[]) => some.map((shape) => [JSON.stringify(shape), shape] as const);

    it.runIf(hasBfloat16Tiles()).each(cases(large))('of %s has the gradients of float32, rounded', (_, shape) => {
      scope(() => {
        const leaves = createLeaves(shape, 'float32');
        const slope = slopeFor(shape, 'float32');
        const found = (products: Precision, memory: KeptMemory) => {
          const output = fused(leaves, shape, memory, products);
          return [output, ...(gradients([output], leaves, { gradients: [slope] }) as Tensor[])];
        };
        const plain = found('float32', 'fast');
        const fast = found('bfloat16', 'fast');
        fast.forEach((tensor, i) => {
          expect(distance(tensor, plain[i]), `${i}`).toBeLessThan(0.02);
        });
        for (const memory of ['balanced', 'small'] as const)
          found('bfloat16', memory).forEach((tensor, i) => {
            expect(difference(tensor, fast[i]), `${memory}, ${i}`).toBe(0);
          });
      });
    });

    const narrow = shapes.filter(({ channels }) => channels <= 8);
    it.runIf(hasBfloat16Tiles()).each(cases(narrow))(
      'of %s is that of float32 where numbers need no rounding',
      (_, shape) => {
        noGrad(() =>
          scope(() => {
            // Up to three, times one, over windows of nine: what lies between two convolutions has eight bits.
            const whole = (x: Tensor, most: number) =>
              operator('aten::clamp').one(operator('aten::round').one(op.scale(x, 4)), -most, most);
            const leaves = createLeaves(shape, 'float32').map((leaf, i) =>
              leaf.shape.length < 3 ? leaf : whole(leaf, i === 0 ? 3 : 1),
            );
            const [half, exactly] = (['bfloat16', 'float32'] as const).map((products) =>
              fused(leaves, shape, 'fast', products),
            );
            expect(difference(half, exactly)).toBe(0);
          }),
        );
      },
    );

    it.runIf(hasBfloat16Tiles())('differs from float32 otherwise, and not where it runs without tiles', () => {
      scope(() => {
        const leaves = createLeaves(small, 'float32');
        const both = () => difference(fused(leaves, small, 'fast', 'bfloat16'), fused(leaves, small));
        expect(both()).toBeGreaterThan(0);
        use('portable');
        expect(both()).toBe(0);
      });
    });
  });

  it('refuses windows that it has no kernel for', () => {
    scope(() => {
      const { x, mixture, operators } = partsOf(createLeaves(small, 'float64'), small);
      const wide = op.ones([5, 5, 5, 5, 5], 'float64');
      expect(() =>
        fusedEdge(x, mixture, [{ ...operators[0], weights: [wide] }, ...operators.slice(1)], 'fast'),
      ).toThrow(/sides of one or three/);
    });
  });
});
