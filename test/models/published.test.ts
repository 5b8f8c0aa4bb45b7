import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import { buildArchitecture } from '../../src/models/architecture.ts';
import { countNetwork, inferShapes, type NetworkGraph } from '../../src/models/graph.ts';
import { comparePublished, PUBLISHED_COSTS } from '../../src/models/publishedCost.ts';
import { findArchitecture } from '../../src/models/registry.ts';
import { randomGenotype } from '../../src/space/genotype.ts';
import { featureSize } from '../../src/space/trellis.ts';

const SIZE = [1025, 2049];
const build = (name: string) => buildArchitecture(findArchitecture(name)!, { inputs: 3, classes: 19 });

describe('the networks of the paper, by name', () => {
  // Multiply-adds by ordinary counting, in G, and with the padding of TensorFlow's atrous convolutions.
  it.each([
    ['auto-deeplab-s', 320.45, 327.87],
    ['auto-deeplab-m', 439.92, 452.34],
    ['auto-deeplab-l', 662.42, 682.14],
  ] as const)(
    '%s has its parameters exactly and its multiply-adds within 5 %%, within 2 %% with padding',
    (name, counted, padded) => {
      const graph = build(name);
      const cost = countNetwork(graph, SIZE);
      const stated = PUBLISHED_COSTS[name];
      expect(cost.parameters).toBe(stated.parameters);
      expect(cost.multiplyAdds / 1e9).toBeCloseTo(counted, 2);
      expect(Math.abs(cost.multiplyAdds / stated.multiplyAdds - 1)).toBeLessThan(0.05);
      const comparison = comparePublished(name, graph, SIZE)!;
      expect(comparison).toMatchObject(stated);
      expect(comparison.multiplyAddsPadded / 1e9).toBeCloseTo(padded, 2);
      expect(Math.abs(comparison.multiplyAddsPadded / stated.multiplyAdds - 1)).toBeLessThan(0.02);
      expect(comparison.remark).toMatch(/^the paper states .* G are padding/);
    },
  );

  it('are compared at their own size and classes only', () => {
    const graph = build('auto-deeplab-s');
    expect(comparePublished('auto-deeplab-s', graph, [513, 513])).toBeUndefined();
    expect(comparePublished('deeplabv3-path', graph, SIZE)).toBeUndefined();
    const other = buildArchitecture(findArchitecture('auto-deeplab-s')!, { inputs: 3, classes: 21 });
    expect(comparePublished('auto-deeplab-s', other, SIZE)).toBeUndefined();
  });

  it('what is left of the difference is in proportion to F', () => {
    const [s, m, l] = (['auto-deeplab-s', 'auto-deeplab-m', 'auto-deeplab-l'] as const).map((name) => {
      const { multiplyAdds, multiplyAddsPadded } = comparePublished(name, build(name), SIZE)!;
      return (multiplyAdds - multiplyAddsPadded) / 1e9;
    });
    expect(m / 32).toBeCloseTo(s / 20, 2);
    expect(l / 48).toBeCloseTo(s / 20, 2);
  });
});

describe('sizes of features', () => {
  /** Size of the features after every cell, by level. */
  const cellSizes = (graph: NetworkGraph, path: readonly number[], size: readonly number[]) => {
    const shapes = inferShapes(graph, size);
    return path.map((level, layer) => {
      const last = graph.nodes.findLastIndex(({ stage }) => stage === `cell${layer + 1}`);
      return { level, size: shapes[last].size };
    });
  };

  it('are 81, 41, 21, 11 for a crop of 321, wherever the path goes', () => {
    const genotype = findArchitecture('stacked-hourglass-path')!;
    const graph = buildArchitecture(genotype, { inputs: 3, classes: 19 });
    const path = 'path' in genotype ? genotype.path : [];
    for (const { level, size } of cellSizes(graph, path, [321, 321]))
      expect(size).toEqual([81, 41, 21, 11].slice(level, level + 1).flatMap((length) => [length, length]));
    expect([0, 1, 2, 3].map((level) => featureSize(321, level))).toEqual([81, 41, 21, 11]);
    expect(inferShapes(graph, [321, 321]).map(({ size }) => size[0])).toContain(161);
  });

  it('fit together for any genotype at any size, odd or even, and the logits have the size of the picture', () => {
    const height = fc.integer({ min: 1, max: 300 });
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 12 }), height, height, (seed, layers, ...size) => {
        const genotype = randomGenotype({ layers, blocks: 3, filters: 2 }, createRandom(seed));
        const graph = buildArchitecture(genotype, { inputs: 3, classes: 4 });
        expect(inferShapes(graph, size).at(-1)).toEqual({ channels: 4, size });
      }),
    );
  });

  it('at a crop of 32 m + 1 are the same however a level was reached', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 10 }), (seed, m, n) => {
        const genotype = randomGenotype({ layers: 12, blocks: 1, filters: 1 }, createRandom(seed));
        const graph = buildArchitecture(genotype, { inputs: 3, classes: 4 });
        const crop = [32 * m + 1, 32 * n + 1];
        for (const { level, size } of cellSizes(graph, genotype.path, crop))
          expect(size).toEqual(crop.map((length) => featureSize(length, level)));
      }),
    );
  });
});
