/** @file Who moves first in a step of the search. */
import { expect, it } from 'vitest';
import { NO_AUGMENTATION } from '../../src/data/images/augment.ts';
import { createSceneSet } from '../../src/data/scenes/sceneSet.ts';
import { Generator } from '../../src/engine/device.ts';
import { METHODS } from '../../src/method/registry.ts';
import { crossEntropy } from '../../src/nn/losses.ts';
import { searchLoop } from '../../src/train/search.ts';
import { createSearch } from '../../src/train/searchState.ts';

const dataset = createSceneSet({ width: 48, height: 40, train: 4, val: 0 });

/** The architecture after a search of one step with this decay of the weights. */
async function architectureAfterStep(secondOrder: boolean, decay: number) {
  const method = METHODS['auto-deeplab']({
    ...{ layers: 2, filters: 2, blocks: 1, atrous: 'dense', cellWeights: 'perNode', betaNormalisation: 'outgoing' },
    weights: { learningRate: 0.1, minimumLearningRate: 0.001, momentum: 0.9, decay, clip: 5 },
    architecture: { learningRate: 0.01, decay: 1e-3 },
  });
  const data = { rank: 2, inputs: 3, classes: dataset.classes.length, batch: 2, size: [33, 33] } as const;
  const network = method.createSearchNetwork({ generator: new Generator(1).id, device: 'cpu' }, data);
  const search = createSearch(method, network);
  await searchLoop(search, {
    ...{ dataset, device: 'cpu', loss: crossEntropy },
    settings: {
      ...{ epochs: 1, warmupEpochs: 0, batch: 2, crop: [33, 33], seed: 3, workers: 0, augmentation: NO_AUGMENTATION },
      ...{ evaluateSamples: 0, splitFraction: 0.5, reduction: 1, secondOrder },
    },
    describe: (snapshot) => method.describe(snapshot, data),
    recorder: { epoch: () => undefined },
  });
  expect(search.progress.step).toBe(1);
  return network.snapshot();
}

it('in the second order the architecture moves first: its virtual step is the one that the weights are about to take', async () => {
  // Only the real step of the weights knows their decay.
  expect(await architectureAfterStep(true, 0.5)).toEqual(await architectureAfterStep(true, 0));
});

it('in the first order the weights move first', async () => {
  expect(await architectureAfterStep(false, 0.5)).not.toEqual(await architectureAfterStep(false, 0));
});
