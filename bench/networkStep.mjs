/**
 * @file What a training step and an inference of a network cost, on random images or volumes; figures as JSON. Each is done once to warm up and
 * then measured as the fastest of `rounds`.
 *
 *   node bench/networkStep.mjs [arch=auto-deeplab-s] [size=321] [batch=2] [classes=19] [inputs=3] [filters=0] [engine=espalier|onnxruntime] ...
 *
 * `graph=<file>` also writes the graph for the same measurement elsewhere.
 */
import { writeFileSync } from 'node:fs';
import { writeOnnx } from '../dist/export/onnx/model.js';
import { Generator, noGrad, ops, scope, threads } from '../dist/index.js';
import { storeTensors } from '../dist/jobs/checkpoint/tensors.js';
import { readArchitecture } from '../dist/jobs/readArchitecture.js';
import { buildArchitecture } from '../dist/models/architecture.js';
import { createNetwork } from '../dist/models/network.js';
import { crossEntropy } from '../dist/nn/losses.js';
import { sgd } from '../dist/nn/optimisers.js';
import { ParameterSet } from '../dist/nn/parameters.js';
import { sessionOptions } from '../dist/portable/node.js';
import { loadRuntime } from '../dist/portable/runtime.js';
import { takeStep } from '../dist/train/step/optimiserStep.js';
import { lowered } from '../dist/train/step/precision.js';
import { settingsOf, timed } from './words.mjs';

const settings = settingsOf({
  arch: 'auto-deeplab-s',
  size: 321,
  batch: 2,
  classes: 19,
  inputs: 3,
  filters: 0,
  engine: 'espalier',
  precision: 'float32',
  graph: '',
  rounds: 3,
  threads: 0,
});
const { size, batch, classes, inputs, filters } = settings;
if (settings.threads > 0) threads(settings.threads);

const architecture = readArchitecture(settings.arch);
const graph = buildArchitecture(architecture, { classes, inputs, ...(filters > 0 ? { filters } : {}) });
if (settings.graph) writeFileSync(settings.graph, JSON.stringify(graph));
const sides = Array(graph.rank).fill(size);
const generator = new Generator(0);
const parameters = new ParameterSet({ generator: generator.id, device: 'cpu' });
const network = createNetwork(graph, parameters);

/** The fastest of the rounds. */
async function measure(work) {
  await work();
  const taken = [];
  for (let i = 0; i < settings.rounds; i++) taken.push(await timed(work));
  return taken.reduce((a, b) => (b.cpuSeconds < a.cpuSeconds ? b : a));
}

/** Random input `[batch, channels, ...]`, channels last as the loader gives it. */
const images = () => {
  const made = ops.randn([batch, ...sides, inputs], generator.id);
  return ops.permute(made, [0, graph.rank + 1, ...sides.map((_, axis) => axis + 1)]);
};

async function ours() {
  const optimiser = sgd(parameters.parameters(), { momentum: 0.9, decay: 1e-4 });
  const [given, labels] = [images(), ops.zeros([batch, ...sides], 'int64')];
  const low = lowered(settings.precision, given, { training: true, generator: generator.id });
  const training = await measure(() => {
    takeStep({ trained: parameters.parameters(), optimiser, clip: 0 }, 0.01, () =>
      crossEntropy(network.forward(low.images, low.pass), labels),
    );
  });
  const inference = await measure(() => scope(() => noGrad(() => void network.forward(given, { training: false }))));
  return { training, inference };
}

async function exported() {
  const runtime = await loadRuntime();
  const bytes = writeOnnx(
    {
      graph,
      tensors: storeTensors(parameters.entries()),
      classes: Array.from({ length: classes }, (_, i) => ({ name: `class ${i}`, colour: [i, i, i] })),
      reduction: 1,
    },
    { size: sides, batch, precision: 'float32', normalise: false, result: 'logits', version: 'benchmark' },
  );
  const session = await runtime.InferenceSession.create(bytes, sessionOptions(settings.threads));
  const feed = new runtime.Tensor('float32', new Float32Array(batch * inputs * size ** graph.rank).fill(0.5), [
    batch,
    inputs,
    ...sides,
  ]);
  return { inference: await measure(() => session.run({ [session.inputNames[0]]: feed })) };
}

console.log(JSON.stringify(await (settings.engine === 'espalier' ? ours() : exported())));
