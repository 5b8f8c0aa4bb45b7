/** @file Settings of decode, evaluate, predict and export are used or refused; a new one has to be put into one of the lists. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import { decodeCommand } from '../../src/cli/decode.ts';
import { evaluateCommand } from '../../src/cli/evaluate.ts';
import { exportCommand } from '../../src/cli/export.ts';
import { predictCommand } from '../../src/cli/predict.ts';
import { SCENE_CLASSES } from '../../src/data/scenes/classes.ts';
import { Generator } from '../../src/engine/device.ts';
import { type NetworkDescription, saveDescription } from '../../src/jobs/network.ts';
import { configKeys, givenKeys, type Layer, parseConfig } from '../../src/run/config/config.ts';
import { settings } from '../../src/run/config/presets.ts';
import { refuseUnused, unusedInInference } from '../../src/run/config/unused.ts';
import { openRunFolder } from '../../src/run/folder.ts';
import { formatGenotype, randomGenotype } from '../../src/space/genotype.ts';
import { createSupernet } from '../../src/supernet/network.ts';
import { temporaryFolder } from '../helpers/temporaryFolder.ts';

afterEach(() => void vi.restoreAllMocks());

const genotype = randomGenotype({ layers: 3, blocks: 2, filters: 4, rank: 2 }, createRandom(2));

/** The folder of a training without weights: what is refused is refused before they are read. */
function trainRun(volumes = false): string {
  const folder = join(temporaryFolder(), 'train', 'x');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'config.yaml'), 'data: own\n');
  const description = {
    architecture: genotype,
    options: { inputs: 3, classes: 2 },
    classes: SCENE_CLASSES.slice(0, 2),
    reduction: 1,
  };
  const ofVolumes = { modalities: ['CT'], window: [32, 32, 32], largestComponents: [] };
  const whole = { ...description, ...(volumes ? { volumes: ofVolumes } : {}) };
  saveDescription(openRunFolder(folder), whole as unknown as NetworkDescription);
  return folder;
}

const BUDGET = ['multiplyAdds', 'parameters', 'trainingMemory', 'inferenceMemory', 'latencyMs'].map(
  (key) => `budget.${key}`,
);
const CRF = ['iterations', 'appearance.weight', 'appearance.position', 'appearance.intensity', 'exact'].map(
  (key) => `crf.${key}`,
);
const SMOOTHNESS = ['crf.smoothness.weight', 'crf.smoothness.position'];
const TTA = ['tta.scales', 'tta.flip', 'tta.mirror'];
/** By command: the settings that always count, and those that may have no effect. */
const LISTS = [
  [
    evaluateCommand,
    ['run', 'data', 'split', 'name', 'checkpoint', 'device', 'threads', ...TTA, 'window', 'postprocess'],
    ['overlap', 'toleranceMm', ...CRF, ...SMOOTHNESS, 'crf.tune', 'crf.tuneOn', 'crf.tuneSamples'],
  ],
  [
    predictCommand,
    // Predictions of volumes have the values of a submission always.
    ['run', 'checkpoint', 'output', 'device', 'threads', ...TTA, 'window', 'write', 'submission', 'postprocess'],
    ['overlap', 'overlay', ...CRF, ...SMOOTHNESS],
  ],
  [
    exportCommand,
    [
      'run',
      'preset',
      'format',
      'output',
      'checkpoint',
      'size',
      'batch',
      'precision',
      'normalise',
      'result',
      'threads',
      ...BUDGET,
    ],
    ['license', 'target', 'weights', 'calibration'],
  ],
  [decodeCommand, ['params', 'filters', 'output'], ['atrous', 'rank']],
] as const;

it.each(LISTS)('every setting of $name is in a list', ({ settings }, used, conditional) => {
  expect(configKeys(settings!.schema).sort()).toEqual([...used, ...conditional].sort());
});

