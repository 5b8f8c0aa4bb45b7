/**
 * @file What several processes cost and bring: samples a second of a search by one and by two ranks of one thread each, the share of time in collectives,
 * bytes a step, and what an all-reduce takes; and, computed, how many ranks would do on networks that are assumed. Prints what `docs/scaling.md` records.
 *
 *   node bench/scaling.mjs                         measures
 *   node bench/scaling.mjs model [picture.svg]     computes
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { STANDARD_AUGMENTATION } from '../dist/data/images/augment.js';
import { createSceneSet } from '../dist/data/scenes/sceneSet.js';
import { Generator, threads } from '../dist/engine/device.js';
import { joinGroup, placeInGroup } from '../dist/engine/group.js';
import * as op from '../dist/engine/operators.js';
import { METHODS } from '../dist/method/registry.js';
import { crossEntropy } from '../dist/nn/losses.js';
import { inGroup, sharedNorms } from '../dist/parallel/parallel.js';
import { searchLoop } from '../dist/train/search.js';
import { createSearch } from '../dist/train/searchState.js';

const BATCH = 4;
const SETTINGS = {
  layers: 3,
  filters: 4,
  blocks: 3,
  atrous: 'separable',
  cellWeights: 'perNode',
  betaNormalisation: 'outgoing',
};
const STEPS = 4;
/**
 * The paper's search: the weights of its supernet (`espalier info auto-deeplab`), and a step of both halves from its 3 days of a P100 for 40 epochs of
 * 1487 images in batches of 2. A current GPU was not measured; a tenth is assumed.
 */
const PAPER = { weights: 47_868_816, stepSeconds: (3 * 24 * 3600) / (40 * Math.floor(1487 / 2)) };

/** Steps of a search: seconds by the clock and of the processor, seconds in collectives and bytes, all a step; the first step does not count. */
async function measureSearch(parallel, syncNorms) {
  threads(1);
  const dataset = createSceneSet({ width: 160, height: 128, train: 2 * BATCH * STEPS, val: 1 });
  const method = METHODS['auto-deeplab']({
    ...SETTINGS,
    weights: { learningRate: 0.01, minimumLearningRate: 0.001, momentum: 0.9, decay: 3e-4, clip: 5 },
    architecture: { learningRate: 0.003, decay: 1e-3 },
  });
  const origin = { generator: new Generator(1).id, device: 'cpu', ...sharedNorms({ syncNorms }, parallel) };
  const data = { rank: 2, inputs: 3, classes: dataset.classes.length, batch: BATCH, size: [97, 97] };
  const search = createSearch(method, method.createSearchNetwork(origin, data));
  const marks = [];
  const mark = () => {
    const { user, system } = process.cpuUsage();
    marks.push({ clock: performance.now() / 1000, processor: (user + system) / 1e6, ...parallel.cost() });
  };
  await searchLoop(search, {
    ...{
      dataset,
      device: 'cpu',
      loss: crossEntropy,
      parallel,
      describe: () => ({ genotype: null, metrics: {}, warnings: [] }),
    },
    settings: {
      ...{
        epochs: 1,
        warmupEpochs: 0,
        batch: BATCH,
        crop: data.size,
        seed: 1,
        workers: 0,
        augmentation: STANDARD_AUGMENTATION,
      },
      ...{ evaluateSamples: 0, splitFraction: 0.5, reduction: 1 },
    },
    recorder: { step: mark, epoch: () => undefined },
  });
  const [first, last] = [marks[0], marks[marks.length - 1]];
  const each = (key) => (last[key] - first[key]) / (marks.length - 1);
  return {
    ...{ clock: each('clock'), processor: each('processor'), communicated: each('seconds'), bytes: each('bytes') },
    ...{ underWay: each('underWay'), hidden: each('hidden') },
    weights: search.network.weights.count(),
  };
}

/** The smallest seconds of some sums of 8 bytes and of 8 MiB between two ranks: what an all-reduce takes when nothing disturbs it. */
function measureCollectives(group) {
  const best = (elements, times) => {
    const tensor = op.zeros([elements]);
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < times; i++) {
      const started = performance.now();
      group.sum(tensor).wait();
      least = Math.min(least, (performance.now() - started) / 1000);
    }
    return least;
  };
  return { latency: best(2, 300), large: best(2 << 20, 30) };
}

