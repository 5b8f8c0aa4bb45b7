/** @file Settings: layers, presets, errors that name the key, and round trips through YAML. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { ConfigError } from '../../../src/base/errors.ts';
import { warmupEpochsOf } from '../../../src/jobs/settings.ts';
import {
  configKeys,
  describeConfig,
  formatConfig,
  type Layer,
  layerFor,
  parseConfig,
  parseConfigText,
  type Settings,
  textKeys,
} from '../../../src/run/config/config.ts';
import { settings } from '../../../src/run/config/presets.ts';

const search = (...layers: Layer[]) => parseConfig(settings.search, [{ data: 'd' }, ...layers]);
const train = (...layers: Layer[]) => parseConfig(settings.train, [{ data: 'd', arch: 'a' }, ...layers]);

/** What every command needs, so that loops over commands can build a config. */
const needed: Record<keyof typeof settings, Layer> = {
  search: { data: 'd' },
  train: { data: 'd', arch: 'a' },
  evaluate: { run: 'r' },
  auto: { data: 'd' },
  compare: { archs: 'a,b', budget: '4steps' },
  predict: { run: 'r' },
  export: { run: 'r' },
};
const commands = Object.entries(settings).map(
  ([command, value]) => [command, value as Settings<z.ZodObject>, needed[command as keyof typeof settings]] as const,
);

