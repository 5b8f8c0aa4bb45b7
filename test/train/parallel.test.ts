/** @file Several processes train what one would: the same losses, weights and genotype from parts of the same batches. */
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ALONE, bucketsOf, inGroup } from '../../src/train/parallel.ts';
import { hasGroups, runRanks } from '../helpers/ranks.ts';

interface Outcome {
  readonly losses: number[];
  readonly values: number[];
  readonly epochs: readonly { genotype?: unknown; snapshot?: unknown; miou: number; counts?: number[] }[];
  readonly cost: { seconds: number; bytes: number };
}

const program = join(import.meta.dirname, 'parallelProgram.mjs');

async function outcomes(size: number, words: readonly string[]): Promise<Outcome[]> {
  const ends = await runRanks(size, [program, ...words]);
  expect(ends.map(({ code, error }) => [code, error])).toEqual(ends.map(() => [0, '']));
  return ends.map(({ out }) => JSON.parse(out) as Outcome);
}

/** The largest difference of two lists of numbers, over the largest number in the first. */
function distance(a: readonly number[], b: readonly number[]): number {
  expect(b).toHaveLength(a.length);
  const scale = Math.max(...a.map(Math.abs));
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]))) / scale;
}

/** Hundreds of exchanges, each of which waits for its turn on a machine that is busy. */
const TIMEOUT = 900_000;

describe.skipIf(!hasGroups).each([
  ['search', [2]],
  ['train', [2, 3]],
])('the %s', (what, sizes) => {
  it(
    `of ${sizes.join(' and ')} ranks with synchronised norms is that of one process, also with parts of unequal size`,
    async () => {
      const batch = '3';
      const [one] = await outcomes(1, [what, batch, 'synchronised']);
      for (const size of sizes) {
        const ranks = await outcomes(size, [what, batch, 'synchronised']);
        for (const rank of ranks) {
          expect(distance(one.losses, rank.losses)).toBeLessThan(2e-4);
          expect(distance(one.values, rank.values)).toBeLessThan(2e-3);
          expect(rank.epochs.map(({ genotype }) => genotype)).toEqual(one.epochs.map(({ genotype }) => genotype));
          // Nobody is left out of the scores: all ranks know those of all samples.
          expect(Math.abs(rank.epochs[0].miou - one.epochs[0].miou)).toBeLessThan(0.01);
          // Ranks stay equal to the bit, or they would part.
          expect(rank.values).toEqual(ranks[0].values);
          expect(rank.cost.bytes).toBeGreaterThan(0);
        }
      }
    },
    TIMEOUT,
  );

  it(
    'with norms apart keeps the weights of all ranks equal to the bit',
    async () => {
      const ranks = await outcomes(2, [what, '4', 'apart']);
      expect(ranks[1].values).toEqual(ranks[0].values);
      expect(ranks[1].losses).toEqual(ranks[0].losses);
      expect(ranks[1].epochs).toEqual(ranks[0].epochs);
    },
    TIMEOUT,
  );
});

describe('a single process', () => {
  it('asks nobody', async () => {
    expect(await inGroup({}, async (parallel) => parallel)).toBe(ALONE);
    expect([ALONE.total(3), ALONE.largest(-2), await ALONE.gather('x')]).toEqual([3, -2, ['x']]);
  });
});

describe('buckets', () => {
  const tensor = fc.record({ bytes: fc.nat(50), dtype: fc.constantFrom('float32' as const, 'float64' as const) });

  it('hold every tensor once and in order, of one dtype, and are no larger than they must be', () => {
    fc.assert(
      fc.property(fc.array(tensor), fc.integer({ min: 1, max: 100 }), (tensors, most) => {
        const buckets = bucketsOf(tensors, most);
        expect(buckets.flat()).toEqual(tensors);
        for (const bucket of buckets) {
          expect(bucket.length).toBeGreaterThan(0);
          expect(new Set(bucket.map(({ dtype }) => dtype)).size).toBe(1);
          if (bucket.length > 1) expect(bucket.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(most);
        }
      }),
    );
  });
});
