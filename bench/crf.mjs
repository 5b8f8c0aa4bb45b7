/**
 * @file Milliseconds of the fully connected CRF on an image: wall clock, and CPU time for each thread, which other work on the machine changes less.
 *
 *   node bench/crf.mjs [data=scenes:480x360] [classes=11] [iterations=10] [position=67] [intensity=3] [smooth=1] [images=3] [repeats=3] [threads=2] [json=0]
 *
 * Probabilities are noisy ones about the labels, a value for every 8 x 8 pixels, as a network at output stride 8 gives them.
 */
import { evaluationBatches } from '../dist/data/loader/loader.js';
import * as op from '../dist/engine/operators.js';
import { fromArray, scope } from '../dist/engine/tensor.js';
import { Generator, openDataSet, threads } from '../dist/index.js';
import { toTensors } from '../dist/infer/batch.js';
import { refine } from '../dist/infer/crf/crf.js';
import { settingsOf, timed } from './words.mjs';

const settings = settingsOf({
  data: 'scenes:480x360',
  classes: 11,
  iterations: 10,
  position: 67,
  intensity: 3,
  smooth: 1,
  images: 3,
  repeats: 3,
  threads: 2,
  json: 0,
});
const { classes, iterations, images, repeats } = settings;
threads(settings.threads);
const options = {
  iterations,
  // Images are read in [-1, 1].
  appearance: { weight: 4, position: settings.position, intensity: settings.intensity / 127.5 },
  smoothness: { weight: 3, position: settings.smooth },
};

function probabilitiesOf({ labels, size }, seed) {
  const [height, width] = size;
  const scores = new Float32Array(classes * height * width);
  labels.forEach((label, pixel) => {
    if (label < classes) scores[label * height * width + pixel] = 3;
  });
  const noise = op.randn([1, classes, ...size.map((side) => Math.ceil(side / 8))], new Generator(seed).id);
  return op.softmax(op.add(fromArray(scores, [1, classes, height, width]), op.resize(noise, size)), 1);
}

const dataset = await openDataSet(settings.data);
const rows = [];
for await (const batch of evaluationBatches(dataset, dataset.splits.val.slice(0, images))) {
  const tensors = toTensors(batch, 'cpu');
  const probabilities = scope(() => probabilitiesOf(batch, rows.length));
  let best;
  for (let i = 0; i < repeats; i++) {
    const { seconds, cpuSeconds } = await timed(() => scope(() => void refine(probabilities, tensors.images, options)));
    if (!best || cpuSeconds < best.cpuSeconds) best = { seconds, cpuSeconds };
  }
  rows.push({
    size: batch.size.join('x'),
    ms: 1000 * best.seconds,
    cpuMsEachThread: (1000 * best.cpuSeconds) / settings.threads,
  });
}
if (settings.json) console.log(JSON.stringify({ ...settings, rows }));
else
  for (const { size, ms, cpuMsEachThread } of rows)
    console.log(
      `${size}, ${classes} classes, ${iterations} iterations: ${ms.toFixed(0)} ms, ${cpuMsEachThread.toFixed(0)} ms of CPU time on each of ${settings.threads} threads`,
    );
