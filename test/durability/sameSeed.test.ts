/** @file The same seed gives the same files on the CPU, whatever the number of loader workers; another seed gives others. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import { searchJob } from '../../src/jobs/searchJob.ts';
import { trainJob } from '../../src/jobs/trainJob.ts';
import type { Layer } from '../../src/run/config/config.ts';
import { formatGenotype, randomGenotype } from '../../src/space/genotype.ts';
import { writeSceneFolder } from '../helpers/scenes.ts';
import { temporaryFolder } from '../helpers/temporaryFolder.ts';

const COMMON = { preset: 'demo', epochs: 2, batch: 2, crop: 33, threads: 1, classWeights: 'sqrt' };
const CASES = {
  search: {
    run: (layer: Layer) => searchJob({ layers: [layer] }),
    settings: { warmupEpochs: 1, layers: 2, filters: 2, blocks: 1, evaluateSamples: 1 },
    files: ['genotype.json', 'architecture.json', 'results.csv', 'checkpoints/last/tensors.safetensors'],
  },
  train: {
    run: (layer: Layer) => trainJob({ layers: [layer] }),
    settings: {
      arch: 'small.json',
      filters: 2,
      stem: [4, 4, 8],
      aspp: { filters: 8 },
      decoder: { filters: 8, lowLevel: 4 },
    },
    files: ['genotype.json', 'results.csv', 'per_class.csv', 'checkpoints/last/tensors.safetensors'],
  },
};

describe.each(['search', 'train'] as const)('%s', (command) => {
  it('is a function of the seed alone', async () => {
    const folder = temporaryFolder();
    writeSceneFolder(join(folder, 'own'));
    const genotype = randomGenotype({ layers: 2, blocks: 1, filters: 2 }, createRandom(2));
    writeFileSync(join(folder, 'small.json'), formatGenotype(genotype));
    const { run, settings, files } = CASES[command];
    const filesOf = async (seed: number, workers: number) => {
      const own = { data: join(folder, 'own'), runs: join(folder, 'runs'), name: `s${seed}w${workers}`, seed, workers };
      const arch = command === 'train' ? { arch: join(folder, 'small.json') } : {};
      const { run: path } = await run({ ...COMMON, ...settings, ...own, ...arch });
      return files.map((file) => readFileSync(join(path, file)).toString('latin1'));
    };
    const reference = await filesOf(1, 0);
    for (const workers of [1, 3])
      expect((await filesOf(1, workers)).map((text, i) => text === reference[i])).toEqual(files.map(() => true));
    const other = await filesOf(2, 0);
    expect(other.at(-1) === reference.at(-1)).toBe(false);
  });
});
