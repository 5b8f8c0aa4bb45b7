/**
 * @file What this machine can do at most: GFLOP per second of a large convolution, GB per second of a copy. node bench/roofline.mjs [threads=0]
 */
import { noGrad, ops, scope, threads } from '../dist/index.js';
import { settingsOf, timed } from './words.mjs';

const ROUNDS = 5;

/** The best of `ROUNDS`, of work that moves or computes `amount`: a second, and a second of the processor. */
async function best(amount, work) {
  let [perSecond, perCpuSecond] = [0, 0];
  for (let i = 0; i < ROUNDS; i++) {
    const { seconds, cpuSeconds } = await timed(() => noGrad(() => scope(work)));
    perSecond = Math.max(perSecond, amount / seconds);
    perCpuSecond = Math.max(perCpuSecond, amount / cpuSeconds);
  }
  return { perSecond, perCpuSecond };
}

/** GFLOP of a convolution 256 to 256, 3x3, channels last, in single precision. */
export async function peakCompute() {
  const [channels, side] = [256, 128];
  const image = ops.channelsLast(ops.ones([2, channels, side, side]));
  const weight = ops.ones([channels, channels, 3, 3]);
  const gflop = (4 * side ** 2 * channels ** 2 * 9) / 1e9;
  const result = await best(gflop, () => {
    ops.convolution(image, weight, null, [1, 1], [1, 1], [1, 1], 1);
  });
  for (const tensor of [image, weight]) tensor.free();
  return result;
}

/** GB read and written by an addition in place, of tensors that no cache holds. */
export async function peakBandwidth() {
  const count = 2 ** 28;
  const [to, from] = [ops.zeros([count]), ops.ones([count])];
  const result = await best((3 * 4 * count) / 1e9, () => {
    ops.addInto(to, from);
  });
  for (const tensor of [to, from]) tensor.free();
  return result;
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const settings = settingsOf({ threads: 0 });
  if (settings.threads > 0) threads(settings.threads);
  console.log(JSON.stringify({ compute: await peakCompute(), bandwidth: await peakBandwidth() }));
}