/** Runs this file as the ranks of a group; what rank 0 prints. */
async function asRanks(size, what) {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  const outputs = Array.from({ length: size }, async (_, rank) => {
    const place = { RANK: rank, WORLD_SIZE: size, MASTER_ADDR: '127.0.0.1', MASTER_PORT: port, OMP_NUM_THREADS: 1 };
    const child = spawn(process.execPath, [import.meta.filename, what], {
      env: { ...process.env, ...place },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let out = '';
    child.stdout.on('data', (part) => {
      out += part;
    });
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`rank ${rank} ended with code ${code}`);
    return out;
  });
  return JSON.parse((await Promise.all(outputs))[0]);
}

/**
 * Seconds of a step of `ranks` that compute `seconds` each, all-reduce `bytes` in rings, and `small` numbers besides. A ring sends each byte nearly
 * twice, and waits twice for each rank it passes; a number passes as many hops as a ring does.
 */
function stepSeconds(ranks, seconds, { bytes, small }, { latency, bandwidth }) {
  const hops = 2 * (ranks - 1);
  return seconds + (hops / ranks) * (bytes / bandwidth) + hops * latency * (1 + small);
}

/** Share of the speed that as many ranks would have without communication. */
const efficiency = (ranks, seconds, reduced, network) => seconds / stepSeconds(ranks, seconds, reduced, network);

/** Networks that are assumed, not measured here: seconds of a hop and bytes a second. */
const NETWORKS = {
  'Ethernet 10 Gbit/s': { latency: 30e-6, bandwidth: 1.1e9 },
  'Ethernet 100 Gbit/s': { latency: 10e-6, bandwidth: 11e9 },
  'InfiniBand 200 Gbit/s': { latency: 3e-6, bandwidth: 22e9 },
};
const RANKS = [8, 16, 32, 64, 128, 256, 512];
/** Numbers that are summed in a step of a search beside gradients: the pixels and the loss of both halves, and whether to stop. */
const SMALL = 5;

function draw(lines) {
  const [width, height, left, bottom] = [560, 300, 50, 40];
  const x = (ranks) => left + ((Math.log2(ranks) - 3) / 6) * (width - left - 150);
  const y = (share) => 15 + (1 - share) * (height - bottom - 15);
  const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7'];
  const text = (px, py, words, more = '') => `<text x="${px.toFixed(1)}" y="${py.toFixed(1)}" ${more}>${words}</text>`;
  const grid = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      `<path d="M${left} ${y(share)}H${x(512)}" stroke="#ddd"/>${text(left - 6, y(share) + 4, `${100 * share} %`, 'text-anchor="end"')}`,
  );
  const ticks = RANKS.map((ranks) => text(x(ranks), height - bottom + 18, ranks, 'text-anchor="middle"'));
  const curves = lines.map(({ name, points }, i) => {
    const path = points
      .map(([ranks, share], j) => `${j ? 'L' : 'M'}${x(ranks).toFixed(1)} ${y(share).toFixed(1)}`)
      .join('');
    const key = `<path d="M${x(512) + 12} ${30 + 20 * i}h18" stroke="${colours[i]}" stroke-width="2"/>${text(x(512) + 34, 34 + 20 * i, name)}`;
    return `<path d="${path}" fill="none" stroke="${colours[i]}" stroke-width="2"/>${key}`;
  });
  const label = text(
    (left + x(512)) / 2,
    height - 6,
    'ranks; efficiency is computed, not measured',
    'text-anchor="middle"',
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="computed efficiency by ranks" font-family="sans-serif" font-size="11" fill="#333"><title>Computed efficiency of 8 to 512 ranks</title><rect width="100%" height="100%" fill="#fff"/>${[...grid, ...ticks, ...curves, label].join('')}</svg>\n`;
}

/** One and two ranks on this machine. */
async function measure() {
  const { latency, large } = await asRanks(2, 'collectives');
  const bandwidth = (8 << 20) / large;
  console.log(
    `measured: an all-reduce of 8 bytes ${(1e6 * latency).toFixed(0)} us, of 8 MiB ${(1000 * large).toFixed(1)} ms (${(bandwidth / 1e9).toFixed(2)} GB/s)`,
  );
  for (const norms of ['apart', 'synchronised'])
    for (const size of [1, 2]) {
      const { clock, processor, communicated, underWay, hidden, bytes, weights } = await asRanks(size, norms);
      console.log(
        `measured: ${size} ranks, norms ${norms}: ${((2 * BATCH) / clock).toFixed(2)} samples/s, ${clock.toFixed(3)} s a step, processor ${processor.toFixed(3)} s a rank, in collectives ${((100 * communicated) / clock).toFixed(0)} %, gradients under way ${underWay.toFixed(3)} s, hidden ${hidden.toFixed(3)} s, ${(bytes / 1e6).toFixed(3)} MB; ${weights} weights`,
      );
    }
}

/** Many ranks, on networks that are assumed. */
function model(picture) {
  const reduced = { bytes: 4 * PAPER.weights, small: SMALL };
  const linesAt = (seconds) =>
    Object.entries(NETWORKS).map(([name, network]) => ({
      name,
      points: RANKS.map((ranks) => [ranks, efficiency(ranks, seconds, reduced, network)]),
    }));
  for (const seconds of [PAPER.stepSeconds, PAPER.stepSeconds / 10]) {
    console.log(`computed: steps of ${seconds.toFixed(2)} s, ${(reduced.bytes / 1e6).toFixed(0)} MB of gradients`);
    for (const { name, points } of linesAt(seconds))
      console.log(
        `  ${name.padEnd(22)} ${points.map(([ranks, share]) => `${ranks}: ${(100 * share).toFixed(1)} %`).join('  ')}`,
      );
  }
  if (picture) writeFileSync(picture, draw(linesAt(PAPER.stepSeconds / 10)));
}

const [what, picture] = process.argv.slice(2);
if (what === 'model') model(picture);
else if (process.env.RANK === undefined) await measure();
else if (what === 'collectives') {
  const group = joinGroup(placeInGroup(process.env));
  process.stdout.write(JSON.stringify(measureCollectives(group)));
  group.leave();
} else
  await inGroup(process.env, async (parallel) =>
    process.stdout.write(JSON.stringify(await measureSearch(parallel, what === 'synchronised'))),
  );
