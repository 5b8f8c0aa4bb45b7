/** @file The loader: content by seed, epoch and place alone, whatever the workers; errors come typed and named. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../../src/base/errors.ts';
import type { LoadedBatch } from '../../../src/data/loader/batch.ts';
import { createLoader, evaluationBatches, type LoaderOptions } from '../../../src/data/loader/loader.ts';
import { partOfBatch } from '../../../src/data/loader/plan.ts';
import { createSceneSet } from '../../../src/data/scenes/sceneSet.ts';

const dataset = createSceneSet({ width: 64, height: 48, train: 11, val: 2 });
const options: LoaderOptions = { dataset, samples: dataset.splits.train, batch: 3, crop: [33, 41], seed: 5 };
const isBuilt = existsSync(fileURLToPath(new URL('../../../dist/data/loader/worker.js', import.meta.url)));

async function all(batches: AsyncIterable<LoadedBatch>): Promise<LoadedBatch[]> {
  const result: LoadedBatch[] = [];
  for await (const batch of batches) result.push(batch);
  return result;
}

describe('parts of batches', () => {
  it('are disjoint and together every place of the batch, nearly equal in size', () => {
    fc.assert(
      fc.property(
        fc.nat(1000),
        fc.integer({ min: 1, max: 64 }),
        fc.integer({ min: 1, max: 64 }),
        (first, batch, count) => {
          const parts = Array.from({ length: count }, (_, index) => partOfBatch(first, batch, { index, count }));
          const places = parts.flatMap(([start, end]) => Array.from({ length: end - start }, (_, i) => start + i));
          expect(places).toEqual(Array.from({ length: batch }, (_, i) => first + i));
          const sizes = parts.map(([start, end]) => end - start);
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        },
      ),
    );
  });

  it.each([1, 2, 3])('of %i processes are the batches of one, pixel by pixel', async (count) => {
    const whole = await all(createLoader(options).batches(2));
    const parts = await Promise.all(
      Array.from({ length: count }, (_, index) => all(createLoader({ ...options, part: { index, count } }).batches(2))),
    );
    whole.forEach((batch, step) => {
      const own = parts.map((part) => part[step]);
      expect(own.flatMap(({ ids }) => ids)).toEqual(batch.ids);
      expect(own.flatMap(({ images }) => [...images])).toEqual([...batch.images]);
      expect(own.flatMap(({ labels }) => [...labels])).toEqual([...batch.labels]);
    });
  });

  it('are refused where there are fewer samples than processes', () => {
    const part = { index: 0, count: 4 };
    expect(() => createLoader({ ...options, part })).toThrow('a batch of 3 has no part for each of 4 processes');
  });
});

describe('in process', () => {
  it('gives batches of the stated shape, the same when asked again, others in the next epoch', async () => {
    const loader = createLoader(options);
    const first = await all(loader.batches(0));
    expect(first.length).toBe(3);
    expect(loader.stepsPerEpoch).toBe(3);
    for (const batch of first) {
      expect([batch.images.length, batch.labels.length, batch.ids.length]).toEqual([3 * 33 * 41 * 3, 3 * 33 * 41, 3]);
      expect(batch.images.every((value) => value >= -1 && value <= 1)).toBe(true);
      expect(batch.labels.every((id) => id < 7 || id === 255)).toBe(true);
    }
    expect(await all(loader.batches(0))).toEqual(first);
    expect(await all(loader.batches(0, 1))).toEqual(first.slice(1));
    expect(await all(loader.batches(1))).not.toEqual(first);
    expect(await all(createLoader({ ...options, seed: 6 }).batches(0))).not.toEqual(first);
  });

  it('visits every sample once when the last batch is kept', async () => {
    const batches = await all(createLoader({ ...options, dropLast: false }).batches(4));
    expect(batches.map((batch) => batch.batch)).toEqual([3, 3, 3, 2]);
    expect(new Set(batches.flatMap((batch) => batch.ids)).size).toBe(11);
  });

  it('refuses a batch larger than the data', () => {
    expect(() => createLoader({ ...options, batch: 12 })).toThrow(/11 samples make no batch of 12/);
  });

  it('gives whole pictures for evaluation', async () => {
    const batches = await all(evaluationBatches(dataset, dataset.splits.val));
    expect(batches.map(({ batch, size, channels }) => [batch, size, channels])).toEqual([
      [1, [48, 64], 3],
      [1, [48, 64], 3],
    ]);
  });
});

describe.skipIf(!isBuilt)('in workers (needs dist/)', () => {
  it('ends a program that closes the loader while batches are on their way', () => {
    const program = `
      import { createLoader } from './dist/data/loader/loader.js';
      import { createSceneSet } from './dist/data/scenes/sceneSet.js';
      const dataset = createSceneSet({ width: 64, height: 48, train: 12, val: 2 });
      const loader = createLoader({ dataset, samples: dataset.splits.train, batch: 2, crop: [33, 33], seed: 0, workers: 2 });
      await loader.batches(0)[Symbol.asyncIterator]().next();
      // As a training step does: answers arrive meanwhile, and are there when the loader is closed.
      for (const until = performance.now() + 300; performance.now() < until; );
      await loader.close();
      console.log('closed');`;
    const run = () => execFileSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' });
    for (let i = 0; i < 2; i++) expect(run()).toBe('closed\n');
  });

  it('gives the same bytes with 0, 1 and 3 workers', async () => {
    const want = await all(createLoader({ ...options, dropLast: false }).batches(2));
    for (const workers of [1, 3]) {
      const loader = createLoader({ ...options, dropLast: false, workers });
      expect(await all(loader.batches(2))).toEqual(want);
      await loader.close();
    }
  });

  it('survives an epoch that is left early', async () => {
    const loader = createLoader({ ...options, workers: 2 });
    for await (const _ of loader.batches(0)) break;
    expect((await all(loader.batches(1))).length).toBe(3);
    await loader.close();
    await expect(all(loader.batches(1))).rejects.toThrow(/loader was closed/);
  });

  it('throws the error of a worker typed, with the file and the advice', async () => {
    for (const workers of [0, 2]) {
      const samples = [
        { id: 'x', source: { kind: 'files', image: '/nowhere/x.png', label: '/nowhere/y.png' } } as const,
      ];
      const loader = createLoader({ ...options, samples, batch: 1, workers });
      const failure = await all(loader.batches(0)).catch((error) => error);
      expect(failure).toBeInstanceOf(DataError);
      expect(failure.message).toContain('/nowhere/x.png: cannot be read (ENOENT)');
      await loader.close();
    }
  });
});
