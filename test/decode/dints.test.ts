/** @file Decoding of DiNTS: brute force on small trellises, an independent shortest path at the paper's size, its file. @paper dints section 5 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ArchitectureError, NumericError } from '../../src/base/errors.ts';
import { createRandom, type Random } from '../../src/base/random.ts';
import {
  brokenBoundaries,
  decodeDints,
  decodeTopology,
  patternLogProbabilities,
  unconstrainedTopology,
} from '../../src/decode/dints.ts';
import { parseArchitectureParameters } from '../../src/decode/parameters.ts';
import { DINTS_OPERATOR_NAMES } from '../../src/space/dints/operators.ts';
import { isFeasible, randomTopology } from '../../src/space/dints/topologies.ts';
import { layerEdgeCount, layerEdges, layerPatterns, membersOf } from '../../src/space/dints/trellis.ts';
import { parseGenotype } from '../../src/space/genotype.ts';

const normals = (random: Random, count: number, scale = 1) =>
  Array.from({ length: count }, () => scale * random.normal());
const randomEdges = (random: Random, levels: number, layers: number, scale = 1) =>
  Array.from({ length: layers }, () => normals(random, layerEdgeCount(levels), scale));
const randomOps = (random: Random, levels: number, layers: number, operators: number) =>
  Array.from({ length: layers }, () =>
    Array.from({ length: layerEdgeCount(levels) }, () => normals(random, operators)),
  );

/** eta of every pattern as the paper writes it: a product of sigmoids over one minus the empty pattern. */
function etas(logits: readonly number[]): number[] {
  const p = logits.map((logit) => 1 / (1 + Math.exp(-logit)));
  const empty = p.reduce((all, on) => all * (1 - on), 1);
  return Array.from(
    { length: 2 ** p.length - 1 },
    (_, j) => p.reduce((all, on, e) => all * (((j + 1) >> e) & 1 ? on : 1 - on), 1) / (1 - empty),
  );
}
const costsOf = (edges: number[][]) => edges.map((logits) => etas(logits).map((eta) => -Math.log(eta)));
const total = (costs: number[][], topology: readonly number[]) =>
  topology.reduce((sum, pattern, i) => sum + costs[i][pattern - 1], 0);

