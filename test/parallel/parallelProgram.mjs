/**
 * @file A small search or training, by one process or by several with a part of each batch: prints what became of it as JSON. The arguments are
 * `search` or `train`, the samples a batch, `synchronised` or `apart` for the norms, and as JSON other settings of the loop. An image in `empty` is
 * added without labels, three times a batch.
 */
import { createRandom } from '../../dist/base/random.js';
import { STANDARD_AUGMENTATION } from '../../dist/data/images/augment.js';
import { createSceneSet } from '../../dist/data/scenes/sceneSet.js';
import { Generator, threads } from '../../dist/engine/device.js';
import { shareSearch } from '../../dist/jobs/checkpoint/search.js';
import { shareTraining } from '../../dist/jobs/checkpoint/training.js';
import { createDescribed } from '../../dist/jobs/network.js';
import { METHODS } from '../../dist/method/registry.js';
import { crossEntropy } from '../../dist/nn/losses.js';
import { sgd } from '../../dist/nn/optimisers.js';
import { inGroup, sharedNorms } from '../../dist/parallel/parallel.js';
import { randomGenotype } from '../../dist/space/genotype.js';
import { startOfTraining, trainLoop } from '../../dist/train/retrain.js';
import { searchLoop } from '../../dist/train/search.js';
import { createSearch } from '../../dist/train/searchState.js';

const [what, batchText, norms, othersText = '{}'] = process.argv.slice(2);
const { empty, ...others } = JSON.parse(othersText);
const batch = Number(batchText);
const syncNorms = norms === 'synchronised';
const dataset = createSceneSet({ width: 64, height: 48, train: 2 * batch, val: 3 });
if (empty)
  for (let i = 0; i < 3 * batch; i++)
    dataset.splits.train.push({ id: `empty${i}`, source: { kind: 'files', image: empty } });
const common = { batch, crop: [33, 33], seed: 1, workers: 0, augmentation: STANDARD_AUGMENTATION, reduction: 1 };
const classes = dataset.classes.length;
const valuesOf = (parameters) => [...parameters.entries().values()].flatMap((tensor) => tensor.numbers());
/** Each rank begins elsewhere: rank 0 decides. */
const originOf = (parallel) => ({
  generator: new Generator(1 + parallel.rank).id,
  device: 'cpu',
  ...sharedNorms({ syncNorms }, parallel),
});

const programs = {
  async search(parallel) {
    const settings = {
      ...common,
      epochs: 3,
      warmupEpochs: 1,
      evaluateSamples: 3,
      splitFraction: 0.5,
      ...others,
    };
    const method = METHODS['auto-deeplab']({
      ...{ layers: 2, filters: 2, blocks: 1, atrous: 'dense', cellWeights: 'perNode', betaNormalisation: 'outgoing' },
      fused: false,
      weights: { learningRate: 0.02, minimumLearningRate: 0.001, momentum: 0.9, decay: 3e-4, clip: 5 },
      architecture: { learningRate: 0.01, decay: 1e-3 },
    });
    const data = { rank: 2, inputs: 3, classes, batch, size: common.crop };
    const search = createSearch(method, method.createSearchNetwork(originOf(parallel), data));
    await shareSearch(search, parallel);
    const [losses, epochs] = [[], []];
    await searchLoop(search, {
      ...{ dataset, settings, device: 'cpu', loss: crossEntropy, parallel },
      describe: (snapshot) => method.describe(snapshot, data),
      recorder: {
        step: ({ loss, architectureLoss }) => losses.push(loss, architectureLoss ?? 0),
        epoch: ({ snapshot, genotype, scores }) => epochs.push({ snapshot, genotype, miou: scores.miou }),
      },
    });
    return { losses, epochs, values: valuesOf(search.network.weights) };
  },
  async train(parallel) {
    const settings = {
      ...{ ...common, budget: { epochs: 2 }, learningRate: 0.02, power: 0.9, warmupSteps: 0, clip: 5, average: 0.9 },
      ...{ evaluateEvery: 1, accumulate: 1, precision: 'float32', frozenNorms: false },
      ...others,
    };
    const options = { inputs: 3, classes, stem: [4, 4, 8], head: { aspp: 8, decoder: 8, lowLevel: 4 } };
    const architecture = randomGenotype({ layers: 3, blocks: 2, filters: 2 }, createRandom(2));
    const create = () =>
      createDescribed(
        { architecture, options },
        new Generator(1 + parallel.rank),
        'cpu',
        sharedNorms({ syncNorms }, parallel),
      );
    const network = create();
    const training = {
      ...{ network, averaged: create(), generator: new Generator(1), progress: startOfTraining() },
      optimiser: sgd(network.parameters.parameters(), { momentum: 0.9, decay: 1e-4 }),
    };
    await shareTraining(training, 1, parallel);
    const [losses, epochs] = [[], []];
    await trainLoop(training, {
      ...{ dataset, settings, device: 'cpu', loss: crossEntropy, parallel },
      recorder: {
        step: ({ loss }) => losses.push(loss),
        epoch: ({ scores }) => epochs.push({ miou: scores.miou, counts: [...scores.confusion.counts] }),
      },
    });
    return { losses, epochs, values: valuesOf(network.parameters) };
  },
};

threads(1);
await inGroup(process.env, async (parallel) => {
  const result = await programs[what](parallel);
  process.stdout.write(JSON.stringify({ ...result, cost: parallel.cost() }));
});
