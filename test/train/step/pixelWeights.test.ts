/** @file A batch in which no pixel counts is no step: it moves nothing, is no divergence, and its share is logged. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/base/random.ts';
import { NO_AUGMENTATION } from '../../../src/data/images/augment.ts';
import { encodePng } from '../../../src/data/images/png.ts';
import type { DataSet, Sample } from '../../../src/data/types.ts';
import { Generator } from '../../../src/engine/device.ts';
import type { Tensor } from '../../../src/engine/tensor.ts';
import { search, train } from '../../../src/index.ts';
import { createDescribed } from '../../../src/jobs/network.ts';
import type { SearchData } from '../../../src/method/method.ts';
import { METHODS } from '../../../src/method/registry.ts';
import { crossEntropy, diceCrossEntropy, hardPixelCrossEntropy } from '../../../src/nn/losses.ts';
import { sgd } from '../../../src/nn/optimisers.ts';
import type { TrainSettings } from '../../../src/run/config/given.ts';
import { readEvents } from '../../../src/run/eventLog.ts';
import { openRunFolder } from '../../../src/run/folder.ts';
import { formatGenotype, randomGenotype } from '../../../src/space/genotype.ts';
import { trainLoop } from '../../../src/train/retrain.ts';
import { searchLoop } from '../../../src/train/search.ts';
import { createSearch } from '../../../src/train/searchState.ts';
import { DIVERGED_AFTER } from '../../../src/train/step/health.ts';
import { startOfTraining } from '../../../src/train/trainState.ts';
import { smallScenes, writeSceneFolder } from '../../helpers/scenes.ts';
import { temporaryFolder } from '../../helpers/temporaryFolder.ts';
import { TINY_NETWORK } from '../../helpers/tinyRuns.ts';

/** Scenes, and images whose labels are void. */
function sparseScenes(labelled: number, empty: number): DataSet {
  const scenes = smallScenes(labelled, 1);
  const image = join(temporaryFolder(), 'grey.png');
  writeFileSync(image, encodePng({ width: 64, height: 48, channels: 3, data: new Uint8Array(3 * 64 * 48).fill(90) }));
  const samples = Array.from({ length: empty }, (_, i): Sample => ({ id: `e${i}`, source: { kind: 'files', image } }));
  return { ...scenes, splits: { ...scenes.splits, train: [...scenes.splits.train, ...samples] } };
}

const common = { batch: 1, crop: [33, 33], seed: 1, workers: 0, augmentation: NO_AUGMENTATION, reduction: 1 };
const numbers = (tensors: Iterable<Tensor>) => [...tensors].map((tensor) => tensor.numbers());

const LOSSES = {
  'cross-entropy': crossEntropy,
  'hard pixels': (logits, labels) => hardPixelCrossEntropy(logits, labels, { fraction: 0.2 }),
  'Dice and cross-entropy': diceCrossEntropy,
} satisfies Record<string, (logits: Tensor, labels: Tensor) => Tensor>;

describe.each(Object.entries(LOSSES))('a training by %s', (_, loss) => {
  it.each([1, 2])('with batches of %d in parts moves only by batches that count', async (batch) => {
    const dataset = sparseScenes(2, 2 * DIVERGED_AFTER);
    const options = {
      inputs: 3,
      classes: dataset.classes.length,
      stem: [4, 4, 8] as const,
      head: { aspp: 8, decoder: 8, lowLevel: 4 },
    };
    const architecture = randomGenotype({ layers: 2, blocks: 1, filters: 2 }, createRandom(2));
    const network = createDescribed({ architecture, options }, new Generator(1), 'cpu');
    const training = {
      ...{ network, averaged: null, generator: new Generator(1), progress: startOfTraining() },
      optimiser: sgd(network.parameters.parameters(), { momentum: 0.9, decay: 0.1 }),
    };
    const state = () => numbers([...network.parameters.entries().values(), ...training.optimiser.state().values()]);
    let before = state();
    const counted: boolean[] = [];
    await trainLoop(training, {
      ...{ dataset, device: 'cpu', loss },
      settings: {
        ...{ ...common, batch, accumulate: batch, budget: { epochs: 1 }, learningRate: 0.01, power: 0.9 },
        ...{ warmupSteps: 0, clip: 5, averageDecay: 0, evaluateEvery: 1, precision: 'float32', frozenNorms: false },
      },
      recorder: {
        step({ loss }) {
          const now = state();
          expect(JSON.stringify(now) !== JSON.stringify(before)).toBe(Number.isFinite(loss));
          counted.push(Number.isFinite(loss));
          before = now;
        },
        epoch: ({ loss }) => void expect(loss).toBeGreaterThan(0),
      },
    });
    const empty = counted.filter((one) => !one).length;
    expect(empty).toBeGreaterThanOrEqual(DIVERGED_AFTER - 2);
    expect(empty).toBeLessThan(counted.length);
    expect(training.progress.drawn).toEqual({ all: counted.length, empty });
    expect(training.progress.health.lost).toBe(0);
  });
});

