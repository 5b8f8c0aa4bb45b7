import { expect, it } from 'vitest';
import { NO_AUGMENTATION } from '../../src/data/augment.ts';
import { createSceneSet } from '../../src/data/sceneSet.ts';
import { decodeAutoDeepLab } from '../../src/decode/autoDeepLab.ts';
import { Generator } from '../../src/engine/device.ts';
import { crossEntropy } from '../../src/nn/losses.ts';
import type { ArchitectureSnapshot } from '../../src/supernet/architecture.ts';
import { createSupernet } from '../../src/supernet/network.ts';
import { createSearch, runSearch, type SearchSettings } from '../../src/train/search.ts';

// Rounding grows from step to step: a unit next to zero passes its ReLU or does not. The coarsest level has to have enough pixels and the search to be short
// for that not to matter; at crop 33 and eight steps even two instruction sets part ways in one search of ten.
const dataset = createSceneSet({ width: 96, height: 80, train: 12, val: 0 });

/** A short search from a seed: the losses of the first step and the network that it decodes to. */
async function searched(seed: number, fused: boolean) {
  const settings: SearchSettings = {
    epochs: 2,
    warmupEpochs: 0,
    batch: 3,
    crop: [65, 65],
    seed,
    workers: 0,
    augmentation: NO_AUGMENTATION,
    weights: { learningRate: 0.05, minimumLearningRate: 0.001, momentum: 0.9, decay: 3e-4, clip: 5 },
    architecture: { learningRate: 0.02, decay: 1e-3 },
    evaluateSamples: 0,
    splitFraction: 0.5,
    reduction: 1,
  };
  const origin = { generator: new Generator(seed).id, device: 'cpu' };
  const supernet = createSupernet(origin, {
    rank: 2,
    inputs: 3,
    classes: dataset.classes.length,
    layers: 2,
    filters: 4,
    blocks: 2,
    atrous: seed % 2 === 0 ? 'dense' : 'separable',
    cellWeights: 'perNode',
    fused,
  });
  const losses: number[] = [];
  const network = {
    weights: supernet.parameters,
    architecture: supernet.architecture.parameters,
    forward: supernet.forward,
    snapshot: supernet.architecture.snapshot,
  };
  const describe = (snapshot: unknown) => ({
    genotype: decodeAutoDeepLab(snapshot as ArchitectureSnapshot, { filters: 4, atrous: 'dense', rank: 2 }),
    operatorEntropy: 0,
    moveEntropy: 0,
    skipShare: 0,
  });
  await runSearch(createSearch(network, settings), {
    dataset,
    settings,
    device: 'cpu',
    loss: crossEntropy,
    describe,
    recorder: {
      step: ({ loss, architectureLoss }) => void losses.push(loss, architectureLoss as number),
      epoch: () => undefined,
    },
  });
  return { losses, genotype: describe(network.snapshot()).genotype };
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