describe('settings without effect are refused', () => {
  const refusedBy = (isOfVolumes: boolean, layer: Layer) => () =>
    refuseUnused(
      givenKeys([layer]),
      unusedInInference(isOfVolumes, parseConfig(settings.evaluate, [{ run: 'x' }, withoutOthers(layer)])),
    );
  /** `overlay` is of predict. */
  const withoutOthers = ({ overlay: _, ...layer }: Layer): Layer => layer;

  it('of images and of volumes', () => {
    expect(refusedBy(false, { overlap: 0.5 })).toThrow('overlap has no effect: images are read as a whole');
    expect(refusedBy(false, { overlap: 0.5, window: 64 })).not.toThrow();
    expect(refusedBy(false, { toleranceMm: 1 })).toThrow('toleranceMm has no effect');
    expect(refusedBy(true, { overlay: 1 })).toThrow('overlay has no effect');
    expect(refusedBy(false, { overlay: 1 })).not.toThrow();
    expect(refusedBy(true, { overlap: 0.5, toleranceMm: 2 })).not.toThrow();
    expect(refusedBy(false, { overlap: null })).not.toThrow();
  });

  it('of a CRF without one, and beside its tuning', () => {
    const crf = configKeys(settings.evaluate.schema).filter((key) => key.startsWith('crf.'));
    expect(crf.length).toBeGreaterThan(8);
    const values: Layer = { 'crf.exact': true, 'crf.tune': true, 'crf.tuneOn': 'test' };
    for (const key of crf)
      expect(refusedBy(false, { [key]: values[key] ?? 2 }), key).toThrow(`${key} has no effect: postprocess is none`);
    expect(refusedBy(true, { postprocess: 'crf', 'crf.iterations': 3, 'crf.exact': true })).not.toThrow();
    for (const key of ['crf.tuneOn', 'crf.tuneSamples'])
      expect(refusedBy(false, { postprocess: 'crf', [key]: values[key] ?? 3 })).toThrow(/crf.tune is false/);
    for (const key of ['crf.appearance.weight', 'crf.smoothness.weight'])
      expect(refusedBy(false, { postprocess: 'crf', 'crf.tune': true, [key]: 1 })).toThrow(/crf.tune finds it/);
    expect(refusedBy(false, { postprocess: 'crf', 'crf.tune': true, 'crf.tuneOn': 'test' })).not.toThrow();
  });

  it('by the commands themselves', async () => {
    const run = trainRun();
    await expect(evaluateCommand.run([`run=${run}`, 'toleranceMm=2'])).rejects.toThrow('toleranceMm has no effect');
    await expect(evaluateCommand.run([`run=${run}`, 'overlap=0.2'])).rejects.toThrow('overlap has no effect');
    await expect(exportCommand.run([`run=${run}`, 'license=MIT'])).rejects.toThrow('license has no effect');
    await expect(exportCommand.run([`run=${run}`, 'target=onnxruntime'])).rejects.toThrow('target has no effect');
    const half = [`run=${run}`, 'precision=float16', 'weights=float16'];
    await expect(exportCommand.run(half)).rejects.toThrow('weights has no effect');
    await expect(exportCommand.run([`run=${run}`, 'calibration=8'])).rejects.toThrow('calibration has no effect');
  });
});

describe('decode', () => {
  async function decode(...words: string[]) {
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    await decodeCommand.run([...words, '--json']);
    return JSON.parse(String(write.mock.calls.at(-1)?.[0]));
  }
  it('takes filters, rank and atrous convolutions of the search whose folder it is given, and no others', async () => {
    const found = randomGenotype({ layers: 3, blocks: 2, filters: 6, rank: 3, atrous: 'separable' }, createRandom(4));
    const folder = join(temporaryFolder(), 'search', 'x');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'config.yaml'), 'data: own\n');
    writeFileSync(join(folder, 'genotype.json'), formatGenotype(found));
    writeFileSync(join(folder, 'architecture.json'), JSON.stringify(tables()));
    expect(await decode(`params=${folder}`)).toMatchObject({ filters: 6, rank: 3, atrous: 'separable' });
    expect(await decode(`params=${folder}`, 'filters=12')).toMatchObject({ filters: 12, rank: 3 });
    for (const word of ['rank=2', 'atrous=dense'])
      await expect(decode(`params=${folder}`, word), word).rejects.toThrow(/has no effect: .* says its own/);
  });

  it('of a file takes what is given', async () => {
    const file = join(temporaryFolder(), 'logits.json');
    writeFileSync(file, JSON.stringify(tables()));
    expect(await decode(`params=${file}`)).toMatchObject({ filters: 20, rank: 2, atrous: 'dense' });
    expect(await decode(`params=${file}`, 'rank=3', 'atrous=separable')).toMatchObject({
      rank: 3,
      atrous: 'separable',
    });
  });

  /** Logits with null where there is no edge, as a search writes them. */
  function tables(): unknown {
    const shape = { layers: 3, filters: 2, blocks: 2, atrous: 'dense', cellWeights: 'perNode' } as const;
    const origin = { generator: new Generator(1).id, device: 'cpu' };
    const { architecture } = createSupernet(origin, { ...shape, rank: 2, inputs: 3, classes: 2 });
    return architecture.snapshot();
  }
});