describe('the probabilities of patterns', () => {
  it('are those of independent edges without the empty pattern, and sum to one', () => {
    const logits = normals(createRandom(1), 10);
    const probabilities = patternLogProbabilities(logits).map(Math.exp);
    expect(probabilities).toHaveLength(1023);
    etas(logits).forEach((eta, j) => {
      expect(probabilities[j]).toBeCloseTo(eta, 12);
    });
    expect(probabilities.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
  });

  it('stay finite where the product of the sigmoids is 0 or rounds to 1', () => {
    for (const scale of [-800, 800]) {
      const logs = patternLogProbabilities(Array(10).fill(scale));
      expect(logs.every(Number.isFinite)).toBe(true);
      // Very unlikely edges: exactly one of them. Very likely ones: all.
      expect(Math.exp(logs[scale < 0 ? 0 : 1022])).toBeCloseTo(scale < 0 ? 0.1 : 1, 12);
    }
  });
});

describe('the best sequence', () => {
  it('equals brute force over all sequences of small trellises', () => {
    const small = fc.constantFrom([1, 3], [2, 1], [2, 2], [2, 3], [3, 1], [3, 2]);
    fc.assert(
      fc.property(small, fc.integer(), ([levels, layers], seed) => {
        const edges = randomEdges(createRandom(seed), levels, layers, 2);
        const patterns = layerPatterns(levels);
        let sequences: number[][] = [[]];
        for (let layer = 0; layer < layers; layer++) {
          sequences = sequences.flatMap((sequence) =>
            patterns
              .filter(({ inputs }) => layer === 0 || patterns[sequence[layer - 1] - 1].outputs === inputs)
              .map(({ edges }) => [...sequence, edges]),
          );
        }
        const costs = costsOf(edges);
        const best = sequences
          .map((sequence) => ({ sequence, cost: total(costs, sequence) }))
          .reduce((a, b) => (b.cost < a.cost ? b : a));
        expect(decodeTopology(edges)).toEqual(best.sequence);
      }),
      { numRuns: 60 },
    );
  });

  it('costs what an independent shortest path costs, in 200 cases of 12 layers at 4 levels', () => {
    const random = createRandom(7);
    for (let i = 0; i < 200; i++) {
      const edges = randomEdges(random, 4, 12, [0.01, 1, 5][i % 3]);
      const topology = decodeTopology(edges);
      expect(isFeasible(4, topology)).toBe(true);
      const costs = costsOf(edges);
      expect(total(costs, topology)).toBeCloseTo(shortestPath(costs), 8);
    }
  });

  it('takes under 50 ms', () => {
    const random = createRandom(9);
    const cases = Array.from({ length: 7 }, () => ({
      edges: randomEdges(random, 4, 12),
      ops: randomOps(random, 4, 12, 5),
    }));
    const milliseconds = cases.map((logits) => {
      const started = performance.now();
      decodeDints(logits, { filters: 64 });
      return performance.now() - started;
    });
    expect(milliseconds.sort((a, b) => a - b)[3]).toBeLessThan(50);
  });

  it('gives back a decided network, in both ranks', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom(2 as const, 3 as const),
        fc.integer(),
        (levels, rank, seed) => {
          const random = createRandom(seed);
          const names = DINTS_OPERATOR_NAMES[rank];
          const topology = randomTopology(levels, 6, random);
          const chosen = topology.map(() => layerEdges(levels).map(() => random.integer(names.length)));
          const genotype = decodeDints(
            {
              edges: topology.map((pattern) => layerEdges(levels).map((_, e) => ((pattern >> e) & 1 ? 30 : -30))),
              ops: chosen.map((layer) => layer.map((k) => names.map((_, i) => (i === k ? 1 : 0)))),
            },
            { filters: 8 },
          );
          expect(genotype.rank).toBe(rank);
          expect(genotype.topology).toEqual(
            topology.map((pattern, layer) =>
              membersOf(pattern).map((e) => ({ ...layerEdges(levels)[e], operator: names[chosen[layer][e]] })),
            ),
          );
          expect(parseGenotype(JSON.parse(JSON.stringify(genotype)), 'g.json')).toEqual(genotype);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('names a diverged search instead of decoding it', () => {
    expect(() => decodeTopology([[0, Number.NaN, 0, 0]])).toThrow(NumericError);
  });
});

describe('the unconstrained choice', () => {
  it('is every edge above one half, or the strongest where there is none, and says where it breaks', () => {
    const edges = [
      [2, -1, 3, -1],
      [-3, -2, -4, -5],
    ];
    expect(unconstrainedTopology(edges)).toEqual([0b101, 0b10]);
    // Layer 1 feeds both levels, layer 2 reads level 1 alone.
    expect(brokenBoundaries(2, [0b101, 0b10])).toBe(1);
    expect(brokenBoundaries(2, [0b101, 0b1111, 0b1111])).toBe(0);
  });

  it('is never less probable than the feasible sequence, and the same where it breaks nowhere', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 5 }), (seed, layers) => {
        const edges = randomEdges(createRandom(seed), 2, layers, 2);
        const [free, feasible] = [unconstrainedTopology(edges), decodeTopology(edges)];
        const costs = costsOf(edges);
        expect(total(costs, free)).toBeLessThanOrEqual(total(costs, feasible) + 1e-9);
        expect(brokenBoundaries(2, feasible)).toBe(0);
        if (brokenBoundaries(2, free) === 0) expect(feasible).toEqual(free);
      }),
    );
  });
});

