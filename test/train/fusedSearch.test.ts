import { expect, it } from 'vitest';
import { NO_AUGMENTATION } from '../../src/data/augment.ts';
import { createSceneSet } from '../../src/data/sceneSet.ts';
import { Generator } from '../../src/engine/device.ts';
import { crossEntropy } from '../../src/nn/losses.ts';
import type { Method } from '../../src/train/method.ts';
import { METHODS } from '../../src/train/methods.ts';
import { runSearch } from '../../src/train/search.ts';
import { createSearch } from '../../src/train/searchSteps.ts';

// Rounding grows from step to step: a unit next to zero passes its ReLU or does not. The coarsest level has to have enough pixels and the search to be short
// for that not to matter; at crop 33 and eight steps fused and composed cells part ways in three searches of ten, and
// two instruction sets of the fused kernel in one.
const dataset = createSceneSet({ width: 96, height: 80, train: 12, val: 0 });

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
const weights = { learningRate: 0.05, minimumLearningRate: 0.001, momentum: 0.9, decay: 3e-4, clip: 5 };
const architecture = { learningRate: 0.02, decay: 1e-3 };

/** Methods with a seed, fused or composed. */
const METHOD_CASES = {
  'auto-deeplab': (seed: number, fused: boolean) =>
    METHODS['auto-deeplab']({
      layers: 2,
      filters: 4,
      blocks: 2,
      atrous: seed % 2 === 0 ? 'dense' : 'separable',
      cellWeights: 'perNode',
      betaNormalisation: 'outgoing',
      weights,
      architecture,
      fused,
    }),
  dints: (_: number, fused: boolean) =>
    METHODS.dints({
      ...settings,
      layers: 3,
      levels: 2,
      width: 0.125,
      budget: { memory: 0.5 },
      weights,
      architecture,
      fused,
    }),
};

/** A short search from a seed: the losses of its steps and the network that it decodes to. */
async function searched(method: Method, seed: number) {
  const crop = [64 + method.sides.remainder, 64 + method.sides.remainder];
  const classes = dataset.classes.length;
  const data = { rank: 2, inputs: 3, classes, batch: settings.batch, size: crop } as const;
  const network = method.createSearchNetwork({ generator: new Generator(seed).id, device: 'cpu' }, data);
  const losses: number[] = [];
  await runSearch(createSearch(method, network), {
    dataset,
    settings: { ...settings, crop, seed },
    device: 'cpu',
    loss: crossEntropy,
    describe: (snapshot) => method.describe(snapshot, data),
    recorder: {
      step: ({ loss, architectureLoss }) => void losses.push(loss, architectureLoss as number),
      epoch: () => undefined,
    },
  });
  return { losses, genotype: method.describe(network.snapshot(), data).genotype };
}

it.each(Object.entries(METHOD_CASES))(
  'a fused search with %s starts with the same losses as a composed one, and finds the same network',
  async (_, createMethod) => {
    let same = 0;
    for (let seed = 0; seed < 10; seed++) {
      const [fused, composed] = [
        await searched(createMethod(seed, true), seed),
        await searched(createMethod(seed, false), seed),
      ];
      expect(fused.losses).toHaveLength(composed.losses.length);
      expect(Math.abs(fused.losses[0] - composed.losses[0])).toBeLessThan(2e-6 * Math.max(1, composed.losses[0]));
      const isSame = JSON.stringify(fused.genotype) === JSON.stringify(composed.genotype);
      same += Number(isSame);
    }
    expect(same).toBeGreaterThanOrEqual(9);
  },
  300_000,
);
