import { beforeAll, describe, expect, it } from 'vitest';

/** The benchmarks are plain JavaScript over the built package, which has no types for them. */
interface Words {
  settingsOf<T>(defaults: T, words: readonly string[]): T;
  measureApart(script: string, settings: object, options?: object): Promise<Record<string, number>>;
  showSpread(values: readonly number[], digits?: number): string;
}

let bench: Words;
beforeAll(async () => {
  bench = (await import(new URL('../../bench/words.mjs', import.meta.url).href)) as Words;
});

describe('settings of a benchmark', () => {
  it('take the types of their defaults', () => {
    expect(bench.settingsOf({ crop: 321, arch: 'a' }, ['crop=65', 'arch=x=y'])).toEqual({ crop: 65, arch: 'x=y' });
  });
});

describe('a spread', () => {
  it('is the middle and both ends', () => {
    expect(bench.showSpread([3, 1, 2], 1)).toBe('2.0 (1.0 to 3.0)');
  });
});

describe('each benchmark runs on tiny shapes and gives its figures', () => {
  it('search step', async () => {
    const shape = { layers: 3, filters: 4, blocks: 2, crop: 33, classes: 3, threads: 1, json: 1 };
    const taken = await bench.measureApart('searchStep.mjs', shape);
    for (const key of ['weightSeconds', 'architectureSeconds', 'peakBytes', 'peak', 'forwardGflop'])
      expect(taken[key], key).toBeGreaterThan(0);
  });

  it('network, ours and exported', async () => {
    const shape = { arch: 'random:1:3x2', filters: 4, size: 33, batch: 1, classes: 3, rounds: 1, threads: 1 };
    const ours = await bench.measureApart('networkStep.mjs', shape);
    expect(ours).toMatchObject({
      training: { seconds: expect.any(Number) },
      inference: { seconds: expect.any(Number) },
    });
    const exported = await bench.measureApart('networkStep.mjs', { ...shape, engine: 'onnxruntime' });
    expect(exported).toMatchObject({ inference: { seconds: expect.any(Number) } });
  });

  it('loader', async () => {
    const shape = {
      data: 'scenes:48x32',
      crop: 33,
      batch: 2,
      arch: 'random:1:3x2',
      filters: 4,
      steps: 1,
      threads: 1,
      json: 1,
    };
    const { share, given, taken } = await bench.measureApart('loader.mjs', shape);
    expect(share).toBeGreaterThanOrEqual(0);
    expect(share).toBeLessThan(1);
    expect(Math.min(given, taken)).toBeGreaterThan(0);
  });
});
