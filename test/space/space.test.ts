import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import { blocksOf, cellStructureCount, edgeCount, edgeIndex } from '../../src/space/cell.ts';
import { type AutoDeepLabGenotype, formatGenotype, parseGenotype, randomGenotype } from '../../src/space/genotype.ts';
import { OPERATOR_NAMES } from '../../src/space/operators.ts';
import { publishedGenotype } from '../../src/space/published.ts';
import {
  countPaths,
  featureSize,
  isValidCrop,
  NAMED_PATHS,
  nextValidCrop,
  randomPath,
  trellisEdges,
  trellisNodes,
} from '../../src/space/trellis.ts';

describe('the numbers of the paper', () => {
  it('cell structures, edges, nodes, moves, paths', () => {
    expect(cellStructureCount(5, OPERATOR_NAMES.length)).toBe(556_627_761_561_600n);
    expect([edgeCount(5), trellisNodes(12).length, trellisEdges(12).length]).toEqual([20, 45, 105]);
    expect([countPaths(12, [0]), countPaths(12, [0, 1])]).toEqual([28_657, 75_025]);
    expect([0, 1, 2, 3].map((level) => featureSize(321, level))).toEqual([81, 41, 21, 11]);
  });

  it('counts paths as enumeration does', () => {
    const enumerate = (layers: number, level: number): number =>
      layers === 1
        ? 1
        : [level - 1, level, level + 1]
            .filter((l) => l >= 0 && l < 4)
            .reduce((sum, l) => sum + enumerate(layers - 1, l), 0);
    for (let layers = 1; layers <= 8; layers++)
      expect(countPaths(layers, [0, 1])).toBe(enumerate(layers, 0) + enumerate(layers, 1));
  });
});

describe('edges of the cell', () => {
  it('are numbered without gaps, block by block', () => {
    const indices = [0, 1, 2, 3, 4].flatMap((block) =>
      Array.from({ length: block + 2 }, (_, predecessor) => edgeIndex(block, predecessor)),
    );
    expect(indices).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect([2, 5, 9, 14, 20, 21].map(blocksOf)).toEqual([1, 2, 3, 4, 5, undefined]);
  });
});

describe('paths', () => {
  it('named ones are possible', () => {
    for (const path of Object.values(NAMED_PATHS)) {
      expect(path).toHaveLength(12);
      expect(() => parseGenotype({ ...publishedGenotype(20), path }, 'x')).not.toThrow();
    }
  });

  it('random ones are uniform', () => {
    const random = createRandom(5);
    const seen = new Map<string, number>();
    const draws = 20_000;
    for (let i = 0; i < draws; i++) {
      const key = randomPath(4, random).join('');
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
    const paths = countPaths(4, [0, 1]);
    expect(seen.size).toBe(paths);
    const expected = draws / paths;
    const chiSquare = [...seen.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    expect(chiSquare).toBeLessThan(paths + 5 * Math.sqrt(2 * paths));
  });
});

describe('crops', () => {
  it('of 32 m + 1 have sizes that agree between levels; the next valid one is named', () => {
    for (let size = 33; size < 400; size++) {
      const agrees = [0, 1, 2].every((level) => 2 * featureSize(size, level + 1) - 1 === featureSize(size, level));
      expect(agrees && (size - 1) % 4 === 0).toBe(isValidCrop(size));
      expect(isValidCrop(nextValidCrop(size))).toBe(true);
    }
    expect([isValidCrop(321), isValidCrop(160), nextValidCrop(160), nextValidCrop(1)]).toEqual([true, false, 161, 33]);
  });
});

describe('genotype files', () => {
  const arbitrary = fc
    .record({
      layers: fc.integer({ min: 1, max: 14 }),
      blocks: fc.integer({ min: 1, max: 6 }),
      filters: fc.integer({ min: 1, max: 64 }),
      seed: fc.integer(),
    })
    .map(({ seed, ...options }) => randomGenotype(options, createRandom(seed)));

  it('go round trip, with the same bytes', () => {
    fc.assert(
      fc.property(arbitrary, (genotype) => {
        const text = formatGenotype(genotype);
        expect(parseGenotype(text, 'x')).toEqual(genotype);
        expect(formatGenotype(parseGenotype(text, 'x'))).toBe(text);
      }),
    );
  });

  it.each<[string, (file: Record<string, unknown>) => unknown, RegExp]>([
    ['another version', (file) => ({ ...file, version: 2 }), /g\.json: version is 2, this program reads version 1/],
    ['another format', () => ({ alpha: [] }), /expected "espalier-genotype"; decode architecture parameters first/],
    ['no object', () => [1], /is no genotype/],
    ['no JSON', () => '{', /is no JSON/],
    [
      'a jump',
      (file) => ({ ...file, path: [0, 0, 2, 1, 2, 1, 2, 2, 3, 3, 2, 1] }),
      /goes from level 0 to 2 at layer 3/,
    ],
    [
      'a first layer too coarse',
      (file) => ({ ...file, path: [2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1] }),
      /goes from level 0 to 2 at layer 1/,
    ],
    ['a length that lies', (file) => ({ ...file, layers: 3 }), /layers is 3, but the path has 12/],
    [
      'an unknown operator',
      (file) => change(file, { operator: 'sep3' }),
      /unknown operator "sep3"; did you mean "sep3x3"/,
    ],
    ['zero', (file) => change(file, { operator: 'zero' }), /uses the operator zero/],
    ['a later block', (file) => change(file, { from: 2 }), /block 1 reads from 2, expected 0 to 1/],
    ['one input twice', (file) => change(file, { from: 0 }), /reads from 0 twice/],
    ['a prototype key', () => JSON.parse('{"__proto__": {"format": "espalier-genotype"}}'), /format is undefined/],
  ])('refuse %s', (_, spoil, message) => {
    const file = JSON.parse(formatGenotype(publishedGenotype(20))) as Record<string, unknown>;
    expect(() => parseGenotype(spoil(file), 'g.json')).toThrow(message);
  });
});

/** The first input of the first block with some fields replaced. */
function change(file: Record<string, unknown>, fields: object): unknown {
  const [first, ...rest] = (file as unknown as AutoDeepLabGenotype).cell;
  return { ...file, cell: [{ ...first, inputs: [{ ...first.inputs[0], ...fields }, first.inputs[1]] }, ...rest] };
}
