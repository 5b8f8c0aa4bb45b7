/** @file Advice can be followed: what a message says to change makes it go away. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/base/errors.ts';
import { smallerSearch, smallerTraining } from '../../../src/jobs/cost/smaller.ts';
import { requireSearchSamples, requireTrainingSamples } from '../../../src/jobs/prepare/enoughSamples.ts';
import { configKeys, parseConfig, variantsOf } from '../../../src/run/config/config.ts';
import { settings } from '../../../src/run/config/presets.ts';
import { splitHalves } from '../../../src/train/searchState.ts';
import { smallScenes } from '../../helpers/scenes.ts';

const given = (train: number) => ({ splits: smallScenes(train, 1).splits });

/** The fixes of a ConfigError; none where nothing is wrong. */
function fixesOf(work: () => void): string[] {
  try {
    work();
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).advice!.split(', or ');
  }
}

/** Settings and samples after a fix was followed. */
function followed<Config extends { batch: number; splitFraction: number }>(
  fix: string,
  config: Config,
  samples: number,
) {
  const [, number] = /(\d+)/.exec(fix) ?? [];
  if (fix.startsWith('add')) return { config, samples: samples + Number(number) };
  if (fix.startsWith('lower batch')) return { config: { ...config, batch: Number(number) }, samples };
  expect(fix).toBe('set splitFraction to 0.5');
  return { config: { ...config, splitFraction: 0.5 }, samples };
}

const cases = {
  batch: fc.integer({ min: 1, max: 12 }),
  splitFraction: fc.double({ min: 0.02, max: 0.98, noNaN: true }),
};

describe('too few samples', () => {
  it('for a search: each fix that is named leaves it with full batches in both halves', () => {
    fc.assert(
      fc.property(fc.record(cases), fc.integer({ min: 0, max: 40 }), (config, samples) => {
        const { weightHalf, architectureHalf } = splitHalves(given(samples).splits.train, 1, config.splitFraction);
        const isEnough = Math.min(weightHalf.length, architectureHalf.length) >= config.batch;
        const fixes = fixesOf(() => requireSearchSamples(config, given(samples)));
        expect(fixes.length > 0).toBe(!isEnough);
        for (const fix of fixes) {
          const now = followed(fix, config, samples);
          expect(fixesOf(() => requireSearchSamples(now.config, given(now.samples)))).toEqual([]);
        }
      }),
    );
  });

  it('for a search with one image for training: it says how many are needed, and not to lower a batch of 1', () => {
    const few = () => requireSearchSamples({ batch: 1, splitFraction: 0.5 }, given(1));
    expect(few).toThrow(/batch=1 needs 2 training samples.*got 1, 1 and 0 beside 1 for validation/);
    expect(fixesOf(few)).toEqual(['add 1 to the training split']);
  });

  it('for a training: each fix leaves it with a full batch', () => {
    fc.assert(
      fc.property(fc.record(cases), fc.integer({ min: 0, max: 12 }), (config, samples) => {
        for (const fix of fixesOf(() => requireTrainingSamples(config, given(samples)))) {
          const now = followed(fix, config, samples);
          expect(fixesOf(() => requireTrainingSamples(now.config, given(now.samples)))).toEqual([]);
        }
      }),
    );
  });
});

describe('too little memory', () => {
  /** The settings that a text names. */
  const named = (advice: string) => [...advice.matchAll(/(?:use|raise|lower) (\w+)/g)].map(([, key]) => key);

  it.each(Object.entries(variantsOf(settings.search)))(
    'of method=%s names settings that it has',
    (method, { schema }) => {
      const config = parseConfig(settings.search, [{ data: 'none', method, memory: 'fast', batch: 4 }]);
      expect(named(smallerSearch(config)).length).toBeGreaterThan(4);
      expect(configKeys(schema)).toEqual(expect.arrayContaining(named(smallerSearch(config))));
      const least = { ...config, batch: 1, memory: 'small' as const };
      expect(named(smallerSearch(least))).not.toEqual(expect.arrayContaining(['batch']));
      expect(named(smallerSearch(least))).not.toEqual(expect.arrayContaining(['memory']));
    },
  );

  it('of a training names settings that it has and that are not at their end', () => {
    expect(configKeys(settings.train.schema)).toEqual(
      expect.arrayContaining(named(smallerTraining({ batch: 4, accumulate: 1 }))),
    );
    expect(named(smallerTraining({ batch: 4, accumulate: 4 }))).toEqual(['batch', 'crop', 'filters']);
    expect(named(smallerTraining({ batch: 1, accumulate: 1 }))).toEqual(['crop', 'filters']);
  });
});
