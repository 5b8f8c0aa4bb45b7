import { afterEach, describe, expect, it } from 'vitest';
import { gradients, noGrad } from '../../src/engine/autograd.ts';
import { operator } from '../../src/engine/call.ts';
import { Generator, hasBfloat16Tiles, threads } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { scope, type Tensor } from '../../src/engine/tensor.ts';
import type { Precision } from '../../src/nn/layers.ts';
import {
  allLeaves,
  type CellLeaves,
  type CellShape,
  createCellLeaves,
  fusedCell,
  plainCell,
} from '../helpers/cellReference.ts';
import { INSTRUCTION_SETS, use } from '../helpers/kernels.ts';
import { difference, distance, exact } from '../helpers/tensors.ts';

const generator = new Generator(11);
const SHAPES: readonly CellShape[] = [
  { lasts: 1, batch: 2, channels: 1, size: [1, 1], blocks: 1, atrous: 'dense' },
  { lasts: 2, batch: 1, channels: 3, size: [7, 10], blocks: 2, atrous: 'separable' },
  { lasts: 1, batch: 1, channels: 8, size: [2, 13], blocks: 5, atrous: 'dense' },
  { lasts: 3, batch: 2, channels: 8, size: [9, 9], blocks: 3, atrous: 'separable' },
  { lasts: 2, batch: 1, channels: 16, size: [5, 17], blocks: 2, atrous: 'dense' },
  { lasts: 1, batch: 1, channels: 20, size: [6, 5], blocks: 2, atrous: 'dense' },
  { lasts: 1, batch: 3, channels: 32, size: [3, 4], blocks: 2, atrous: 'separable' },
  { lasts: 3, batch: 1, channels: 64, size: [4, 7], blocks: 1, atrous: 'dense' },
  { lasts: 1, batch: 2, channels: 2, size: [37, 3], blocks: 1, atrous: 'dense' },
];
const named = SHAPES.map((shape) => [JSON.stringify(shape), shape] as const);