const weights = { learningRate: 0.05, minimumLearningRate: 0.001, momentum: 0.9, decay: 3e-4, clip: 5 };
const architecture = { learningRate: 0.01, decay: 1e-3 };
const METHOD_CASES = {
  'auto-deeplab': METHODS['auto-deeplab']({
    ...{ layers: 2, filters: 2, blocks: 1, atrous: 'dense', cellWeights: 'perNode', betaNormalisation: 'outgoing' },
    ...{ weights, architecture },
  }),
  dints: METHODS.dints({
    ...{ epochs: 1, warmupEpochs: 0, layers: 2, levels: 2, width: 0.0625, budget: { memory: 0.3 } },
    ...{ weights, architecture },
  }),
};

describe.each(Object.entries(METHOD_CASES))('a search by %s', (_, method) => {
  it.each([false, true])('moves only by batches that count (second order: %s)', async (secondOrder) => {
    const dataset = sparseScenes(6, 4 * DIVERGED_AFTER);
    const side = 32 + method.sides.remainder;
    const crop = [side, side];
    const data: SearchData = { rank: 2, inputs: 3, classes: dataset.classes.length, batch: 1, size: crop };
    const search = createSearch(
      method,
      method.createSearchNetwork({ generator: new Generator(1).id, device: 'cpu' }, data),
    );
    const state = () =>
      [numbers(search.network.weights.parameters().map(({ tensor }) => tensor)), search.network.snapshot()].map(
        (part) => JSON.stringify(part),
      );
    let before = state();
    const moves: string[] = [];
    await searchLoop(search, {
      ...{ dataset, device: 'cpu', loss: crossEntropy, describe: (snapshot) => method.describe(snapshot, data) },
      settings: {
        ...{ ...common, crop, epochs: 1, warmupEpochs: 0, splitFraction: 0.5, evaluateSamples: 0, secondOrder },
      },
      recorder: {
        step({ loss, architectureLoss }) {
          const now = state();
          const finite = [loss, architectureLoss].map(Number.isFinite);
          expect(now.map((part, i) => part !== before[i])).toEqual(finite);
          moves.push(finite.join());
          before = now;
        },
        epoch: () => undefined,
      },
    });
    expect(new Set(moves)).toEqual(new Set(['true,false', 'false,true', 'false,false']));
    expect(search.progress.drawn).toEqual({ all: 46, empty: 40 });
    expect(search.progress.health.lost).toBe(0);
  });
});

describe('runs on images of which few are labelled', () => {
  const settingsOf = (folder: string) => ({
    data: join(folder, 'own'),
    runs: join(folder, 'runs'),
    name: 'sparse',
    workers: 0,
  });

  /** The images of a small data set, and four times as many whose labels are void. */
  function writeSparseFolder(folder: string): void {
    writeSceneFolder(join(folder, 'own'));
    const file = (kind: string, i: number) => join(folder, 'own', kind, 'train', `v${i}.png`);
    const [size, image] = [{ width: 64, height: 48 }, new Uint8Array(3 * 64 * 48).fill(90)];
    for (let i = 0; i < 24; i++) {
      writeFileSync(file('images', i), encodePng({ ...size, channels: 3, data: image }));
      writeFileSync(file('masks', i), encodePng({ ...size, channels: 1, data: new Uint8Array(64 * 48).fill(255) }));
    }
  }

  it.each<Partial<TrainSettings>>([
    { loss: 'cross-entropy' },
    { loss: 'cross-entropy', ohem: 0.5, classWeights: 'sqrt' },
    { loss: 'dice-cross-entropy', batch: 2, accumulate: 2 },
    { arch: 'unet', deepSupervision: true, filters: 4 },
  ])('a training with %j ends well and logs their share', async (more) => {
    const folder = temporaryFolder();
    writeSparseFolder(folder);
    const genotype = randomGenotype({ layers: 2, blocks: 1, filters: 2 }, createRandom(2));
    const arch = join(folder, 'small.json');
    writeFileSync(arch, formatGenotype(genotype));
    await train({ ...TINY_NETWORK, arch, steps: 40, batch: 1, evaluateEvery: 100, ...settingsOf(folder), ...more });
    expectShare(folder, 'train');
  });

  it('a search ends well and logs their share', async () => {
    const folder = temporaryFolder();
    writeSparseFolder(folder);
    await search({
      ...{ layers: 2, filters: 2, blocks: 1, batch: 1, crop: 33, epochs: 2, warmupEpochs: 1, evaluateSamples: 1 },
      ...settingsOf(folder),
    });
    expectShare(folder, 'search');
  });

  function expectShare(folder: string, command: 'train' | 'search') {
    const events = readEvents(openRunFolder(join(folder, 'runs', command, 'sparse')).events);
    // Two epochs decide nothing.
    expect(events.at(-1)).toMatchObject({ type: 'end', status: command === 'search' ? 'undecided' : 'done' });
    const notes = events.flatMap((event) => (event.type === 'note' ? [event.message] : []));
    expect(notes.join('\n')).toMatch(/\d+ of \d+ batches so far \(\d+ %\) had no pixel that counts and made no step/);
    const losses = events.flatMap((event) => (event.type === 'step' ? [event.loss] : []));
    expect(losses).toContain(null);
    expect(losses.some((loss) => loss !== null && loss > 0)).toBe(true);
  }
});
