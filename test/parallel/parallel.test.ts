/** @file Several processes train what one would: the same losses, weights and genotype from parts of the same batches. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodePng } from '../../src/data/images/png.ts';
import { bucketsOf, type CollectiveCost, inGroup, singleProcess } from '../../src/parallel/parallel.ts';
import { startRankClock } from '../../src/parallel/rankClock.ts';
import { hasGroups, runRanks } from '../helpers/ranks.ts';
import { temporaryFolder } from '../helpers/temporaryFolder.ts';
import { largestDifference, largestOf } from '../helpers/tensors.ts';

interface Outcome {
  readonly losses: number[];
  readonly values: number[];
  readonly epochs: readonly { genotype?: unknown; snapshot?: unknown; miou: number; counts?: number[] }[];
  readonly cost: CollectiveCost;
}

const program = join(import.meta.dirname, 'parallelProgram.mjs');

async function outcomes(size: number, words: readonly string[]): Promise<Outcome[]> {
  const ends = await runRanks(size, [program, ...words]);
  expect(ends.map(({ code, error }) => [code, error])).toEqual(ends.map(() => [0, '']));
  return ends.map(({ out }) => JSON.parse(out) as Outcome);
}

/** The largest difference of two lists of numbers, over the largest number in the first. */
const distance = (a: readonly number[], b: readonly number[]): number => largestDifference(a, b) / largestOf(a);

/** Hundreds of collectives, each of which waits for its turn on a machine that is busy. */
const TIMEOUT = 900_000;

/** That every rank has the losses, weights, genotypes and scores of one process, to `rounding` of losses and of weights, and the others' to the bit. */
function expectSame(one: Outcome, ranks: readonly Outcome[], rounding: readonly [number, number] = [2e-4, 2e-3]): void {
  for (const rank of ranks) {
    expect(distance(one.losses, rank.losses)).toBeLessThan(rounding[0]);
    expect(distance(one.values, rank.values)).toBeLessThan(rounding[1]);
    expect(rank.epochs.map(({ genotype }) => genotype)).toEqual(one.epochs.map(({ genotype }) => genotype));
    // Nobody is left out of the scores: all ranks know those of all samples.
    expect(Math.abs(rank.epochs[0].miou - one.epochs[0].miou)).toBeLessThan(0.01);
    // Ranks stay equal to the bit, or they would part.
    expect(rank.values).toEqual(ranks[0].values);
    expect(rank.cost.bytes).toBeGreaterThan(0);
    // Some gradients were on their way before the last was computed.
    expect(rank.cost.hidden).toBeGreaterThan(0);
    expect(rank.cost.hidden).toBeLessThanOrEqual(rank.cost.underWay);
  }
}

