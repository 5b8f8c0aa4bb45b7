/**
 * @file A small search or training, by one process or by several with a part of each batch: prints what became of it as JSON. The arguments are
 * `search` or `train`, the samples a batch, `synchronised` or `apart` for the norms, and as JSON other settings of the loop. An image in `empty` is
 * added without labels, three times a batch; `taught` adds a teacher, also on images without labels; `method` and `rank` are Auto-DeepLab and 2 where they are not given.
 */
import { createRandom } from '../../dist/base/random.js';
import { STANDARD_AUGMENTATION } from '../../dist/data/images/augment.js';
import { createLoader } from '../../dist/data/loader/loader.js';
import { createSceneSet } from '../../dist/data/scenes/sceneSet.js';
import { channelsOf } from '../../dist/data/types.js';
import { createPhantomSet } from '../../dist/data/volumes/phantomSet.js';
import { Generator, threads } from '../../dist/engine/device.js';
import { fromArray, keepForever } from '../../dist/engine/tensor.js';
import { shareSearch } from '../../dist/jobs/checkpoint/search.js';
import { shareTraining } from '../../dist/jobs/checkpoint/training.js';
import { createDescribed } from '../../dist/jobs/network.js';
import { METHODS } from '../../dist/method/registry.js';
import { crossEntropy } from '../../dist/nn/losses.js';
import { sgd } from '../../dist/nn/optimisers.js';
import { inGroup, partOf, sharedNorms } from '../../dist/parallel/parallel.js';
import { randomDints } from '../../dist/space/dints/random.js';
import { randomGenotype } from '../../dist/space/genotype.js';
import { trainLoop } from '../../dist/train/retrain.js';
import { searchLoop } from '../../dist/train/search.js';
import { createSearch } from '../../dist/train/searchState.js';
import { startOfTraining } from '../../dist/train/trainState.js';

const [what, batchText, norms, othersText = '{}'] = process.argv.slice(2);
const { empty, taught, method: methodName = 'auto-deeplab', rank = 2, ...others } = JSON.parse(othersText);
const batch = Number(batchText);
const syncNorms = norms === 'synchronised';
const isVolume = rank === 3;
const dataset = isVolume
  ? createPhantomSet({ shape: [18, 18, 18], train: 2 * batch, val: 1 })
  : createSceneSet({ width: 64, height: 48, train: 2 * batch, val: 3 });
if (empty)
  for (let i = 0; i < 3 * batch; i++)
    dataset.splits.train.push({ id: `empty${i}`, source: { kind: 'files', image: empty } });
/** Sides that each method takes. */
const side = { 'auto-deeplab': isVolume ? 17 : 33, dints: isVolume ? 16 : 32 }[methodName];
const crop = Array(rank).fill(side);
const common = { batch, crop, seed: 1, workers: 0, augmentation: STANDARD_AUGMENTATION, reduction: 1 };
const classes = dataset.classes.length;
const inputs = channelsOf(dataset);
const valuesOf = (parameters) => [...parameters.entries().values()].flatMap((tensor) => tensor.numbers());
/** Each rank begins elsewhere: rank 0 decides. */
const originOf = (parallel) => ({
  generator: new Generator(1 + parallel.rank).id,
  device: 'cpu',
  ...sharedNorms({ syncNorms }, parallel),
});

/** A teacher that knows colours only. */
const colourTeacher = {
  async teach({ images, batch: samples, size, channels }) {
    const pixels = size[0] * size[1];
    const logits = new Float32Array(samples * classes * pixels);
    logits.forEach((_, i) => {
      const [sample, id, pixel] = [Math.floor(i / (classes * pixels)), Math.floor(i / pixels) % classes, i % pixels];
      for (let c = 0; c < channels; c++)
        logits[i] += 3 * Math.sin(1 + 3 * id + c) * images[(sample * pixels + pixel) * channels + c];
    });
    return keepForever(fromArray(logits, [samples, classes, ...size]));
  },
  close: async () => undefined,
};
const distillationOf = (settings, parallel) => {
  const samples = dataset.splits.train;
  const unlabelled = createLoader({ dataset, samples, ...settings, seed: 9, part: partOf(parallel) });
  return { distillation: { teacher: colourTeacher, weight: 2, temperature: 2, unlabelled } };
};

const WEIGHTS = { learningRate: 0.02, momentum: 0.9, decay: 3e-4, clip: 5 };
const SEARCHES = {
  'auto-deeplab': () =>
    METHODS['auto-deeplab']({
      ...{ layers: 2, filters: 2, blocks: 1, atrous: 'dense', cellWeights: 'perNode', betaNormalisation: 'outgoing' },
      fused: false,
      weights: { ...WEIGHTS, minimumLearningRate: 0.001 },
      architecture: { learningRate: 0.01, decay: 1e-3 },
    }),
  dints: ({ epochs, warmupEpochs }) =>
    METHODS.dints({
      ...{ epochs, warmupEpochs, layers: 3, levels: 2, width: 0.25, budget: { memory: 0.5 } },
      weights: WEIGHTS,
      architecture: { learningRate: 0.01 },
    }),
};
const ARCHITECTURES = {
  'auto-deeplab': (random) => randomGenotype({ layers: 3, blocks: 2, filters: 2, rank }, random),
  dints: (random) => randomDints({ rank, levels: 2, layers: 3, filters: 2 }, random),
};

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
    const method = SEARCHES[methodName](settings);
    const data = { rank, inputs, classes, batch, size: common.crop };
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
      ...{
        ...common,
        budget: { epochs: 2 },
        learningRate: 0.02,
        power: 0.9,
        warmupSteps: 0,
        clip: 5,
        averageDecay: 0.9,
      },
      ...{ evaluateEvery: 1, accumulate: 1, precision: 'float32', frozenNorms: false },
      ...others,
    };
    const options = { inputs, classes, stem: [4, 4, 8], head: { aspp: 8, decoder: 8, lowLevel: 4 } };
    const architecture = ARCHITECTURES[methodName](createRandom(2));
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
      ...(taught ? distillationOf(settings, parallel) : {}),
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
