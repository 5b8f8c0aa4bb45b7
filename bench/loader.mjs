/**
 * @file Whether the loader keeps a training busy: samples a second from it alone, and the share of time that a training waits for them.
 *
 *   node bench/loader.mjs [data=scenes:480x360] [crop=241] [batch=8] [arch=auto-deeplab-s] [filters=8] [steps=10] [workers=1] [threads=0] [json=0]
 *
 * Samples are read from memory after the first epoch, as in a training.
 */

import { createLoader } from '../dist/data/loader/loader.js';
import { channelsOf } from '../dist/data/types.js';
import { Generator, openDataSet, threads } from '../dist/index.js';
import { toTensors } from '../dist/infer/batch.js';
import { readArchitecture } from '../dist/jobs/readArchitecture.js';
import { buildArchitecture } from '../dist/models/architecture.js';
import { createNetwork } from '../dist/models/network.js';
import { crossEntropy } from '../dist/nn/losses.js';
import { sgd } from '../dist/nn/optimisers.js';
import { ParameterSet } from '../dist/nn/parameters.js';
import { takeStep } from '../dist/train/step/optimiserStep.js';
import { settingsOf, timed } from './words.mjs';

const settings = settingsOf({
  data: 'scenes:480x360',
  crop: 241,
  batch: 8,
  arch: 'auto-deeplab-s',
  filters: 8,
  steps: 10,
  workers: 1,
  threads: 0,
  json: 0,
});
const { steps, workers, filters } = settings;
if (settings.threads > 0) threads(settings.threads);
const dataset = await openDataSet(settings.data);
const crop = Array(dataset.rank).fill(settings.crop);
const loaderOf = (count) =>
  createLoader({ dataset, samples: dataset.splits.train, batch: settings.batch, crop, seed: 0, workers: count });

/** Batches without end. */
async function* endless(loader) {
  for (let epoch = 0; ; epoch++) yield* loader.batches(epoch);
}

/** Samples per CPU second, after one epoch that fills the memory. */
async function samplesPerCpuSecond() {
  const loader = loaderOf(0);
  const batches = endless(loader);
  for (let i = 0; i < loader.stepsPerEpoch; i++) await batches.next();
  const { cpuSeconds } = await timed(async () => {
    for (let i = 0; i < steps; i++) await batches.next();
  });
  await loader.close();
  return (steps * settings.batch) / cpuSeconds;
}

/** Share of the time that a training waits, and samples a second that it takes. */
async function waiting() {
  const generator = new Generator(0);
  const parameters = new ParameterSet({ generator: generator.id, device: 'cpu' });
  const { classes, rank } = dataset;
  const options = { classes: classes.length, inputs: channelsOf(dataset), rank, ...(filters > 0 ? { filters } : {}) };
  const network = createNetwork(buildArchitecture(readArchitecture(settings.arch), options), parameters);
  const optimiser = sgd(parameters.parameters(), { momentum: 0.9, decay: 1e-4 });
  const loader = loaderOf(workers);
  const batches = endless(loader);
  const step = async () => {
    let batch;
    const { seconds: waited } = await timed(async () => {
      batch = (await batches.next()).value;
    });
    takeStep({ trained: parameters.parameters(), optimiser, clip: 0 }, 0.01, () => {
      const { images, labels } = toTensors(batch, 'cpu');
      return crossEntropy(network.forward(images, { training: true, generator: generator.id }), labels);
    });
    return waited;
  };
  await step();
  let waited = 0;
  const { seconds } = await timed(async () => {
    for (let i = 0; i < steps; i++) waited += await step();
  });
  await loader.close();
  return { share: waited / seconds, taken: (steps * settings.batch) / seconds };
}

const result = { given: await samplesPerCpuSecond(), ...(await waiting()) };
console.log(
  settings.json
    ? JSON.stringify(result)
    : `${settings.data}: ${result.given.toFixed(0)} samples of ${crop.join(' x ')} a CPU second; a training takes ${result.taken.toFixed(1)} a second and waits ${(100 * result.share).toFixed(2)} % of the time`,
);
