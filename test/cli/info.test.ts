/** @file `espalier info` counts the network that was named, and refuses settings that would change nothing. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import { infoCommand } from '../../src/cli/info.ts';
import { SCENE_CLASSES } from '../../src/data/scenes/classes.ts';
import { saveDescription } from '../../src/jobs/network.ts';
import { buildArchitecture } from '../../src/models/architecture.ts';
import { countNetwork } from '../../src/models/graph.ts';
import { configKeys } from '../../src/run/config/config.ts';
import { openRunFolder } from '../../src/run/folder.ts';
import { formatGenotype, randomGenotype } from '../../src/space/genotype.ts';
import { temporaryFolder } from '../helpers/temporaryFolder.ts';

afterEach(() => void vi.restoreAllMocks());

/** What the command prints for programs. */
async function info(...words: string[]) {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  await infoCommand.run([...words, '--json']);
  return JSON.parse(String(write.mock.calls.at(-1)?.[0]));
}

const genotype = randomGenotype({ layers: 3, blocks: 2, filters: 4 }, createRandom(2));

/** The folder of a search on images of 5 classes. */
function searchRun(preset: string | null, data: object = { rank: 2, channels: 4, classes: [1, 2, 3, 4, 5] }): string {
  const folder = join(temporaryFolder(), 'search', 'x');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'config.yaml'), preset === null ? 'data: own\n' : `data: own\npreset: ${preset}\n`);
  writeFileSync(join(folder, 'data.json'), JSON.stringify(data));
  writeFileSync(join(folder, 'genotype.json'), formatGenotype(genotype));
  return folder;
}

function trainRun(): string {
  const folder = join(temporaryFolder(), 'train', 'x');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'config.yaml'), 'data: own\n');
  const options = {
    rank: 2,
    inputs: 3,
    classes: 2,
    stem: [4, 4, 8],
    head: { aspp: 8, decoder: 8, lowLevel: 4 },
  } as const;
  saveDescription(openRunFolder(folder), {
    architecture: genotype,
    options,
    classes: SCENE_CLASSES.slice(0, 2),
    reduction: 1,
  });
  writeFileSync(join(folder, 'genotype.json'), formatGenotype(genotype));
  return folder;
}

describe('info', () => {
  it('counts one channel of volumes and three of images, unless it is told', async () => {
    expect(await info('dints-cvpr2021')).toMatchObject({ channels: 1, parameters: 148_814_163 });
    expect(await info('dints-cvpr2021', 'channels=3')).toMatchObject({ channels: 3, parameters: 148_826_259 });
    expect((await info('unet', 'size=[32, 64, 32]')).channels).toBe(1);
    expect((await info('unet')).channels).toBe(3);
    expect(await info('auto-deeplab-s')).toMatchObject({ channels: 3, parameters: 10_147_427 });
  });

  it('of a search counts the network that its training would have: classes and channels of its data, head of its preset', async () => {
    const stem = [16, 16, 32] as const;
    const head = { aspp: 48, decoder: 48, lowLevel: 16 };
    const size = [64, 64];
    const parametersOf = (options: object) =>
      countNetwork(buildArchitecture(genotype, { inputs: 4, classes: 5, ...options }), size).parameters;
    expect(await info(searchRun('demo'))).toMatchObject({
      ...{ classes: 5, channels: 4 },
      parameters: parametersOf({ stem, head, filters: 12 }),
    });
    for (const preset of [null, 'paper'])
      expect(await info(searchRun(preset))).toMatchObject({ classes: 5, parameters: parametersOf({}) });
    expect(await info(searchRun(null), 'filters=8', 'classes=7')).toMatchObject({
      classes: 7,
      parameters: parametersOf({ filters: 8, classes: 7 }),
    });
    await expect(info(searchRun(null, { rank: 2 }))).rejects.toThrow(/data\.json: expected the classes/);
  });

  it('of a training counts its own network', async () => {
    expect(await info(trainRun())).toMatchObject({ classes: 2, channels: 3 });
  });

  it('brings a network to a budget and says which part takes what', async () => {
    const size = [32, 64, 32];
    const limit = 3e8;
    const fitted = await info('dints-unet', `size=[${size}]`, `budget.multiplyAdds=${limit}`, 'budget.parameters=1e6');
    expect(fitted.multiplyAdds).toBeLessThanOrEqual(limit);
    expect(fitted.parameters).toBeLessThanOrEqual(1e6);
    expect(fitted.unused).toBeLessThanOrEqual(0.1);
    const shares = Object.values(fitted.shares as Record<string, number>);
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
    expect(Object.keys(fitted.shares)).toEqual(['stem', 'cells', 'decoder']);
    const options = { rank: 3 as const, inputs: 1, classes: 19, ...fitted.widths };
    expect(countNetwork(buildArchitecture(fitted.architecture, options), size)).toMatchObject({
      multiplyAdds: fitted.multiplyAdds,
      parameters: fitted.parameters,
    });
  });

  /** A value of every setting. */
  const WORDS: Record<string, string> = {
    ...{ size: '[64, 64]', classes: '3', channels: '2', filters: '6', layers: '3', blocks: '2', atrous: 'separable' },
    ...{ crop: '33', batch: '1', device: 'cpu', threads: '1', target: 'onnxruntime' },
    ...{ 'budget.multiplyAdds': '5e9', 'budget.parameters': '1e6', 'budget.latencyMs': '1' },
    ...{ 'budget.trainingMemory': '4e9', 'budget.inferenceMemory': '8e8' },
  };
  const BUDGET = Object.keys(WORDS).filter((key) => key.startsWith('budget.'));
  const SUPERNET = ['layers', 'blocks', 'atrous', 'crop'];
  const MEASURED = ['device', 'threads', 'target'];
  it.each([
    ['an architecture', () => 'auto-deeplab-s', [...SUPERNET, ...MEASURED]],
    ['a search', () => searchRun(null), [...SUPERNET, ...MEASURED]],
    ['a training', trainRun, [...SUPERNET, ...MEASURED, ...BUDGET, 'filters', 'classes', 'channels']],
    ['the supernet', () => 'auto-deeplab', ['size', 'crop', 'batch', 'target', ...BUDGET]],
  ])('of %s uses or refuses every setting', async (_, make, refused) => {
    const name = make();
    const base = name === 'auto-deeplab' ? ['layers=2', 'filters=2', 'blocks=1'] : [];
    const plain = JSON.stringify(await info(name, ...base));
    expect(Object.keys(WORDS).sort()).toEqual(configKeys(infoCommand.settings!.schema).sort());
    for (const [key, value] of Object.entries(WORDS)) {
      const words = [name, ...base.filter((word) => !word.startsWith(`${key}=`)), `${key}=${value}`];
      if (refused.includes(key)) await expect(info(...words), key).rejects.toThrow(`${key} has no effect`);
      else if (key === 'budget.latencyMs') await expect(info(...words)).rejects.toThrow(/no latency table/);
      else if (!MEASURED.includes(key)) expect(JSON.stringify(await info(...words)), key).not.toBe(plain);
    }
  });
});
