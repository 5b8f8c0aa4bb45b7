import { expect, it } from 'vitest';
import { NO_AUGMENTATION } from '../../src/data/augment.ts';
import { createSceneSet } from '../../src/data/sceneSet.ts';
import { Generator } from '../../src/engine/device.ts';
import { crossEntropy } from '../../src/nn/losses.ts';
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
  crop: [65, 65],
  workers: 0,
  augmentation: NO_AUGMENTATION,
  evaluateSamples: 0,
  splitFraction: 0.5,
  reduction: 1,
} as const;

/** A short search from a seed: the losses of the first step and the network that it decodes to. */
async function searched(seed: number, fused: boolean) {
  const method = METHODS['auto-deeplab']({
    layers: 2,
    filters: 4,
    blocks: 2,
    atrous: seed % 2 === 0 ? 'dense' : 'separable',
    cellWeights: 'perNode',
    betaNormalisation: 'outgoing',
    weights: { learningRate: 0.05, minimumLearningRate: 0.001, momentum: 0.9, decay: 3e-4, clip: 5 },
    architecture: { learningRate: 0.02, decay: 1e-3 },
    fused,
  });
  const classes = dataset.classes.length;
  const data = { rank: 2, inputs: 3, classes, batch: settings.batch, size: settings.crop } as const;
  const network = method.createSearchNetwork({ generator: new Generator(seed).id, device: 'cpu' }, data);
  const losses: number[] = [];
  await runSearch(createSearch(method, network), {
    dataset,
    settings: { ...settings, seed },
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

it('a search with fused cells starts with the same losses as one with composed cells, and finds the same network', async () => {
  let same = 0;
  for (let seed = 0; seed < 10; seed++) {
    const [fused, composed] = [await searched(seed, true), await searched(seed, false)];
    expect(fused.losses).toHaveLength(composed.losses.length);
    expect(Math.abs(fused.losses[0] - composed.losses[0])).toBeLessThan(2e-6 * Math.max(1, composed.losses[0]));
    const isSame = JSON.stringify(fused.genotype) === JSON.stringify(composed.genotype);
    same += Number(isSame);
  }
  expect(same).toBeGreaterThanOrEqual(9);
}, 300_000);
