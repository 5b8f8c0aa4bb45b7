/**
 * @file How well latencies are predicted: 40 networks (random ones of both methods at random widths, and the baselines), predicted from a table that has
 * none of them, and measured as a whole. For a machine that does nothing else. `node bench/latency.mjs [target=engine] [threads=1] [table=<file that gets the table>]`
 */
import { writeFileSync } from 'node:fs';
import { createRandom } from '../dist/base/random.js';
import { extendTable, measureLatency } from '../dist/jobs/cost/latency/measure.js';
import { processorName } from '../dist/jobs/cost/latency/table.js';
import { prepareMachine } from '../dist/jobs/machine.js';
import { buildArchitecture, isGenotype } from '../dist/models/architecture.js';
import { EMPTY_TABLE, latencyModel, predictLatency } from '../dist/models/latency/predict.js';
import { findArchitecture } from '../dist/models/registry.js';
import { fitWidth } from '../dist/models/width.js';

const given = Object.fromEntries(process.argv.slice(2).map((word) => word.split('=')));
const { target = 'engine', threads: wanted = '1' } = given;
const threads = Number(wanted);
prepareMachine({ threads, device: 'cpu' });

/** A network of a name that costs about `multiplyAdds`. */
function networkOf(name, multiplyAdds) {
  const architecture = findArchitecture(name);
  const rank = isGenotype(architecture) ? architecture.rank : 2;
  const size = rank === 3 ? [32, 64, 32] : [192, 256];
  const options = { rank, inputs: rank === 3 ? 1 : 3, classes: rank === 3 ? 3 : 11 };
  // Not every cost exists: widths are whole numbers.
  for (let wanted = multiplyAdds; wanted < 4 * multiplyAdds; wanted *= 1.15)
    try {
      const { options: solved } = fitWidth(architecture, options, { multiplyAdds: wanted }, size);
      return { name, size, graph: buildArchitecture(architecture, solved) };
    } catch (error) {
      if (error.code !== 'config') throw error;
    }
  throw new Error(`${name}: no width near ${multiplyAdds} multiply-adds`);
}

const LEARNED = [
  'random:100',
  'random:101:8x3',
  'unet',
  'resunet:levels=4',
  'deeplabv3plus',
  'dints-random:100:8x4',
  'dints-unet',
];
const WIDTHS = [0.15e9, 0.5e9, 1.5e9];
const random = createRandom(0, 0x1a7e);
const asked = [
  ...Array.from({ length: 15 }, (_, seed) => `random:${seed}:${5 + random.integer(8)}x${2 + random.integer(4)}`),
  ...Array.from({ length: 15 }, (_, seed) => `dints-random:${seed}:${4 + random.integer(6)}x${2 + random.integer(3)}`),
  ...[
    'unet',
    'unet:levels=4',
    'unet:start=2',
    'resunet',
    'deeplabv3',
    'deeplabv3plus',
    'deeplabv3-path',
    'auto-deeplab-s',
  ],
  ...['unet-path', 'dints-unet:levels=3'],
];

const networks = LEARNED.flatMap((name) => WIDTHS.map((multiplyAdds) => networkOf(name, multiplyAdds)));
let table = await extendTable(EMPTY_TABLE, networks, target, threads);
/** As `espalier measure` would: a kind of operator that the table lacks is measured in the same network at another width. */
async function predict({ name, graph, size }) {
  try {
    return predictLatency(table, graph, size, target);
  } catch (error) {
    if (error.code !== 'config') throw error;
    const { units } = await extendTable(table, [networkOf(name, 0.7e9)], target, threads);
    table = { ...table, units };
    return predictLatency(table, graph, size, target);
  }
}

const tested = asked.map((name) => networkOf(name, 0.2e9 * 6 ** random.uniform()));
const predicted = [];
for (const network of tested) predicted.push(await predict(network));
/** The shorter of two times, some seconds apart: other work on a machine only adds. */
const measured = tested.map(() => Number.POSITIVE_INFINITY);
for (let round = 0; round < 2; round++)
  for (const [i, { graph, size }] of tested.entries())
    measured[i] = Math.min(measured[i], await measureLatency(graph, size, target, threads));

const { factors } = latencyModel(table);
console.log(
  `${processorName()}, ${target}, ${threads} threads: ${Object.keys(table.units).length} operators, ` +
    `factors ${factors[2].toFixed(3)} (images) and ${factors[3].toFixed(3)} (volumes), a call ${table.callMs.toFixed(4)} ms`,
);
console.log('network,predictedMs,measuredMs,error');
const errors = tested.map(({ name }, i) => {
  const error = Math.abs(predicted[i] / measured[i] - 1);
  console.log(`${name},${predicted[i].toFixed(2)},${measured[i].toFixed(2)},${error.toFixed(3)}`);
  return error;
});
if (given.table) writeFileSync(given.table, JSON.stringify(table));
errors.sort((a, b) => a - b);
console.log(
  `${errors.length} networks: median error ${errors[errors.length >> 1].toFixed(3)}, worst ${errors.at(-1).toFixed(3)}`,
);