describe.skipIf(!hasGroups).each(['search', 'train'])('the %s', (what) => {
  it.each([
    ['halves and thirds, also of unequal size,', '3', [2, 3]],
    ['quarters', '4', [4]],
  ])(
    'from %s of batches with synchronised norms is that of one process',
    async (_, batch, sizes) => {
      const [one] = await outcomes(1, [what, batch, 'synchronised']);
      for (const size of sizes) expectSame(one, await outcomes(size, [what, batch, 'synchronised']));
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

describe.skipIf(!hasGroups).each(['search', 'train'])('the %s of two ranks', (what) => {
  it(
    'takes no step of a batch in which no pixel counts, as one process',
    async () => {
      const image = join(temporaryFolder(), 'grey.png');
      const data = new Uint8Array(3 * 64 * 48).fill(90);
      writeFileSync(image, encodePng({ width: 64, height: 48, channels: 3, data }));
      const words = [what, '2', 'synchronised', JSON.stringify({ empty: image, seed: 4 })];
      const [one] = await outcomes(1, words);
      // NaN in a process, null in what it prints.
      expect(one.losses).toContain(null);
      expect(one.losses.some((loss) => loss > 0)).toBe(true);
      expectSame(one, await outcomes(2, words));
    },
    TIMEOUT,
  );
});

describe.each([
  ['auto-deeplab', 2],
  ['auto-deeplab', 3],
  ['dints', 2],
  ['dints', 3],
] as const)('of %s in %i dimensions', (method, rank) => {
  const same = (one: Outcome, other: Outcome) => {
    expect(distance(one.losses, other.losses)).toBeLessThan(2e-4);
    expect(distance(one.values, other.values)).toBeLessThan(2e-3);
  };
  const words = (what: string, norms: string, more: object) => [
    what,
    '2',
    norms,
    JSON.stringify({ method, rank, ...more }),
  ];

  it(
    'a training on a batch of two is that of two parts of one, one after the other or in two processes',
    async () => {
      // Batch norms see the parts: theirs are fixed. The instance norms of DiNTS see one sample at a time in any case.
      const settings = { budget: { steps: 4 }, frozenNorms: method === 'auto-deeplab' };
      const [one] = await outcomes(1, words('train', 'apart', settings));
      const [parts] = await outcomes(1, words('train', 'apart', { ...settings, accumulate: 2 }));
      same(one, parts);
      if (hasGroups) for (const own of await outcomes(2, words('train', 'apart', settings))) same(one, own);
    },
    TIMEOUT,
  );

  it.runIf(hasGroups)(
    'a search on a batch of two is that of two processes',
    async () => {
      const [one] = await outcomes(1, words('search', 'synchronised', { epochs: 2 }));
      for (const own of await outcomes(2, words('search', 'synchronised', { epochs: 2 }))) same(one, own);
    },
    TIMEOUT,
  );
});

describe.skipIf(!hasGroups)('the search of two ranks', () => {
  it(
    'of the second order is that of one process',
    async () => {
      const words = ['search', '3', 'synchronised', '{"secondOrder":true,"epochs":2}'];
      const [one] = await outcomes(1, words);
      expectSame(one, await outcomes(2, words));
    },
    TIMEOUT,
  );
});

describe.skipIf(!hasGroups)('the training of two ranks', () => {
  it(
    'that accumulate is that of one process that takes each batch at once, where norms do not see the parts',
    async () => {
      const [one] = await outcomes(1, ['train', '4', 'apart', '{"frozenNorms":true}']);
      const words = ['train', '4', 'apart', '{"frozenNorms":true,"accumulate":2}'];
      expectSame(one, await outcomes(2, words));
    },
    TIMEOUT,
  );

  it(
    'takes as many parts on each, also where one has fewer samples than parts',
    async () => {
      const [one] = await outcomes(1, ['train', '3', 'synchronised']);
      expectSame(one, await outcomes(2, ['train', '3', 'synchronised', '{"accumulate":2}']));
    },
    TIMEOUT,
  );

  it(
    'with a teacher is that of one process, on images without labels too',
    async () => {
      const [one] = await outcomes(1, ['train', '4', 'apart', '{"frozenNorms":true,"taught":true}']);
      const words = ['train', '4', 'apart', '{"frozenNorms":true,"taught":true,"accumulate":2}'];
      expectSame(one, await outcomes(2, words));
      const [alone] = await outcomes(1, ['train', '4', 'apart', '{"frozenNorms":true}']);
      expect(one.losses[0]).toBeGreaterThan(alone.losses[0]);
    },
    TIMEOUT,
  );

  it.each([
    ['where norms are fixed', 'apart', '{"precision":"bfloat16","frozenNorms":true}', [2e-4, 2e-3]],
    // Fixed norms round once as one process does; synchronised ones compute in float32, and steps that follow differ by what bfloat16 rounds.
    ['to the rounding of bfloat16, with synchronised norms', 'synchronised', '{"precision":"bfloat16"}', [0.03, 0.05]],
  ] as const)(
    'in bfloat16 is that of one process %s',
    async (_, norms, settings, rounding) => {
      const [one] = await outcomes(1, ['train', '4', norms, settings]);
      expectSame(one, await outcomes(2, ['train', '4', norms, settings]), rounding);
    },
    TIMEOUT,
  );
});

describe('the clock of ranks', () => {
  it('reports the seconds of each epoch: those of collectives apart, and those of the report nowhere', async () => {
    let cost = { seconds: 5, bytes: 0, underWay: 0, hidden: 1 };
    const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
    const gather = async <T>(value: T) => {
      await pause(300);
      return [value, value];
    };
    const ask = startRankClock({ ...singleProcess, size: 2, cost: () => cost, gather });
    await pause(100);
    cost = { ...cost, seconds: 5.04, hidden: 1.02 };
    const first = await ask();
    expect(first?.[1].communicated).toBeCloseTo(0.04);
    expect(first?.[1].hidden).toBeCloseTo(0.02);
    expect(first?.[1].computed).toBeGreaterThan(0.05);
    const [second] = (await ask()) ?? [];
    expect(second).toMatchObject({ communicated: 0, hidden: 0 });
    expect(second?.computed).toBeLessThan(0.25);
    expect(await startRankClock(singleProcess)()).toBeNull();
  });
});

describe('a single process', () => {
  it('asks nobody', async () => {
    expect(await inGroup({}, async (parallel) => parallel)).toBe(singleProcess);
    expect([singleProcess.total(3), singleProcess.largest(-2), await singleProcess.gather('x')]).toEqual([
      3,
      -2,
      ['x'],
    ]);
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