describe('parseConfig', () => {
  it('has the defaults of the paper', () => {
    const config = search();
    expect(config).toMatchObject({ epochs: 40, crop: 321, layers: 12, filters: 8, blocks: 5, seed: 0 });
    expect(config.weights).toMatchObject({
      learningRate: 0.025,
      minimumLearningRate: 0.001,
      momentum: 0.9,
      decay: 3e-4,
    });
    expect(config.architecture).toEqual({ learningRate: 0.003, decay: 0.001 });
    expect(search({ preset: 'paper' })).toEqual({ ...config, preset: 'paper', scale: 2, norm: { epsilon: 1e-3 } });
  });

  it('lets later layers win, group by group and list by list', () => {
    const config = search(
      { preset: 'demo', weights: { learningRate: 0.1 }, crop: 65 },
      { 'weights.momentum': 0.5, crop: [33, 65], augmentation: { scale: [1, 1] } },
    );
    expect(config.weights).toMatchObject({ learningRate: 0.1, momentum: 0.5, decay: 3e-4 });
    expect(config.crop).toEqual([33, 65]);
    expect(config.augmentation).toMatchObject({ scale: [1, 1], flip: true });
    expect(config.layers).toBe(settings.search.presets.demo.layers);
  });

  it('has settings of their own for every method, and refuses those of another one', () => {
    const config = search({ method: 'dints' });
    expect(config).toMatchObject({
      method: 'dints',
      layers: 12,
      levels: 4,
      width: 0.5,
      crop: 96,
      budget: { memory: 1 },
    });
    expect(config.weights).toMatchObject({ learningRate: 0.025, momentum: 0.9, decay: 4e-5 });
    expect(config.architecture).toEqual({ learningRate: 0.001 });
    expect(config).not.toHaveProperty('blocks');
    expect(search(parseConfigText(formatConfig(config), 'c.yaml'))).toEqual(config);
    expect(search({ method: 'dints', preset: 'demo', width: 1 })).toMatchObject({ levels: 3, width: 1 });
    const others: [Layer, RegExp][] = [
      [
        { method: 'dints', blocks: 3 },
        /"blocks" is a setting of method=auto-deeplab, not of method=dints; leave it out/,
      ],
      [{ budget: { memory: 1 } }, /"budget\.memory" is a setting of method=dints, not of method=auto-deeplab/],
      [{ method: 'dints', architecture: { decay: 1 } }, /"architecture\.decay" is a setting of method=auto-deeplab/],
      [{ method: 'darts' }, /method: expected auto-deeplab or dints, or ladder for a race .*got "darts"/],
      [{ method: 'dints', preset: 'paper' }, /expected a preset, got "paper"/],
      [{ method: 'dints', levels: 6 }, /levels: expected a whole number from 2 to 5, got 6/],
    ];
    for (const [layer, message] of others) expect(() => search(layer), JSON.stringify(layer)).toThrow(message);
  });

  it('takes null as "the default again" and ignores undefined', () => {
    expect(search({ batch: 7 }, { batch: null }).batch).toBe(2);
    expect(search({ 'weights.decay': 1 }, { weights: null }, { 'weights.momentum': 0 }).weights.decay).toBe(3e-4);
    expect(search({ batch: 7 }, { batch: undefined }).batch).toBe(7);
  });

  it('holds one budget: the last one set', () => {
    expect(train().epochs).toBe(100);
    const timed = train({ preset: 'small' }, { minutes: 5 });
    expect([timed.epochs, timed.steps, timed.minutes]).toEqual([undefined, undefined, 5]);
    expect(() => train({ epochs: 1, steps: 2 })).toThrow(/one of epochs, steps, minutes, got epochs and steps/);
    expect(() => train({ epochs: null })).toThrow(/one of epochs, steps, minutes, got none/);
    expect(train({ epochs: null, steps: 7 }).steps).toBe(7);
  });

  it.each<[Layer, RegExp]>([
    [{ epoch: 3 }, /unknown setting "epoch"; did you mean "epochs"/],
    [{ weights: { learnRate: 3 } }, /unknown setting "weights\.learnRate"; did you mean "weights\.learningRate"/],
    [{ epochs: 'ten' }, /epochs: expected a whole number from 1, got "ten"/],
    [{ epochs: 1.5 }, /epochs: expected a whole number from 1, got 1\.5/],
    [{ atrous: 'sparse' }, /atrous: expected dense or separable, got "sparse"/],
    [
      { crop: [1, 2, 3, 4] },
      /crop: expected a whole number, \[height, width\] or \[depth, height, width\], got \[1,2,3,4\]/,
    ],
    [{ crop: -1 }, /crop: .*got -1/],
    [{ weights: 3 }, /weights: expected a group of settings, got 3/],
    [{ weights: [3] }, /weights: expected a group of settings, got \[3\]/],
    [{ epochs: { a: 1 } }, /epochs: expected a whole number from 1, got \{"a":1\}/],
    [{ 'augmentation.scale': [2, 1] }, /augmentation\.scale: expected two numbers/],
    [{ 'augmentation.scale': [1, 'x'] }, /augmentation\.scale: expected two numbers/],
    [{ splitFraction: Number.NaN }, /splitFraction: .*got NaN/],
    [{ device: 'gpu' }, /device: expected auto, cpu/],
    [{ preset: 'papper' }, /preset: expected a preset, got "papper"; did you mean "paper"/],
    [{ preset: 'constructor' }, /preset: expected a preset/],
    [{ data: null }, /data: expected a string, got nothing; add data=/],
    [{ name: 7 }, /name: expected a string, got 7/],
    [JSON.parse('{"__proto__": {"a": 1}}'), /expected a setting, got "__proto__"/],
    [JSON.parse('{"weights": {"__proto__": {"a": 1}}}'), /expected a setting, got "weights\.__proto__"/],
    [{ 'constructor.prototype.a': 1 }, /expected a setting, got "constructor"/],
  ])('refuses %j', (layer, message) => {
    expect(() => search(layer)).toThrow(ConfigError);
    expect(() => search(layer)).toThrow(message);
    expect(({} as Record<string, unknown>).a).toBeUndefined();
  });

  it.each(commands)('%s: every preset is valid and every key explained', (_, value, layer) => {
    for (const preset of Object.keys(value.presets ?? {})) parseConfig(value, [layer, { preset }]);
    for (const line of describeConfig(value.schema)) {
      expect(line.description, line.key).not.toBe('');
      expect(line.expected, line.key).not.toBe('another value');
    }
    expect(configKeys(value.schema).length).toBeGreaterThan(4);
  });

  it('reads sizes and lists as people write them, for every setting that takes a list', () => {
    const evaluate = (layer: Layer) => parseConfig(settings.evaluate, [{ run: 'r' }, layer]);
    for (const crop of ['240x320', '240,320', '240, 320', '240 x 320', '240×320', [240, 320]])
      expect(train({ crop }).crop).toEqual([240, 320]);
    expect(train({ crop: '32x64x32', size: '48x64', stem: '16,16,32' })).toMatchObject({
      ...{ crop: [32, 64, 32], size: [48, 64], stem: [16, 16, 32] },
    });
    expect(train({ milestones: '0.4,0.8', 'augmentation.scale': '0.5,2', trainOn: 'train,coarse' })).toMatchObject({
      ...{ milestones: [0.4, 0.8], augmentation: { scale: [0.5, 2] }, trainOn: ['train', 'coarse'] },
    });
    expect(train({ classWeights: '1,2,0.5' }).classWeights).toEqual([1, 2, 0.5]);
    expect(train({ classWeights: 'sqrt' }).classWeights).toBe('sqrt');
    expect(evaluate({ 'tta.mirror': 'width', 'tta.scales': '0.75,1' }).tta).toMatchObject({
      ...{ mirror: ['width'], scales: [0.75, 1] },
    });
    expect(parseConfig(settings.export, [{ run: 'r', size: '240x320' }]).size).toEqual([240, 320]);
    expect(parseConfig(settings.export, [{ run: 'r', size: 'dynamic' }]).size).toBe('dynamic');
    // Texts stay texts.
    expect(train({ name: '240x320', data: '1,2' })).toMatchObject({ name: '240x320', data: '1,2' });
    expect(() => train({ crop: '240x' })).toThrow(/crop: expected .*got "240x"/);
  });

  it('has a warm-up that is a share of the epochs, or epochs', () => {
    const train = (layer: Layer = {}) => {
      const { warmup, warmupSteps } = parseConfig(settings.train, [{ data: 'd', arch: 'unet', ...layer }]);
      return [warmup, warmupSteps];
    };
    expect(train()).toEqual([0, undefined]);
    expect(train({ preset: 'demo' })).toEqual([0.05, undefined]);
    // As runs of earlier versions have it.
    expect(train({ preset: 'demo', warmupSteps: 20, steps: 400 })).toEqual([undefined, 20]);
    expect(() => train({ warmup: 0.1, warmupSteps: 20 })).toThrow(
      /expected one of warmup, warmupSteps, got warmup and/,
    );
    expect(() => train({ warmup: null })).toThrow(/expected one of warmup, warmupSteps, got none/);
    expect([search().warmup, search().warmupEpochs]).toEqual([0.5, undefined]);
    expect([search({ warmupEpochs: 3 }).warmup, search({ warmupEpochs: 3 }).warmupEpochs]).toEqual([undefined, 3]);
    expect(search({ preset: 'small', warmup: 0.1 })).toMatchObject({ warmup: 0.1 });
    const epochsOf = (layer: Layer) => warmupEpochsOf(search(layer));
    expect([{}, { preset: 'small' }, { preset: 'demo' }, { epochs: 8 }, { epochs: 1 }].map(epochsOf)).toEqual([
      ...[20, 5, 1, 4, 0],
    ]);
    expect(epochsOf({ epochs: 3, warmup: 0.99 })).toBe(2);
    expect(() => search({ warmup: 1 })).toThrow(/warmup: expected a number from 0 below 1/);
  });

  it('knows which keys are texts', () => {
    expect(textKeys(settings.train.schema)).toEqual([
      'data',
      'arch',
      'preset',
      'name',
      'runs',
      'device',
      'heldOut',
      'from',
      'map',
      'teacher',
      'distillation.images',
      'splitOf',
    ]);
  });

  it('meets any JSON with a config or a ConfigError', () => {
    const value = fc.jsonValue();
    const key = fc.oneof(fc.constantFrom(...configKeys(settings.train.schema), 'weights', 'aspp'), fc.string());
    fc.assert(
      fc.property(fc.dictionary(key, value, { maxKeys: 3 }), (layer) => {
        try {
          train(layer as Layer);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('formatConfig', () => {
  it.each(commands)('%s: comes back from YAML as it was, from every preset', (_, value, layer) => {
    for (const preset of [undefined, ...Object.keys(value.presets ?? {})]) {
      const config = parseConfig(value, [layer, { preset }]);
      expect(parseConfig(value, [parseConfigText(formatConfig(config), 'config.yaml')])).toEqual(config);
    }
  });

  it('comes back for any texts and numbers', () => {
    const change = fc.record(
      {
        data: fc.string({ minLength: 1, unit: 'binary' }),
        name: fc.constantFrom('007', 'true', 'null', '1e3', '~', '- a', 'a: b', '#', '!x', '*a'),
        seed: fc.nat(0xffffffff),
        learningRate: fc.double({ min: 1e-300, max: 1e300, noNaN: true }),
        crop: fc.oneof(fc.integer({ min: 1, max: 999 }), fc.constant([3, 4])),
        minutes: fc.integer({ min: 1, max: 9 }),
        aspp: fc.record({ rates: fc.constantFrom('auto', [6, 12, 18]) }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(change, fc.constantFrom(undefined, 'small', 'paper-cityscapes'), (layer, preset) => {
        const config = train({ preset }, layer);
        expect(parseConfig(settings.train, [parseConfigText(formatConfig(config), 'f')])).toEqual(config);
      }),
    );
  });
});

describe('parseConfigText', () => {
  it.each([
    ['a tag', 'data: !!js/function "x"', /f\.yaml, line 1: /],
    ['an unknown tag', 'data: !secret x', /f\.yaml, line 1: /],
    ['an alias', 'a: &a [1]\nb: *a', /aliases/],
    ['a duplicate', 'a: 1\na: 2', /line 2: Map keys must be unique/],
    ['a list', '- 1', /expected settings/],
    ['broken YAML', 'a: [1', /f\.yaml, line/],
  ])('refuses %s', (_, text, message) => {
    expect(() => parseConfigText(text, 'f.yaml')).toThrow(ConfigError);
    expect(() => parseConfigText(text, 'f.yaml')).toThrow(message);
  });

  it('takes an empty file, JSON and dotted keys', () => {
    expect(parseConfigText('# nothing\n', 'f')).toEqual({});
    expect(search(parseConfigText('{"weights.decay": 0.5}', 'f')).weights.decay).toBe(0.5);
  });

  it('refuses prototype keys through YAML too', () => {
    expect(() => search(parseConfigText('__proto__:\n  a: 1\n', 'f'))).toThrow(ConfigError);
  });
});

describe('layerFor', () => {
  const file: Layer = {
    data: 'd',
    batch: 4,
    search: { batch: 8, 'weights.decay': 0.1 },
    train: { arch: 'a' },
    weights: { clip: 1 },
  };

  it('lays the group of a command over the common settings and passes over the others', () => {
    expect(layerFor('search', file)).toEqual({ data: 'd', batch: 8, weights: { clip: 1, decay: 0.1 } });
    expect(layerFor('train', file)).toEqual({ data: 'd', batch: 4, arch: 'a', weights: { clip: 1 } });
    expect(layerFor(undefined, file)).toEqual({ data: 'd', batch: 4, weights: { clip: 1 } });
  });

  it('leaves a file without groups as it is', () => {
    expect(layerFor('search', { data: 'd', weights: { clip: 1 } })).toEqual({ data: 'd', weights: { clip: 1 } });
  });
});
