/**
 * @file What a search step costs on this machine, one Markdown table, or one line of JSON with json=1:
 *
 *   node bench/searchStep.mjs [method=auto-deeplab|dints] [key=value ...]      keys and defaults by method below
 *
 * GFLOP are those of the cells' or edges' convolutions as the equations have them: each edge once for each cell evaluation, a multiply-add counted as
 * two, the backward pass as twice the forward one, or once where weights are frozen. What is shared, and what falls outside of the image, is not
 * subtracted. The peak is that of a large channels-last convolution in the same process. CPU seconds are those of all threads, and rates are per CPU
 * second: other programs that run disturb them least. With device=cuda the peak and the shares of it still are the processor's; graphs=0 computes
 * each step without CUDA graphs.
 */

import { Generator, threads } from '../dist/index.js';
import { measureSearchStep } from '../dist/jobs/cost/measureSearch.js';
import { METHODS } from '../dist/method/registry.js';
import { parseConfig } from '../dist/run/config/config.js';
import { settings as schemas } from '../dist/run/config/presets.js';
import { edgeCount } from '../dist/space/cell.js';
import { DINTS_OPERATORS } from '../dist/space/dints/operators.js';
import { PUBLISHED_DINTS_FILTERS } from '../dist/space/dints/published.js';
import { layerEdges } from '../dist/space/dints/trellis.js';
import { OPERATORS } from '../dist/space/operators.js';
import { trellisEdges } from '../dist/space/trellis.js';
import { createSearch } from '../dist/train/searchState.js';
import { inPrecision } from '../dist/train/step/precision.js';
import { peakCompute } from './roofline.mjs';
import { settingsOf, table, wordsOf } from './words.mjs';

/** Multiply-adds of the convolutions of one edge of a cell, for one pixel. */
function cellEdgeMultiplyAdds(channels, atrous) {
  let count = 0;
  for (const { kind, kernel } of Object.values(OPERATORS)) {
    const pair = kernel ** 2 * channels + channels ** 2;
    if (kind === 'separable') count += 2 * pair;
    if (kind === 'atrous') count += atrous === 'dense' ? kernel ** 2 * channels ** 2 : pair;
  }
  return count;
}

/** Taps of all operators of an edge of DiNTS. */
const DINTS_TAPS = Object.values(DINTS_OPERATORS)
  .flatMap(({ kernels }) => kernels)
  .reduce((sum, kernel) => sum + (typeof kernel === 'number' ? kernel ** 3 : kernel.reduce((a, b) => a * b)), 0);

/** By method: its data, its keys with their defaults, and GFLOP of the cells or edges in one forward pass. */
const CASES = {
  'auto-deeplab': {
    data: { rank: 2, inputs: 3 },
    space: { layers: 12, filters: 8, blocks: 5, crop: 321, batch: 2, classes: 19, atrous: 'dense' },
    forwardGflop: ({ layers, filters, blocks, crop, batch, atrous }) =>
      trellisEdges(layers).reduce((total, { to }) => {
        const pixels = batch * Math.ceil(crop / (4 * 2 ** to)) ** 2;
        return total + (2 * edgeCount(blocks) * cellEdgeMultiplyAdds(filters * 2 ** to, atrous) * pixels) / 1e9;
      }, 0),
  },
  dints: {
    data: { rank: 3, inputs: 1 },
    space: { layers: 12, levels: 4, width: 0.5, crop: 64, batch: 1, classes: 3 },
    forwardGflop: ({ layers, levels, width, crop, batch }) =>
      layerEdges(levels).reduce((total, { to }) => {
        const channels = PUBLISHED_DINTS_FILTERS * width * 2 ** to;
        const voxels = batch * (crop / 2 ** (to + 1)) ** 3;
        return total + (2 * layers * DINTS_TAPS * channels ** 2 * voxels) / 1e9;
      }, 0),
  },
};

const name = process.argv.includes('method=dints') ? 'dints' : 'auto-deeplab';
const { data: shapes, space, forwardGflop } = CASES[name];
const settings = settingsOf({
  method: name,
  ...space,
  memory: 'fast',
  fused: 1,
  threads: 0,
  device: 'cpu',
  graphs: 1,
  precision: 'float32',
  json: 0,
});
const { crop, batch, classes, memory, device } = settings;
if (settings.threads > 0) threads(settings.threads);

const generator = new Generator(0);
const defaults = parseConfig(schemas.search, [{ data: 'none', method: settings.method }]);
const method = METHODS[name]({ ...defaults, ...settings, memory, fused: settings.fused !== 0 });
const data = { ...shapes, classes, batch, size: Array(shapes.rank).fill(crop) };
const network = inPrecision(method.createSearchNetwork({ generator: generator.id, device }, data), settings.precision);
const measured = measureSearchStep(createSearch(method, network), {
  ...data,
  crop: data.size,
  device,
  generator,
  cudaGraphs: settings.graphs !== 0,
});
// Afterwards, since its memory is not that of the search.
const peak = (await peakCompute()).perCpuSecond;
const forward = forwardGflop(settings);
const row = (step, seconds, cpuSeconds, gflop) => [
  step,
  seconds.toFixed(2),
  cpuSeconds.toFixed(2),
  gflop.toFixed(0),
  (gflop / cpuSeconds).toFixed(1),
  `${((100 * gflop) / cpuSeconds / peak).toFixed(0)} %`,
];
if (settings.json) console.log(JSON.stringify({ ...measured, peak, forwardGflop: forward }));
else
  console.log(
    `${wordsOf(settings).join(' ')}: peak ${peak.toFixed(0)} GFLOP per CPU second, ${(measured.peakBytes / 1e9).toFixed(2)} GB resident at most

${table(
  ['step', 'seconds', 'CPU seconds', 'GFLOP', 'per CPU second', 'of peak'],
  [
    row('weights', measured.weightSeconds, measured.weightCpuSeconds, 3 * forward),
    row('architecture', measured.architectureSeconds, measured.architectureCpuSeconds, 2 * forward),
  ],
)}`,
  );