describe('the file of architecture parameters', () => {
  const good = (operators = 5) => {
    const random = createRandom(3);
    return { method: 'dints', edges: randomEdges(random, 4, 12), ops: randomOps(random, 4, 12, operators) };
  };

  it('is read back, for any layers, levels and both ranks', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 8 }),
        fc.constantFrom(2, 5),
        (levels, layers, operators) => {
          const random = createRandom(levels);
          const file = {
            method: 'dints',
            edges: randomEdges(random, levels, layers),
            ops: randomOps(random, levels, layers, operators),
          };
          expect(parseArchitectureParameters(JSON.parse(JSON.stringify(file)), 'p.json')).toEqual(file);
        },
      ),
    );
  });

  // biome-ignore lint/suspicious/noExplicitAny: broken on purpose
  const cases: [string, (file: any) => void, RegExp][] = [
    ['no edges', (f) => delete f.edges, /edges is missing/],
    ['a layer that is no list', (f) => (f.edges[0] = 3), /edges\[0\] is 3, expected a list/],
    ['9 edges', (f) => f.edges[0].pop(), /edges\[0\] has 9 logits; a layer of D levels has 3 D - 2 edges/],
    ['a short layer', (f) => f.edges[4].pop(), /edges\[4\] has no 10 numbers/],
    ['a logit of text', (f) => (f.edges[4][1] = '1'), /edges\[4\]\[1\] is "1", expected a finite number/],
    ['no ops', (f) => delete f.ops, /ops is missing/],
    ['11 layers of ops', (f) => f.ops.pop(), /ops has 11 layers, edges has 12/],
    [
      '3 operators',
      (f) => (f.ops[0][0] = [1, 2, 3]),
      /ops\[0\]\[0\] has 3 logits; an edge has 2 operators in 2D and 5 in 3D/,
    ],
    ['9 rows of ops', (f) => f.ops[3].pop(), /ops\[3\] has no 10 edges/],
    ['4 operators somewhere', (f) => f.ops[3][2].pop(), /ops\[3\]\[2\] has no 5 numbers/],
    ['a hole', (f) => (f.ops[3][2][4] = null), /ops\[3\]\[2\]\[4\] is null/],
  ];
  it.each(cases)('refuses %s', (_, change, message) => {
    const file = good();
    change(file);
    expect(() => parseArchitectureParameters(file, 'p.json')).toThrow(ArchitectureError);
    expect(() => parseArchitectureParameters(file, 'p.json')).toThrow(message);
  });

  it('never throws anything but ArchitectureError', () => {
    fc.assert(
      fc.property(fc.anything(), fc.constantFrom('edges', 'ops'), (value, key) => {
        try {
          parseArchitectureParameters({ ...good(2), [key]: value }, 'file');
        } catch (error) {
          expect(error).toBeInstanceOf(ArchitectureError);
        }
      }),
    );
  });
});

const PATTERNS = layerPatterns(4);
const READERS = new Map<number, number[]>();
for (const [j, { inputs }] of PATTERNS.entries()) READERS.set(inputs, [...(READERS.get(inputs) ?? []), j]);

/**
 * Least sum of -log eta over feasible sequences, by Dijkstra over explicit nodes (layer, pattern). The queue is a binary heap; patterns with the same
 * inputs are settled together, since all are entered from the same nodes.
 */
function shortestPath(costs: number[][]): number {
  const heap: { distance: number; layer: number; pattern: number }[] = [];
  const push = (item: (typeof heap)[number]) => {
    let at = heap.push(item) - 1;
    for (let above = (at - 1) >> 1; at > 0 && heap[above].distance > item.distance; above = (at - 1) >> 1) {
      heap[at] = heap[above];
      at = above;
    }
    heap[at] = item;
  };
  const pop = () => {
    const [top] = heap;
    const last = heap.pop() as (typeof heap)[number];
    if (heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below + 1 < heap.length && heap[below + 1].distance < heap[below].distance) below++;
      if (below >= heap.length || heap[below].distance >= last.distance) break;
      heap[at] = heap[below];
      at = below;
    }
    heap[at] = last;
    return top;
  };
  PATTERNS.forEach((_, pattern) => {
    push({ distance: costs[0][pattern], layer: 0, pattern });
  });
  // The first settled node that feeds a set in a layer reaches every reader of that set as cheaply as any other can.
  const entered = new Set<number>();
  for (;;) {
    const { distance, layer, pattern } = pop();
    if (layer === costs.length - 1) return distance;
    const key = 16 * layer + PATTERNS[pattern].outputs;
    if (entered.has(key)) continue;
    entered.add(key);
    for (const next of READERS.get(PATTERNS[pattern].outputs) ?? [])
      push({ distance: distance + costs[layer + 1][next], layer: layer + 1, pattern: next });
  }
}
