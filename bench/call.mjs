/**
 * @file What one call of the addon costs beside the same call from Python's torch: same libtorch, one thread, alternating in one run. Time of the
 * processor is counted, so that other work on the machine disturbs little.
 * node bench/call.mjs [python with torch]
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { noGrad, ops, scope, threads } from '../dist/index.js';

const ROUNDS = 15;
const COUNT = 20000;

threads(1);
const one = ops.ones([1]);
const eight = ops.ones([8]);
const image = ops.ones([1, 4, 8, 8]);
const weight = ops.ones([4, 4, 3, 3]);
const cases = {
  'add [1]': () => ops.add(one, one),
  'relu [8]': () => ops.relu(eight),
  'reshape [8]': () => ops.reshape(eight, [2, 4]),
  'sum [8]': () => ops.sum(eight),
  'convolution [1, 4, 8, 8]': () => ops.convolution(image, weight, null, [1, 1], [1, 1], [1, 1], 1),
};

const python = spawn(process.argv[2] ?? '/usr/bin/python3', [new URL('call.py', import.meta.url).pathname], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
const lines = createInterface({ input: python.stdout })[Symbol.asyncIterator]();
const nextLine = async () => (await lines.next()).value;

/** Nanoseconds of the processor per call, tensors freed at once as Python's are. */
function measure(call) {
  for (let i = 0; i < 2000; i++) call().free();
  const started = process.cpuUsage();
  for (let i = 0; i < COUNT; i++) call().free();
  const spent = process.cpuUsage(started);
  return (1000 * (spent.user + spent.system)) / COUNT;
}

console.log(`libtorch of Python: ${await nextLine()}; one thread; median of ${ROUNDS} rounds of ${COUNT} calls`);
console.log('| call | Espalier, ns | Python, ns | ratio | range of the ratio |\n|---|---|---|---|---|');
for (const [name, call] of Object.entries(cases)) {
  const [ours, theirs] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    ours.push(noGrad(() => scope(() => measure(call))));
    python.stdin.write(`${name}\n`);
    theirs.push(Number(await nextLine()));
  }
  const ratios = ours.map((value, i) => value / theirs[i]).sort((a, b) => a - b);
  const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
  console.log(
    `| ${name} | ${median(ours).toFixed(0)} | ${median(theirs).toFixed(0)} | ${median(ratios).toFixed(2)} | ${ratios[1].toFixed(2)} to ${ratios[ROUNDS - 2].toFixed(2)} |`,
  );
}
python.stdin.end();
