import { expect, it } from 'vitest';
import { NO_AUGMENTATION } from '../../src/data/images/augment.ts';
import { createSceneSet } from '../../src/data/scenes/sceneSet.ts';
import { channelsOf } from '../../src/data/types.ts';
import { createPhantomSet } from '../../src/data/volumes/phantomSet.ts';
import { Generator } from '../../src/engine/device.ts';
import type { SearchData } from '../../src/method/method.ts';
import { METHODS } from '../../src/method/registry.ts';
import { crossEntropy, diceCrossEntropy } from '../../src/nn/losses.ts';
import { searchLoop } from '../../src/train/search.ts';
import { createSearch } from '../../src/train/searchState.ts';

// Rounding grows from step to step: a unit next to zero passes its ReLU or does not. The coarsest level has to have enough pixels and the search to be short
// for that not to matter; at crop 33 and eight steps fused and composed cells part ways in three searches of ten, and
// two instruction sets of the fused kernel in one.
const settings = {
  epochs: 2,
  warmupEpochs: 0,
  batch: 3,
  workers: 0,
  augmentation: NO_AUGMENTATION,
  evaluateSamples: 0,
  splitFraction: 0.5,
  reduction: 1,
} as const;

const scenes = createSceneSet({ width: 96, height: 80, train: 12, val: 0 });
const phantoms = createPhantomSet({ shape: [24, 24, 24], train: 12, val: 0 });

/** By method: the method fused or not, its data and its crop. */
const CASES = {
  'auto-deeplab': {
    dataset: scenes,
    crop: [65, 65],
    loss: crossEntropy,
    method: (seed: number, fused: boolean) =>
      METHODS['auto-deeplab']({
        layers: 2,
        filters: 4,
        blocks: 2,
        atrous: seed % 2 === 0 ? 'dense' : 'separable',
        cellWeights: 'perNode',
        betaNormalisation: 'outgoing',
        weights: { learningRate: 0.05, minimumLearningRate: 0.001, momentum: 0.9, decay: 3e-4, clip: 5 },
        architecture: { learningRate: 0.02, decay: 1e-3 },
        fused,
      }),
  },
  dints: {
    dataset: phantoms,
    crop: [24, 24, 24],
    loss: diceCrossEntropy,
    method: (_: number, fused: boolean) =>
      METHODS.dints({
        ...{ epochs: settings.epochs, warmupEpochs: 0, layers: 3, levels: 2, width: 0.25, budget: { memory: 0.5 } },
        weights: { learningRate: 0.05, momentum: 0.9, decay: 4e-5, clip: 5 },
        architecture: { learningRate: 0.02 },
        fused,
      }),
  },
} as const;

/** A short search from a seed: the losses of its steps and the network that it decodes to. */
async function searched(name: keyof typeof CASES, seed: number, fused: boolean) {
  const { dataset, crop, loss, method: create } = CASES[name];
  const method = create(seed, fused);
  const data: SearchData = {
    rank: dataset.rank,
    inputs: channelsOf(dataset),
    classes: dataset.classes.length,
    batch: settings.batch,
    size: crop,
  };
  const network = method.createSearchNetwork({ generator: new Generator(seed).id, device: 'cpu' }, data);
  const losses: number[] = [];
  await searchLoop(createSearch(method, network), {
    dataset,
    settings: { ...settings, crop, seed },
    device: 'cpu',
    loss,
    describe: (snapshot) => method.describe(snapshot, data),
    recorder: {
      step: ({ loss, architectureLoss }) => void losses.push(loss, architectureLoss as number),
      epoch: () => undefined,
    },
  });
  return { losses, genotype: method.describe(network.snapshot(), data).genotype };
}

it.each(['auto-deeplab', 'dints'] as const)(
  'a fused search of %s starts with the losses of a composed one, and finds the same network',
  async (name) => {
    let same = 0;
    for (let seed = 0; seed < 10; seed++) {
      const [fused, composed] = [await searched(name, seed, true), await searched(name, seed, false)];
      expect(fused.losses).toHaveLength(composed.losses.length);
      expect(Math.abs(fused.losses[0] - composed.losses[0])).toBeLessThan(2e-6 * Math.max(1, composed.losses[0]));
      same += Number(JSON.stringify(fused.genotype) === JSON.stringify(composed.genotype));
    }
    expect(same).toBeGreaterThanOrEqual(9);
  },
  300_000,
);