describe('the fused cell', () => {
  afterEach(() => {
    use('best');
  });

  it.each(named)('of %s equals the plain composition in float64, and so do all gradients', (_, shape) => {
    scope(() => {
      const leaves = createCellLeaves(shape, 'float64');
      const grad = op.randn([shape.batch, shape.blocks * shape.channels, ...shape.size], generator.id, 'float64');
      const plain = plainCell(leaves, shape);
      const plainGradients = gradients([plain], allLeaves(leaves), { gradients: [grad] });
      for (const memory of ['fast', 'small'] as const) {
        const fused = fusedCell(leaves, shape, memory);
        expect(difference(fused, plain)).toBeLessThan(1e-10);
        gradients([fused], allLeaves(leaves), { gradients: [grad] }).forEach((gradient, i) => {
          expect(difference(gradient as Tensor, plainGradients[i] as Tensor), `leaf ${i}`).toBeLessThan(1e-8);
        });
      }
    });
  });

  it.each(named)('of %s equals it in float32 on every instruction set', (_, shape) => {
    scope(() => {
      const leaves = createCellLeaves(shape, 'float32');
      const grad = op.randn([shape.batch, shape.blocks * shape.channels, ...shape.size], generator.id);
      // The composition in float64 on the same numbers: both float32 ways differ from it by their own rounding.
      const precise: CellLeaves = {
        lasts: leaves.lasts.map(exact),
        beforeLast: exact(leaves.beforeLast),
        moves: exact(leaves.moves),
        weights: leaves.weights.map(exact),
        logits: exact(leaves.logits),
      };
      const expected = plainCell(precise, shape);
      const expectedGradients = gradients([expected], allLeaves(precise), {
        gradients: [op.toDType(grad, 'float64')],
      });
      for (const set of INSTRUCTION_SETS.filter(use)) {
        use(set);
        const output = fusedCell(leaves, shape);
        expect(difference(op.toDType(output, 'float64'), expected), set).toBeLessThan(2e-5);
        gradients([output], allLeaves(leaves), { gradients: [grad] }).forEach((gradient, i) => {
          const distance = difference(op.toDType(gradient as Tensor, 'float64'), expectedGradients[i] as Tensor);
          expect(distance, `${set}, leaf ${i}`).toBeLessThan(5e-4);
        });
      }
    });
  });

  it.each([
    ['separable', 'float32'],
    ['dense', 'float32'],
    ['dense', 'bfloat16'],
  ] as const)('gives the same to the last bit on any number of threads, %s in %s', (atrous, products) => {
    scope(() => {
      const shape: CellShape = { lasts: 2, batch: 2, channels: 8, size: [31, 29], blocks: 3, atrous };
      const leaves = createCellLeaves(shape, 'float32');
      const grad = op.randn([shape.batch, shape.blocks * shape.channels, ...shape.size], generator.id);
      const before = threads();
      for (const memory of ['fast', 'small'] as const) {
        const [one, two, five] = [1, 2, 5].map((count) => {
          threads(count);
          const output = fusedCell(leaves, shape, memory, products);
          return [output, ...(gradients([output], allLeaves(leaves), { gradients: [grad] }) as Tensor[])];
        });
        threads(before);
        one.forEach((tensor, i) => {
          expect(difference(two[i], tensor), `${memory}, ${i}, two threads`).toBe(0);
          expect(difference(five[i], tensor), `${memory}, ${i}, five threads`).toBe(0);
        });
      }
    });
  });

  it('runs on as many threads as are set', () => {
    const before = threads();
    for (const count of [1, 2, 3]) {
      threads(count);
      expect(operator('espalier::kernel_threads').plain()).toBe(count);
    }
    threads(before);
  });

  it('runs at least on the portable instruction set, and refuses one that it does not know', () => {
    expect(use('portable')).toBe(true);
    expect(() => operator('espalier::instruction_set').plain('mmx')).toThrow(/avx512, avx2, portable/);
  });

  describe('with products in bfloat16', () => {
    const dense = SHAPES.filter(({ atrous }) => atrous === 'dense');
    const more: CellShape[] = [
      { lasts: 1, batch: 1, channels: 8, size: [1, 1100], blocks: 1, atrous: 'dense' },
      { lasts: 1, batch: 2, channels: 24, size: [33, 31], blocks: 2, atrous: 'dense' },
      { lasts: 1, batch: 3, channels: 48, size: [2, 1], blocks: 1, atrous: 'dense' },
    ];
    const cases = [...dense, ...more].map((shape) => [JSON.stringify(shape), shape] as const);

    it.runIf(hasBfloat16Tiles()).each(cases)('of %s has the gradients of float32, rounded', (_, given) => {
      // One block: its states are the inputs, so that no ReLU of a rounded state decides.
      const shape = { ...given, blocks: 1 };
      scope(() => {
        const leaves = createCellLeaves(shape, 'float32');
        const grad = op.randn([shape.batch, shape.channels, ...shape.size], generator.id);
        const found = (products: Precision, memory: 'fast' | 'small') => {
          const output = fusedCell(leaves, shape, memory, products);
          return [output, ...(gradients([output], allLeaves(leaves), { gradients: [grad] }) as Tensor[])];
        };
        const plain = found('float32', 'fast');
        for (const memory of ['fast', 'small'] as const)
          found('bfloat16', memory).forEach((tensor, i) => {
            expect(distance(tensor, plain[i]), `${memory}, ${i}`).toBeLessThan(0.02);
          });
      });
    });

    it.runIf(hasBfloat16Tiles()).each(cases)('of %s is that of float32 where numbers need no rounding', (_, given) => {
      const shape = { ...given, blocks: 1 };
      noGrad(() =>
        scope(() => {
          const leaves = createCellLeaves(shape, 'float32');
          const whole = (x: Tensor) => operator('aten::round').one(op.scale(x, 4));
          const exactly = { ...leaves, lasts: leaves.lasts.map(whole), beforeLast: whole(leaves.beforeLast) };
          const weights = leaves.weights.map((weight) => op.scale(whole(op.scale(weight, 4)), 0.0625));
          const output = fusedCell({ ...exactly, weights }, shape, 'fast', 'bfloat16');
          expect(difference(output, fusedCell({ ...exactly, weights }, shape))).toBe(0);
        }),
      );
    });

    it.runIf(hasBfloat16Tiles())('differs from float32 otherwise, and not where it runs without tiles', () => {
      scope(() => {
        const [shape] = more;
        const leaves = createCellLeaves(shape, 'float32');
        const both = () => difference(fusedCell(leaves, shape, 'fast', 'bfloat16'), fusedCell(leaves, shape));
        expect(both()).toBeGreaterThan(0);
        use('avx2');
        expect(hasBfloat16Tiles()).toBe(false);
        expect(both()).toBe(0);
      });
    });
  });

  const SMALL: CellShape = { lasts: 1, batch: 1, channels: 2, size: [3, 4], blocks: 2, atrous: 'dense' };

  it('has the gradients of central differences', () => {
    scope(() => {
      const leaves = createCellLeaves(SMALL, 'float64');
      const grad = op.randn([1, 4, 3, 4], generator.id, 'float64');
      const value = () => op.sum(op.multiply(fusedCell(leaves, SMALL), grad)).item();
      const found = gradients([fusedCell(leaves, SMALL)], allLeaves(leaves), { gradients: [grad] });
      allLeaves(leaves).forEach((leaf, i) => {
        // Along one random direction for each leaf.
        const direction = op.randn(leaf.shape, generator.id, 'float64');
        const along = op.sum(op.multiply(found[i] as Tensor, direction)).item();
        const step = 1e-6;
        const move = (by: number) => noGrad(() => operator('aten::add_.Tensor').one(leaf, direction, by));
        move(step);
        const above = value();
        move(-2 * step);
        const below = value();
        move(step);
        expect((above - below) / (2 * step), `leaf ${i}`).toBeCloseTo(along, 4);
      });
    });
  });

  it('reads inputs of any memory layout', () => {
    scope(() => {
      const leaves = createCellLeaves(SMALL, 'float64');
      const turned = (x: Tensor) => op.permute(op.contiguous(op.permute(x, [0, 1, 3, 2])), [0, 1, 3, 2]);
      const other = {
        ...leaves,
        lasts: leaves.lasts.map(turned),
        beforeLast: op.channelsLast(leaves.beforeLast),
        weights: leaves.weights.map(op.channelsLast),
      };
      expect(difference(fusedCell(other, SMALL), fusedCell(leaves, SMALL))).toBe(0);
    });
  });

  it('gives the gradients that are asked for when weights or probabilities are frozen', () => {
    scope(() => {
      const leaves = createCellLeaves(SMALL, 'float64');
      const grad = op.randn([1, 4, 3, 4], generator.id, 'float64');
      const every = gradients([fusedCell(leaves, SMALL)], allLeaves(leaves), { gradients: [grad] }) as Tensor[];
      const [ofLogits] = gradients([fusedCell(leaves, SMALL)], [leaves.logits], { gradients: [grad] }) as Tensor[];
      expect(difference(ofLogits, every[3])).toBe(0);
      const frozen = { ...leaves, weights: leaves.weights.map(op.detach), logits: op.detach(leaves.logits) };
      const ofInputs = gradients([fusedCell(frozen, SMALL)], [...frozen.lasts, frozen.beforeLast], {
        gradients: [grad],
      }) as Tensor[];
      ofInputs.forEach((gradient, i) => {
        expect(difference(gradient, every[i])).toBe(0);
      });
      const silent = noGrad(() => fusedCell(leaves, SMALL));
      expect(silent.requiresGradient).toBe(false);
    });
  });

  it('refuses to normalise a single value, and says so', () => {
    const shape: CellShape = { ...SMALL, size: [1, 1] };
    scope(() => {
      expect(() => fusedCell(createCellLeaves(shape, 'float32'), shape)).toThrow(/more than one value per channel/);
    });
  });
});
