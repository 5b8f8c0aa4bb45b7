/**
 * @file What a search step of Auto-DeepLab costs on this machine, one Markdown table, or one line of JSON with
 * json=1: node bench/searchStep.mjs [key=value ...], keys and defaults below.
 *
 * GFLOP are those of the cells' convolutions as the equations have them: each edge once for each cell evaluation, a multiply-add counted as two, the
 * backward pass as twice the forward one, or once where weights are frozen. What is shared is not subtracted. The peak is that of a large channels-last convolution
 * in the same process. CPU seconds are those of all threads, and rates are per CPU second: other programs that run disturb them least.
 */
import { Generator, threads } from '../dist/index.js';
import { parseConfig } from '../dist/run/config.js';
import { settings as schemas } from '../dist/run/presets.js';
import { edgeCount } from '../dist/space/cell.js';
import { OPERATORS } from '../dist/space/operators.js';
import { trellisEdges } from '../dist/space/trellis.js';
import { measureSearchStep } from '../dist/train/measure.js';
import { METHODS } from '../dist/train/methods.js';
import { createSearch } from '../dist/train/searchSteps.js';
import { peakCompute } from './roofline.mjs';
import { settingsOf, table, wordsOf } from './words.mjs';

const settings = settingsOf({
  layers: 12,
  filters: 8,
  blocks: 5,
  crop: 321,
  batch: 2,
  classes: 19,
  atrous: 'dense',
  memory: 'fast',
  fused: 1,
  threads: 0,
  json: 0,
});
const { layers, filters, blocks, crop, batch, classes, atrous } = settings;
if (settings.threads > 0) threads(settings.threads);

/** Multiply-adds of the convolutions of one edge, for one pixel. */
function edgeMultiplyAdds(channels) {
  let count = 0;
  for (const { kind, kernel } of Object.values(OPERATORS)) {
    const pair = kernel ** 2 * channels + channels ** 2;
    if (kind === 'separable') count += 2 * pair;
    if (kind === 'atrous') count += atrous === 'dense' ? kernel ** 2 * channels ** 2 : pair;
  }
  return count;
}

/** GFLOP of the cells in one forward pass. */
function forwardGflop() {
  let total = 0;
  for (const { to } of trellisEdges(layers)) {
    const side = Math.ceil(crop / (4 * 2 ** to));
    total += 2 * edgeCount(blocks) * edgeMultiplyAdds(filters * 2 ** to) * batch * side ** 2;
  }
  return total / 1e9;
}

const peak = (await peakCompute()).perCpuSecond;
const generator = new Generator(0);
const space = { layers, filters, blocks, atrous, memory: settings.memory, fused: settings.fused !== 0 };
const method = METHODS['auto-deeplab']({ ...parseConfig(schemas.search, [{ data: 'none' }]), ...space });
const data = { rank: 2, inputs: 3, classes, batch, size: [crop, crop] };
const network = method.createSearchNetwork({ generator: generator.id, device: 'cpu' }, data);
const measured = measureSearchStep(createSearch(method, network), {
  ...data,
  crop: data.size,
  device: 'cpu',
  generator,
});
const forward = forwardGflop();
const row = (name, seconds, cpuSeconds, gflop) => [
  name,
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
