import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import {
  countPaths,
  featureSize,
  isValidCrop,
  LEVELS,
  NAMED_PATHS,
  nextValidCrop,
  randomPath,
  strideOf,
  trellisEdges,
  trellisNodes,
} from '../../src/space/trellis.ts';

/** Every path that leaves the stem, by brute force. */
function allPaths(layers: number): number[][] {
  let paths: number[][] = [[]];
  for (let layer = 0; layer < layers; layer++) {
    paths = paths.flatMap((path) =>
      [-1, 0, 1]
        .map((step) => (path.at(-1) ?? 0) + step)
        .filter((level) => level >= 0 && level < LEVELS)
        .map((level) => [...path, level]),
    );
  }
  return paths;
}

const isPath = (path: readonly number[]) =>
  path.every((level, i) => level >= 0 && level < LEVELS && Math.abs(level - (path[i - 1] ?? 0)) <= 1);

describe('the trellis', () => {
  it('has 45 nodes and 105 edges at 12 layers', () => {
    expect(trellisNodes(12)).toHaveLength(45);
    expect([1, 2, 3, 12].map((layer) => trellisNodes(12).filter((node) => node.layer === layer).length)).toEqual([
      2, 3, 4, 4,
    ]);
    expect(trellisEdges(12)).toHaveLength(105);
  });

  it('has two moves at the stem and at strides 4 and 32, three between', () => {
    const leaving = (layer: number, from: number) =>
      trellisEdges(12)
        .filter((edge) => edge.layer === layer && edge.from === from)
        .map(({ move }) => move);
    expect(leaving(0, 0)).toEqual([1, 2]);
    expect([0, 1, 2, 3].map((level) => leaving(7, level))).toEqual([
      [1, 2],
      [0, 1, 2],
      [0, 1, 2],
      [0, 1],
    ]);
  });

  it('has edges that lead from node to node, each node reached', () => {
    for (const layers of [1, 2, 3, 4, 7, 12]) {
      const name = (layer: number, level: number) => `${layer}:${level}`;
      const nodes = new Set(trellisNodes(layers).map(({ layer, level }) => name(layer, level)));
      const reached = new Set(trellisEdges(layers).map(({ layer, to }) => name(layer + 1, to)));
      expect(reached).toEqual(nodes);
      for (const { layer, from, to, move } of trellisEdges(layers)) {
        expect(layer === 0 ? from === 0 : nodes.has(name(layer, from))).toBe(true);
        expect(to).toBe(from + move - 1);
      }
    }
  });

  it('has 28,657 paths pinned at stride 4 and 75,025 from stride 4 or 8', () => {
    expect(countPaths(12, [0])).toBe(28_657);
    expect(countPaths(12, [0, 1])).toBe(75_025);
    for (let layers = 1; layers <= 8; layers++) expect(countPaths(layers, [0, 1])).toBe(allPaths(layers).length);
  });

  it('knows strides and the sizes of features', () => {
    expect([0, 1, 2, 3].map(strideOf)).toEqual([4, 8, 16, 32]);
    expect([-1, 0, 1, 2, 3].map((level) => featureSize(321, level))).toEqual([161, 81, 41, 21, 11]);
    expect([0, 1, 2, 3].map((level) => featureSize(1025, level))).toEqual([257, 129, 65, 33]);
  });

  it('accepts exactly the crops whose levels agree when corners are aligned', () => {
    for (const size of [321, 513, 769, 1025, 2049, 33]) expect(isValidCrop(size)).toBe(true);
    for (const size of [160, 320, 322, 1, 0, -31, 33.5, Number.NaN]) expect(isValidCrop(size)).toBe(false);
    expect(nextValidCrop(160)).toBe(161);
    expect(nextValidCrop(322)).toBe(353);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), (size) => {
        const next = nextValidCrop(size);
        const agrees = [0, 1, 2, 3].every((level) => (featureSize(next, level) - 1) * strideOf(level) + 1 === next);
        return isValidCrop(next) && agrees && next >= size && (next - size < 32 || next === 33);
      }),
    );
  });

  it('holds the named paths of 12 layers', () => {
    for (const path of Object.values(NAMED_PATHS)) {
      expect(path).toHaveLength(12);
      expect(isPath(path)).toBe(true);
    }
  });
});

describe('a random path', () => {
  it('is a path, the same for the same seed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.integer(), (layers, seed) => {
        const path = randomPath(layers, createRandom(seed));
        expect(path).toEqual(randomPath(layers, createRandom(seed)));
        return path.length === layers && isPath(path);
      }),
    );
  });

  it('is uniform over all paths', () => {
    const random = createRandom(7);
    const counts = new Map(allPaths(5).map((path) => [path.join(), 0]));
    const draws = 400 * counts.size;
    for (let i = 0; i < draws; i++) {
      const key = randomPath(5, random).join();
      counts.set(key, (counts.get(key) as number) + 1);
    }
    expect(counts.size).toBe(countPaths(5, [0, 1]));
    const chiSquared = [...counts.values()].reduce((sum, count) => sum + (count - 400) ** 2 / 400, 0);
    // Mean size - 1, standard deviation sqrt(2 (size - 1)): five of them are plenty.
    expect(chiSquared).toBeLessThan(counts.size - 1 + 5 * Math.sqrt(2 * (counts.size - 1)));
  });

  it('survives counts that no number can hold', () => {
    expect(isPath(randomPath(1000, createRandom(1)))).toBe(true);
  });
});
