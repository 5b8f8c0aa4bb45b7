import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/base/errors.ts';
import { createRandom } from '../../src/base/random.ts';
import { decodeAutoDeepLab } from '../../src/decode/autoDeepLab.ts';
import { parseArchitectureParameters } from '../../src/decode/parameters.ts';
import { gradients, noGrad, requireGradient } from '../../src/engine/autograd.ts';
import { Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { scope, type Tensor } from '../../src/engine/tensor.ts';
import { METHODS } from '../../src/method/registry.ts';
import { ParameterSet } from '../../src/nn/parameters.ts';
import { edgeCount, edgeIndex } from '../../src/space/cell.ts';
import { randomGenotype } from '../../src/space/genotype.ts';
import { OPERATOR_NAMES } from '../../src/space/operators.ts';
import { createRelaxedArchitecture } from '../../src/supernet/architecture.ts';
import { cellProbabilities, createCell } from '../../src/supernet/cell.ts';
import { mixedOp } from '../../src/supernet/mixedOp.ts';
import { createSupernet } from '../../src/supernet/network.ts';
import { bypassPart, joinParts, operatedPart } from '../../src/supernet/partialChannels.ts';
import { sampleOperators } from '../../src/supernet/sampledOperators.ts';
import { largestOf } from '../helpers/tensors.ts';

const generator = new Generator(9);
const origin = { generator: generator.id, device: 'cpu' };
const largest = (a: Tensor, b: Tensor) => largestOf(op.abs(op.subtract(a, b)).numbers());

describe('the shuffle', () => {
  it('takes turns between the parts and loses nothing', () => {
    const x = op.reshape(
      op.stack(
        Array.from({ length: 8 }, (_, c) => op.full([2], c)),
        0,
      ),
      [1, 8, 2],
    );
    const joined = joinParts(operatedPart(x, 4), bypassPart(x, 4), 4);
    expect(joined.numbers().filter((_, i) => i % 2 === 0)).toEqual([0, 2, 4, 6, 1, 3, 5, 7]);
    expect(operatedPart(x, 1)).toBe(x);
  });
});

describe('a cell with partial channels', () => {
  const [blocks, channels, parts] = [3, 8, 4];
  const build = (partialChannels: number | undefined) => {
    const set = new ParameterSet(origin);
    return { set, cell: createCell(set, { rank: 2, blocks, channels, atrous: 'dense', partialChannels }) };
  };

  it('is the mixture of the first part and the other channels as they are, each edge as much as it counts', () => {
    scope(() => {
      const { cell } = build(parts);
      const leaf = (shape: readonly number[]) => requireGradient(op.randn(shape, generator.id));
      const [last, beforeLast] = [leaf([2, channels, 7, 6]), leaf([2, channels, 7, 6])];
      const table = leaf([edgeCount(blocks), 8]);
      const predecessors = leaf([edgeCount(blocks)]);
      const fast = cell.cellOutput(last, beforeLast, cellProbabilities({ table, predecessors }, blocks));
      const values = [last, beforeLast];
      for (let block = 0; block < blocks; block++) {
        const terms = values.map((value, state) => {
          const edge = edgeIndex(block, state);
          const row = op.select(table, 0, edge);
          const mixed = mixedOp(
            op.slice(value, 1, 0, 2),
            cell.edgeWeights(block, state),
            OPERATOR_NAMES.map((_, k) => op.select(row, 0, k)),
          );
          const whole = op.concat([mixed, op.slice(value, 1, 2, 8)], 1);
          return op.multiply(whole, op.select(predecessors, 0, edge));
        });
        const sum = terms.reduce(op.add);
        // Channel c comes from part c mod 4, place c div 4.
        const order = Array.from({ length: 8 }, (_, c) => (c % parts) * 2 + Math.floor(c / parts));
        values.push(
          op.concat(
            order.map((c) => op.slice(sum, 1, c, c + 1)),
            1,
          ),
        );
      }
      const plain = op.concat(values.slice(2), 1);
      expect(largest(fast, plain)).toBeLessThan(1e-4);
      const grad = op.randn(fast.shape, generator.id);
      const leaves = [last, beforeLast, table, predecessors];
      const [a, b] = [fast, plain].map((output) => gradients([output], leaves, { gradients: [grad] }) as Tensor[]);
      a.forEach((gradient, i) => {
        expect(largest(gradient, b[i]) / Math.max(1, ...op.abs(b[i]).numbers())).toBeLessThan(2e-3);
      });
    });
  });

  it('has operators on a quarter of the channels: a quarter of what they read, compute and keep', () => {
    const [partial, full] = [build(parts).set, build(undefined).set].map((set) => set.parameters());
    expect(partial.map(({ name }) => name)).toEqual(full.map(({ name }) => name));
    partial.forEach(({ tensor }, i) => {
      expect(parts * tensor.shape[0]).toBe(full[i].tensor.shape[0]);
      if (tensor.shape[1] > 1) expect(parts * tensor.shape[1]).toBe(full[i].tensor.shape[1]);
    });
  });

  it('goes together with sampled operators', () => {
    const { cell } = build(parts);
    const x = op.randn([2, channels, 5, 5], generator.id);
    const sampled = sampleOperators(op.randn([edgeCount(blocks), 8], generator.id), createRandom(2), 1);
    const predecessors = op.rand([edgeCount(blocks)], generator.id);
    const [one, all] = [sampled, { table: sampled.table }].map((tables) =>
      cell.cellOutput(x, x, cellProbabilities({ ...tables, predecessors }, blocks)),
    );
    expect(largest(one, all)).toBeLessThan(1e-4);
  });
});

describe('the normalised edges', () => {
  const create = () =>
    createRelaxedArchitecture(new ParameterSet(origin), { layers: 3, blocks: 3, partialChannels: 4 });

  it('sum to one over the edges into a block, and are part of the logits', () => {
    const architecture = create();
    const { predecessors } = architecture.operators({ training: true });
    const counts = predecessors?.numbers() as number[];
    for (let block = 0; block < 3; block++) {
      const own = counts.slice(edgeIndex(block, 0), edgeIndex(block + 1, 0));
      expect(own).toHaveLength(block + 2);
      expect(own.reduce((a, b) => a + b)).toBeCloseTo(1, 6);
    }
    const snapshot = architecture.snapshot();
    expect(architecture.parameters.map(({ name }) => name)).toEqual(['alpha', 'beta', 'predecessors']);
    expect(parseArchitectureParameters(JSON.parse(JSON.stringify(snapshot)), 'file')).toEqual(snapshot);
    expect(() => parseArchitectureParameters({ ...snapshot, predecessors: [1] }, 'file')).toThrow(
      /predecessors has not one finite number for each row/,
    );
  });

  it('decide with alpha which predecessors a block keeps', () => {
    const architecture = create();
    const { alpha, beta } = architecture.snapshot();
    const predecessors = Array<number>(edgeCount(3)).fill(0);
    for (const state of [1, 3]) predecessors[edgeIndex(2, state)] = 3;
    const decode = (logits: Parameters<typeof decodeAutoDeepLab>[0]) =>
      decodeAutoDeepLab(logits, { filters: 8, atrous: 'dense', rank: 2 }).cell[2].inputs.map(({ from }) => from);
    expect(decode({ alpha, beta, predecessors })).toEqual([1, 3]);
    const strong = alpha.map((row, edge) => (edge === edgeIndex(2, 0) ? row.map((_, k) => (k === 0 ? 20 : 0)) : row));
    expect(decode({ alpha: strong, beta })).toContain(0);
    // 1 of 8 operators times e^3 of the share is more than 1 times e^0.
    expect(decode({ alpha: strong, beta, predecessors: predecessors.map((logit) => 2 * logit) })).toEqual([1, 3]);
  });
});

describe('a supernet with partial channels', () => {
  const options = {
    rank: 2,
    inputs: 3,
    classes: 2,
    layers: 2,
    filters: 4,
    blocks: 2,
    atrous: 'dense',
    cellWeights: 'perNode',
    partialChannels: 4,
  } as const;

  it('gives a gradient to every logit, and computes a genotype with its edges counted fully', () => {
    const supernet = createSupernet(origin, options);
    const images = op.randn([2, 3, 33, 33], generator.id);
    scope(() => {
      const logits = supernet.forward(images, { training: true });
      const leaves = supernet.architecture.parameters.map(({ tensor }) => tensor);
      const grads = gradients([op.sum(op.power(logits, 2))], leaves);
      for (const grad of grads) expect(grad?.numbers().some((value) => value !== 0)).toBe(true);
    });
    const genotype = randomGenotype({ layers: 2, blocks: 2, filters: 4 }, createRandom(3));
    const before = scope(() => supernet.forward(images, { training: false }, genotype).numbers());
    const [, , edges] = supernet.architecture.parameters;
    noGrad(() => op.copyInto(edges.tensor, op.randn(edges.tensor.shape, generator.id)));
    expect(scope(() => supernet.forward(images, { training: false }, genotype).numbers())).toEqual(before);
  });

  it('needs filters that divide into the parts', () => {
    const method = METHODS['auto-deeplab']({
      ...options,
      filters: 6,
      betaNormalisation: 'outgoing',
      weights: { learningRate: 0.05, minimumLearningRate: 0.001, momentum: 0.9, decay: 0, clip: 5 },
      architecture: { learningRate: 0.01, decay: 0 },
    });
    const data = { rank: 2, inputs: 3, classes: 2, batch: 2, size: [33, 33] } as const;
    expect(() => method.createSearchNetwork(origin, data)).toThrow(ConfigError);
    expect(() => method.createSearchNetwork(origin, data)).toThrow(/6 filters do not divide/);
  });

  it('says that its cells are not fused', () => {
    const method = METHODS['auto-deeplab']({
      ...options,
      betaNormalisation: 'outgoing',
      weights: { learningRate: 0.05, minimumLearningRate: 0.001, momentum: 0.9, decay: 0, clip: 5 },
      architecture: { learningRate: 0.01, decay: 0 },
    });
    const data = { rank: 2, inputs: 3, classes: 2, batch: 2, size: [33, 33] } as const;
    expect(method.createSearchNetwork(origin, data).notes).toEqual([
      expect.stringMatching(/^partialChannels: the fused cell does not support this/),
    ]);
  });
});
