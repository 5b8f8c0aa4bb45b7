/** @file Settings as a command that can be typed: what it says is read back to the same settings. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseArguments } from '../../../src/cli/arguments.ts';
import { searchAgain } from '../../../src/jobs/prepare/searchAgain.ts';
import { commandLine, shellWord, wordsOf } from '../../../src/run/config/commandLine.ts';
import { type Layer, parseConfig, type Settings, textKeys, variantsOf } from '../../../src/run/config/config.ts';
import { settings } from '../../../src/run/config/presets.ts';

const needed: Record<keyof typeof settings, Layer> = {
  search: { data: 'a street' },
  train: { data: 'd', arch: 'a' },
  evaluate: { run: 'r' },
  auto: { data: 'd', 'budget.multiplyAdds': 5e8, 'training.crop': 64 },
  compare: { archs: 'a,b', budget: '4steps' },
  predict: { run: 'r' },
  export: { run: 'r', size: '240x320' },
};

const variants = Object.entries(settings).flatMap(([command, all]) =>
  Object.entries(variantsOf(all as Settings)).flatMap(([variant, { presets = {} }]) =>
    [undefined, ...Object.keys(presets)].map((preset) => ({ command, all: all as Settings, variant, preset })),
  ),
);

/** What a command line of these words reads. */
const readBack = (all: Settings, words: readonly string[]) =>
  parseConfig(all, [
    parseArguments(words, { texts: Object.values(variantsOf(all)).flatMap((v) => textKeys(v.schema)) }).settings,
  ]);

describe('the fewest words', () => {
  it.each(variants)('of $command $variant $preset give the same settings', ({ command, all, variant, preset }) => {
    const layer = { ...needed[command as keyof typeof settings], ...(all.variants ? { method: variant } : {}), preset };
    const config = parseConfig(all, [layer]) as Layer;
    const words = wordsOf(all, config);
    expect(readBack(all, words)).toEqual(config);
    expect(words.length).toBeLessThan(6);
  });

  it('name what differs from the preset, whatever it is', () => {
    const changed = fc.record(
      {
        epochs: fc.integer({ min: 1, max: 99 }),
        warmupEpochs: fc.integer({ min: 0, max: 9 }),
        crop: fc.array(fc.integer({ min: 1, max: 99 }), { minLength: 2, maxLength: 3 }),
        name: fc.string({ minLength: 1 }),
        classWeights: fc.constantFrom('sqrt', [1, 2.5]),
        secondOrder: fc.boolean(),
        'weights.momentum': fc.double({ min: 0, max: 1, noNaN: true }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(changed, fc.constantFrom('small', 'demo', undefined), (layer, preset) => {
        const config = parseConfig(settings.search, [{ data: 'd', preset }, layer]) as Layer;
        expect(readBack(settings.search as Settings, wordsOf(settings.search, config))).toEqual(config);
      }),
    );
  });

  it('are quoted for a shell', () => {
    expect(['crop=1,2', 'a b', "it's", 'x=[1]'].map(shellWord)).toEqual(['crop=1,2', "'a b'", "'it'\\''s'", "'x=[1]'"]);
    expect(commandLine('train', ['data=my data'])).toBe("espalier train 'data=my data'");
  });
});

describe('the search after one that decided nothing', () => {
  const config = (...layers: Layer[]) => parseConfig(settings.search, [{ data: 'd', name: 'first' }, ...layers]);

  it('has no decay of the architecture and a rate for some hundred steps, or twice the epochs', () => {
    expect(searchAgain(config())).toBe(
      'espalier search data=d name=first-longer architecture.learningRate=0.02 architecture.decay=0',
    );
    expect(searchAgain(config({ preset: 'small' }))).toBe(
      'espalier search data=d preset=small name=first-longer epochs=32',
    );
    expect(searchAgain(config({ method: 'dints', preset: 'volumes-small', epochs: 4, warmupEpochs: 1 }))).toBe(
      'espalier search data=d method=dints preset=volumes-small name=first-longer epochs=8 warmupEpochs=2',
    );
  });
});
