/**
 * @file `npm run soak`: searches and trainings one after the other in one process, for at least 20 minutes, with resident memory, open file
 * handles, live tensors and the size of event logs after every round. The first fifth warms up; memory and handles must then stay flat, event
 * logs linear in their steps. Ends with 1 when one does not.
 *
 *   node bench/soak.mjs [minutes=20]
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { engineFacts } from '../dist/engine/device.js';
import { search, train } from '../dist/index.js';

const { minutes = '20' } = Object.fromEntries(process.argv.slice(2).map((word) => word.split('=')));
const deadline = performance.now() + Number(minutes) * 60_000;
const runs = mkdtempSync(join(tmpdir(), 'espalier-soak-'));
const MiB = 2 ** 20;

const common = { data: 'scenes:64x48', preset: 'demo', runs, threads: 1, workers: 1, checkpointMinutes: 0.02 };
const small = { crop: 33, batch: 8 };

/** One search and one training; what the process holds afterwards. */
async function round() {
  const found = await search({
    ...common,
    ...small,
    epochs: 2,
    warmupEpochs: 1,
    layers: 3,
    filters: 4,
    blocks: 2,
    evaluateSamples: 4,
  });
  const trained = await train({
    ...common,
    ...small,
    arch: found.run,
    steps: 60,
    filters: 4,
    stem: [8, 8, 16],
    aspp: { filters: 16 },
    decoder: { filters: 16, lowLevel: 8 },
    evaluateEvery: 2,
  });
  const logBytes = [found.run, trained.run].map((run) => statSync(join(run, 'events.jsonl')).size);
  for (const run of [found.run, trained.run]) rmSync(run, { recursive: true, force: true });
  globalThis.gc?.();
  return {
    residentBytes: process.memoryUsage.rss(),
    handles: process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0,
    tensors: engineFacts().liveTensors,
    logBytes: logBytes[0] + logBytes[1],
  };
}

const rounds = [];
while (performance.now() < deadline || rounds.length < 3) {
  const state = await round();
  rounds.push({ ...state, seconds: performance.now() / 1000 });
  const { residentBytes, handles, tensors, logBytes, seconds } = rounds[rounds.length - 1];
  console.log(
    `round ${String(rounds.length).padStart(3)}  ${seconds.toFixed(0).padStart(5)} s  resident ${(residentBytes / MiB).toFixed(0).padStart(5)} MiB  handles ${handles}  live tensors ${tensors}  event logs ${(logBytes / 1024).toFixed(1)} KiB`,
  );
}
rmSync(runs, { recursive: true, force: true });

/** Growth a round by least squares. */
function growthPerRound(values) {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  let above = 0;
  let below = 0;
  for (const [i, value] of values.entries()) {
    above += (i - middle) * (value - mean);
    below += (i - middle) ** 2;
  }
  return below === 0 ? 0 : above / below;
}

const warm = rounds.slice(Math.ceil(rounds.length / 5));
/** What may grow over all rounds that count, by noise: the heap of JavaScript grows and shrinks. */
const LIMITS = { residentBytes: 64 * MiB, handles: 2, tensors: 0.5, logBytes: 1024 };
let failed = false;
for (const [key, limit] of Object.entries(LIMITS)) {
  const growth = growthPerRound(warm.map((state) => state[key])) * warm.length;
  const flat = growth <= limit;
  failed ||= !flat;
  console.log(
    `${key}: ${growth.toFixed(1)} over ${warm.length} rounds, at most ${limit} counts as flat: ${flat ? 'flat' : 'GROWS'}`,
  );
}
const steps = warm.map(({ logBytes }) => logBytes);
console.log(
  `event logs: ${Math.min(...steps)} to ${Math.max(...steps)} bytes for the same number of steps: linear in the steps`,
);
process.exitCode = failed ? 1 : 0;
