/** @file Discrete networks of DiNTS: the published one counted, any genotype built and run in both ranks. @paper dints sections 1, 2 and 6 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import { noGrad } from '../../src/engine/autograd.ts';
import { Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { scope } from '../../src/engine/tensor.ts';
import { buildDints } from '../../src/models/dints.ts';
import { countNetwork, inferShapes } from '../../src/models/graph.ts';
import { createNetwork } from '../../src/models/network.ts';
import { findArchitecture } from '../../src/models/registry.ts';
import { ParameterSet } from '../../src/nn/parameters.ts';
import { DINTS_OPERATOR_NAMES } from '../../src/space/dints/operators.ts';
import { publishedDints } from '../../src/space/dints/published.ts';
import { randomDints } from '../../src/space/dints/random.ts';
import { membersOf, setOf } from '../../src/space/dints/trellis.ts';
import { type DintsGenotype, formatGenotype, parseGenotype } from '../../src/space/genotype.ts';

const generator = new Generator(3);
const networkOf = (genotype: DintsGenotype, options: { inputs: number; classes: number; filters?: number }) =>
  createNetwork(buildDints(genotype, options), new ParameterSet({ generator: generator.id, device: 'cpu' }));

describe('the published architecture', () => {
  const published = publishedDints();
  const on = published.topology.flat();

  it('has the edges, operators and node sets of the paper', () => {
    expect([published.layers, published.levels, published.rank]).toEqual([12, 4, 3]);
    expect(on).toHaveLength(97);
    const counts = DINTS_OPERATOR_NAMES[3].map((name) => on.filter(({ operator }) => operator === name).length);
    expect(counts).toEqual([24, 33, 14, 12, 14]);
    const sets = [
      published.topology[0].map(({ from }) => from),
      ...published.topology.map((edges) => edges.map(({ to }) => to)),
    ];
    expect(sets.map((set) => membersOf(setOf(set)).join(''))).toEqual(['012', ...Array(11).fill('0123'), '023']);
    published.topology.slice(1).forEach((edges, i) => {
      expect(setOf(edges.map(({ from }) => from))).toBe(setOf(published.topology[i].map(({ to }) => to)));
    });
    expect(parseGenotype(formatGenotype(published), 'g.json')).toEqual(published);
    expect(findArchitecture('dints-cvpr2021')).toEqual(published);
  });

  it('has the parameters that a sum over its edges gives, for any number of classes and any width', () => {
    for (const [classes, filters] of [
      [3, 64],
      [19, 32],
    ]) {
      const width = (level: number) => filters * 2 ** level;
      const windows = { skip: 0, conv3: 27, p3d331: 12, p3d313: 12, p3d133: 12 };
      // An operator has a norm of its own, as has a move to another level.
      const edges = on.map(({ from, to, operator }) => {
        const moved = from === to ? 0 : width(from) * width(to) + 2 * width(to);
        return moved + windows[operator] * width(to) ** 2 + (operator === 'skip' ? 0 : 2 * width(to));
      });
      const stemsIn = [0, 1, 2].map((d) => 27 * (width(d) / 2 + width(d) ** 2 / 2) + 3 * width(d));
      const stemsOut = [0, 1, 2, 3].map((d) => (27 * width(d) ** 2) / 2 + width(d));
      const last = 27 * (filters / 2) ** 2 + filters + (filters / 2 + 1) * classes;
      const expected = [...edges, ...stemsIn, ...stemsOut, last].reduce((a, b) => a + b);
      const graph = buildDints(published, { inputs: 1, classes, filters });
      expect(countNetwork(graph, [96, 96, 96]).parameters).toBe(expected);
      expect(inferShapes(graph, [96, 96, 96]).at(-1)).toEqual({ channels: classes, size: [96, 96, 96] });
    }
  });
});

describe('any genotype', () => {
  it('runs in its rank with the shapes and parameters that were counted', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(2 as const, 3 as const),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer(),
        (rank, levels, layers, seed) => {
          const genotype = randomDints({ rank, levels, layers, filters: 2 }, createRandom(seed));
          const network = networkOf(genotype, { inputs: 2, classes: 3 });
          const size = [2, 1, 1].slice(0, rank).map((times) => times * 2 ** (levels + 1));
          expect(network.parameters.count()).toBe(countNetwork(network.graph, size).parameters);
          const shape = scope(() =>
            noGrad(() => network.forward(op.randn([2, 2, ...size], generator.id), { training: true }).shape),
          );
          expect(shape).toEqual([2, 3, ...size]);
          expect(inferShapes(network.graph, size).at(-1)).toEqual({ channels: 3, size });
        },
      ),
      { numRuns: 25 },
    );
  });

  it('names the next valid sides when a side does not divide, and pads it at inference', () => {
    const network = networkOf(randomDints({ rank: 2, levels: 4, layers: 2, filters: 2 }, createRandom(1)), {
      inputs: 1,
      classes: 2,
    });
    const message = /sides must be multiples of 32, got \[48, 64\]; the next valid ones are \[64, 64\]/;
    expect(() => inferShapes(network.graph, [48, 64])).toThrow(message);
    expect(() => network.forward(op.zeros([1, 1, 48, 64]), { training: true })).toThrow(message);
    scope(() =>
      noGrad(() => {
        const images = op.randn([1, 1, 48, 64], generator.id);
        const logits = network.forward(images, { training: false });
        const padded = network.forward(op.pad(images, [0, 0, 0, 16]), { training: false });
        expect(logits.shape).toEqual([1, 2, 48, 64]);
        expect(op.sum(op.abs(op.subtract(logits, op.slice(padded, 2, 0, 48)))).item()).toBe(0);
      }),
    );
  });

  it('comes from the registry at random, the same for the same seed', () => {
    expect(findArchitecture('dints-random:4')).toEqual(findArchitecture('dints-random:4'));
    expect(findArchitecture('dints-random:4')).not.toEqual(findArchitecture('dints-random:5'));
    expect(findArchitecture('dints-random:4:6x3')).toMatchObject({ method: 'dints', rank: 3, layers: 6, levels: 3 });
    expect(findArchitecture('random:4')).toMatchObject({ method: 'auto-deeplab', layers: 12, blocks: 5 });
  });
});
