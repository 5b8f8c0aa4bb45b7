/** @file The fused edge of DiNTS against libtorch's operators one by one, and against central differences. */
import { afterEach, describe, expect, it } from 'vitest';
import { gradients, noGrad } from '../../../src/engine/autograd.ts';
import { operator } from '../../../src/engine/call.ts';
import { Generator, hasBfloat16Tiles, threads } from '../../../src/engine/device.ts';
import * as op from '../../../src/engine/operators.ts';
import { type DType, scope, type Tensor } from '../../../src/engine/tensor.ts';
import type { Precision } from '../../../src/nn/layers.ts';
import { fusedEdge } from '../../../src/supernet/dints/fusedEdge.ts';
import type { KeptMemory } from '../../../src/supernet/keptMemory.ts';
import { expectGradients } from '../../helpers/centralDifferences.ts';
import { createEdgeLeaves, type EdgeShape, edgeParts, fusedEdgeOf, plainEdge } from '../../helpers/edgeReference.ts';
import { INSTRUCTION_SETS, use } from '../../helpers/kernels.ts';
import { difference, distance, exact } from '../../helpers/tensors.ts';

const generator = new Generator(12);
const MEMORIES: readonly KeptMemory[] = ['fast', 'balanced', 'small'];

const SHAPES: readonly EdgeShape[] = [
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

const gradFor = ({ batch, channels, size }: EdgeShape, dtype: DType) =>
  op.randn([batch, channels, ...size], generator.id, dtype);

afterEach(() => {
  use('best');
});

describe('the fused edge', () => {
  it.each(named)('of %s equals the plain composition in float64, and so do all gradients', (_, shape) => {
    scope(() => {
      const leaves = createEdgeLeaves(shape, 'float64');
      const grad = gradFor(shape, 'float64');
      const expected = plainEdge(leaves, shape);
      const expectedGradients = gradients([expected], leaves, { gradients: [grad] });
      for (const memory of MEMORIES) {
        const output = fusedEdgeOf(leaves, shape, memory);
        expect(difference(output, expected), memory).toBeLessThan(1e-10);
        gradients([output], leaves, { gradients: [grad] }).forEach((gradient, i) => {
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
      const leaves = createEdgeLeaves(shape, 'float32');
      const grad = gradFor(shape, 'float32');
      const precise = leaves.map(exact);
      const expected = plainEdge(precise, shape);
      const expectedGradients = gradients([expected], precise, { gradients: [op.toDType(grad, 'float64')] });
      for (const set of INSTRUCTION_SETS.filter(use)) {
        use(set);
        const output = fusedEdgeOf(leaves, shape);
        expect(difference(op.toDType(output, 'float64'), expected), set).toBeLessThan(tolerance);
        gradients([output], leaves, { gradients: [grad] }).forEach((gradient, i) => {
          const distance = difference(op.toDType(gradient as Tensor, 'float64'), expectedGradients[i] as Tensor);
          expect(distance, `${set}, leaf ${i}`).toBeLessThan(tolerance);
        });
      }
    });
  });

  it('has the gradients of central differences', () => {
    const shape: EdgeShape = { batch: 1, channels: 2, size: [2, 3, 2] };
    expectGradients((...leaves) => fusedEdgeOf(leaves, shape), createEdgeLeaves(shape, 'float64'), 1e-5);
  });

  const small: EdgeShape = { batch: 2, channels: 5, size: [3, 4, 5] };

  it('reads and keeps any memory layout', () => {
    scope(() => {
      const leaves = createEdgeLeaves(small, 'float64');
      const last = leaves.map((leaf) => (leaf.shape.length === 5 ? op.channelsLast(leaf) : leaf));
      const grad = gradFor(small, 'float64');
      const [one, other] = [fusedEdgeOf(leaves, small), fusedEdgeOf(last, small)];
      expect(difference(one, other)).toBe(0);
      const ofLast = gradients([other], last, { gradients: [op.channelsLast(grad)] });
      gradients([one], leaves, { gradients: [grad] }).forEach((gradient, i) => {
        expect(difference(gradient as Tensor, ofLast[i] as Tensor)).toBe(0);
      });
    });
  });

  it('gives the gradients that are asked for when weights are frozen, and none when nothing is recorded', () => {
    scope(() => {
      const leaves = createEdgeLeaves(small, 'float64');
      const grad = gradFor(small, 'float64');
      const every = gradients([fusedEdgeOf(leaves, small)], leaves, { gradients: [grad] });
      const frozen = leaves.map((leaf, i) => (i < 2 ? leaf : op.detach(leaf)));
      for (const memory of MEMORIES) {
        gradients([fusedEdgeOf(frozen, small, memory)], frozen.slice(0, 2), { gradients: [grad] }).forEach(
          (gradient, i) => {
            expect(difference(gradient as Tensor, every[i] as Tensor)).toBe(0);
          },
        );
      }
      const silent = noGrad(() => fusedEdgeOf(leaves, small));
      expect(silent.requiresGradient).toBe(false);
      expect(difference(silent, fusedEdgeOf(leaves, small))).toBe(0);
    });
  });

  it.each(['float32', 'bfloat16'] as const)(
    'gives the same to the last bit on any number of threads, in %s',
    (products) => {
      scope(() => {
        const leaves = createEdgeLeaves(small, 'float32');
        const grad = gradFor(small, 'float32');
        const on = (count: number) => {
          threads(count);
          const output = fusedEdgeOf(leaves, small, 'fast', products);
          return [output, ...gradients([output], leaves, { gradients: [grad] })];
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
    const more: readonly EdgeShape[] = [
      { batch: 1, channels: 32, size: [2, 4, 1100] },
      { batch: 2, channels: 40, size: [5, 33, 17] },
      { batch: 1, channels: 256, size: [4, 4, 4] },
      { batch: 3, channels: 6, size: [1, 7, 8] },
      { batch: 2, channels: 24, size: [41, 37] },
    ];
    const shapes = [...SHAPES, ...more];
    // A norm of few values divides by what may be near zero, which rounding then changes as much.
    const large = shapes.filter(({ size }) => size.reduce((product, length) => product * length, 1) >= 60);
    const cases = (some: readonly EdgeShape[]) => some.map((shape) => [JSON.stringify(shape), shape] as const);

    it.runIf(hasBfloat16Tiles()).each(cases(large))('of %s has the gradients of float32, rounded', (_, shape) => {
      scope(() => {
        const leaves = createEdgeLeaves(shape, 'float32');
        const grad = gradFor(shape, 'float32');
        const found = (products: Precision, memory: KeptMemory) => {
          const output = fusedEdgeOf(leaves, shape, memory, products);
          return [output, ...(gradients([output], leaves, { gradients: [grad] }) as Tensor[])];
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
            const leaves = createEdgeLeaves(shape, 'float32').map((leaf, i) =>
              leaf.shape.length < 3 ? leaf : whole(leaf, i === 0 ? 3 : 1),
            );
            const [half, exactly] = (['bfloat16', 'float32'] as const).map((products) =>
              fusedEdgeOf(leaves, shape, 'fast', products),
            );
            expect(difference(half, exactly)).toBe(0);
          }),
        );
      },
    );

    it.runIf(hasBfloat16Tiles())('differs from float32 otherwise, and not where it runs without tiles', () => {
      scope(() => {
        const leaves = createEdgeLeaves(small, 'float32');
        const both = () => difference(fusedEdgeOf(leaves, small, 'fast', 'bfloat16'), fusedEdgeOf(leaves, small));
        expect(both()).toBeGreaterThan(0);
        use('portable');
        expect(both()).toBe(0);
      });
    });
  });

  it('refuses windows that it has no kernel for', () => {
    scope(() => {
      const { x, mixture, operators } = edgeParts(createEdgeLeaves(small, 'float64'), small);
      const wide = op.ones([5, 5, 5, 5, 5], 'float64');
      expect(() =>
        fusedEdge(x, mixture, [{ ...operators[0], weights: [wide] }, ...operators.slice(1)], 'fast'),
      ).toThrow(/sides of one or three/);
    });
  });
});
