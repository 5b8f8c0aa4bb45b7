/** @file The space of DiNTS: the numbers of the paper, counts against enumeration, and its genotype file. @paper dints sections 1, 2 and 5 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/base/random.ts';
import { edgeElements } from '../../../src/space/dints/memory.ts';
import { randomDints } from '../../../src/space/dints/random.ts';
import {
  countPatternPairs,
  countTopologies,
  isFeasible,
  nodeSetsOf,
  randomTopology,
} from '../../../src/space/dints/topologies.ts';
import {
  layerEdgeCount,
  layerEdges,
  layerPatterns,
  nodeSetCount,
  patternCount,
  patternTransitions,
} from '../../../src/space/dints/trellis.ts';
import { drawGenotype } from '../../../src/space/drawing.ts';
import { type DintsGenotype, formatGenotype, parseGenotype } from '../../../src/space/genotype.ts';

const drawn = (levels: number, layers: number, rank: 2 | 3, seed: number): DintsGenotype =>
  randomDints({ levels, layers, rank, filters: 32 }, createRandom(seed));

const genotypes = fc
  .record({
    levels: fc.integer({ min: 1, max: 5 }),
    layers: fc.integer({ min: 1, max: 14 }),
    rank: fc.constantFrom(2 as const, 3 as const),
    seed: fc.nat(),
  })
  .map(({ levels, layers, rank, seed }) => drawn(levels, layers, rank, seed));

describe('the trellis of DiNTS', () => {
  it('has the numbers of the paper', () => {
    expect(layerEdgeCount(4)).toBe(10);
    expect(patternCount(4)).toBe(1023);
    expect(nodeSetCount(4)).toBe(15);
    expect(countPatternPairs(4)).toBe(249_999);
    expect(Number(countTopologies(4, 12)) / 1e30).toBeCloseTo(1.61, 2);
  });

  it('numbers its edges as the published tables do', () => {
    expect(layerEdges(4).map(({ from, to }) => `${from}${to}`)).toEqual('00 10 01 11 21 12 22 32 23 33'.split(' '));
  });

  it('counts feasible topologies as enumeration does', () => {
    for (const levels of [1, 2]) {
      const patterns = layerPatterns(levels).map(({ edges }) => edges);
      let sequences: number[][] = [[]];
      for (let layers = 1; layers <= 3; layers++) {
        sequences = sequences.flatMap((sequence) => patterns.map((pattern) => [...sequence, pattern]));
        const feasible = sequences.filter((sequence) => isFeasible(levels, sequence));
        expect(countTopologies(levels, layers)).toBe(BigInt(feasible.length));
        if (layers === 2) expect(countPatternPairs(levels)).toBe(feasible.length);
      }
    }
  });

  it('puts every pattern under exactly one transition', () => {
    const all = patternTransitions(4).flat(2);
    expect(all.length).toBe(1023);
    expect(new Set(all).size).toBe(1023);
  });

  it('draws feasible topologies, each about as often as any other', () => {
    fc.assert(fc.property(genotypes, ({ topology }) => topology.every((edges) => edges.length > 0)));
    const random = createRandom(5);
    const seen = new Map<string, number>();
    const total = Number(countTopologies(2, 2));
    const draws = 200 * total;
    for (let i = 0; i < draws; i++) {
      const sequence = randomTopology(2, 2, random);
      expect(isFeasible(2, sequence)).toBe(true);
      seen.set(sequence.join(), (seen.get(sequence.join()) ?? 0) + 1);
    }
    expect(seen.size).toBe(total);
    // 200 expected of each, standard deviation 14.
    for (const count of seen.values()) expect(Math.abs(count - 200)).toBeLessThan(75);
  });

  it('knows which levels are active', () => {
    // Edge 2 goes from 0 to 1, edge 1 back.
    expect(nodeSetsOf(2, [0b0100, 0b0010])).toEqual([0b01, 0b10, 0b01]);
  });
});

describe('the genotype file of DiNTS', () => {
  it('goes round trip, and is drawn', () => {
    fc.assert(
      fc.property(genotypes, (genotype) => {
        const text = formatGenotype(genotype);
        expect(parseGenotype(text, 'file')).toEqual(genotype);
        const svg = drawGenotype(genotype);
        const on = genotype.topology.flat().length;
        expect([...svg.matchAll(/<title>layer /g)]).toHaveLength(on);
      }),
    );
  });

  it.each([
    ['no topology', { topology: undefined }, /topology is undefined/],
    [
      'an edge that does not exist',
      { topology: [[{ from: 0, to: 2, operator: 'skip' }]], layers: 1 },
      /does not exist/,
    ],
    [
      'an operator of volumes in 2D',
      { rank: 2, topology: [[{ from: 0, to: 0, operator: 'p3d331' }]], layers: 1 },
      /is for volumes, rank is 2/,
    ],
    [
      'an edge twice',
      {
        layers: 1,
        topology: [
          [
            { from: 0, to: 0, operator: 'skip' },
            { from: 0, to: 0, operator: 'skip' },
          ],
        ],
      },
      /is there twice/,
    ],
    [
      'edges out of order',
      {
        layers: 1,
        topology: [
          [
            { from: 1, to: 1, operator: 'skip' },
            { from: 0, to: 0, operator: 'skip' },
          ],
        ],
      },
      /out of order/,
    ],
    [
      'a level that nobody reads',
      { layers: 2, topology: [[{ from: 0, to: 1, operator: 'skip' }], [{ from: 0, to: 0, operator: 'skip' }]] },
      /feeds level 1, which layer 2 does not read/,
    ],
    ['an odd number of filters', { filters: 3 }, /expected an even number/],
    ['a cell', { cell: [] }, /unknown field "cell"/],
  ])('refuses %s', (_, change, message) => {
    const file = { ...JSON.parse(formatGenotype(drawn(4, 3, 3, 1))), ...change };
    expect(() => parseGenotype(file, 'g.json')).toThrow(message);
  });
});

it('the share of a budget is of 1.13 times what all edges hold with all operators alike, as docs/budgets.md says', () => {
  const rows = edgeElements({ rank: 3, levels: 4, filters: 32 }, { batch: 1, size: [96, 96, 96] });
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const alike = sum(rows.map((row) => sum(row) / row.length));
  expect(sum(rows.map((row) => Math.max(...row))) / alike).toBeCloseTo(1.135, 3);
});
