/**
 * @file Everything that a program can do wrong at the door: wrong kinds of arguments in every place, freed tensors, getters that throw or that call the
 * addon while it reads their arguments, buffers that lose their memory, lists without end, worker threads that end with live tensors. Each call may return or throw an Error; the process must live. Run plainly by
 * `abuse.test.ts` and, with the addon built under sanitizers, by `scripts/test-sanitizers.sh`.
 *
 *   node test/engine/abuse.mjs [calls=20000] [seed=1]
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { isMainThread, Worker } from 'node:worker_threads';
import { randomOf } from '../fuzz/mutate.mjs';

const file = process.env.ESPALIER_ADDON ?? join(import.meta.dirname, '..', '..', 'build', 'native', 'espalier.node');
const door = createRequire(import.meta.url)(file);
const words = Object.fromEntries(process.argv.slice(2).map((word) => word.split('=')));
const calls = Number(words.calls ?? 20_000);
const random = randomOf(Number(words.seed ?? 1), isMainThread ? 0 : 1);

let refused = 0;
/** Calls; an Error is an answer, anything else that is thrown is not. */
function attempt(work) {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Error)) throw new Error(`threw ${String(error)}, which is no Error`);
    refused++;
    return undefined;
  }
}

const tensor = (...shape) =>
  door.fromBytes(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1), shape, 'float32', false);
const ids = Object.fromEntries(
  [
    ['aten::relu', ''],
    ['aten::add', 'Tensor'],
    ['aten::mm', ''],
    ['aten::cat', ''],
    ['aten::conv2d', ''],
    ['aten::index', 'Tensor'],
    ['aten::bernoulli', ''],
    ['aten::to', 'dtype'],
    ['aten::sum', ''],
  ].map(([name, overload]) => [name, door.findOperator(name, overload)]),
);
const generator = door.createGenerator('cpu', 1);
const freed = tensor(2);
door.free(freed);
const throwing = Object.defineProperty([1, 2], 0, {
  get() {
    throw new TypeError('from a getter');
  },
});
const notArray = new Proxy([], {});

/** Values that no place expects. */
const STRANGE = () => [
  undefined,
  null,
  true,
  0,
  -1,
  0.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  -1e300,
  2 ** 53,
  2n ** 70n,
  1n,
  '',
  'float32',
  'cuda:77',
  'cpu:-3',
  'x'.repeat(100_000),
  '\ud800',
  Symbol('s'),
  () => 1,
  {},
  Object.create(null),
  [],
  [null],
  [undefined],
  [[[]]],
  throwing,
  notArray,
  new Array(2 ** 32 - 1),
  [Number.NaN],
  [-1],
  [2 ** 40, 2 ** 40],
  new Float32Array(3),
  new Uint8Array(new SharedArrayBuffer(8)),
  new DataView(new ArrayBuffer(4)),
  new Uint8Array(structuredClone(new ArrayBuffer(4))),
  freed,
  [freed],
  tensor(2, 2),
  [tensor(2, 2), freed],
  { dtype: 'float32' },
  {
    get dtype() {
      throw new TypeError('from a getter');
    },
  },
  new Date(),
  globalThis,
];

/** Every function with arguments that it takes, to be made strange one or two at a time. */
const FUNCTIONS = {
  findOperator: () => ['aten::relu', ''],
  schema: () => [ids['aten::relu']],
  call: () => {
    const name = Object.keys(ids)[random(Object.keys(ids).length)];
    const a = tensor(2, 2);
    const given = {
      'aten::cat': [[a, a], 0],
      'aten::conv2d': [tensor(1, 1, 4, 4), tensor(1, 1, 2, 2), null, 1],
      'aten::index': [a, [null]],
    };
    return [ids[name], null, ...(given[name] ?? [a, a])];
  },
  release: () => [[tensor(2), tensor(3)]],
  free: () => [tensor(2)],
  handOver: () => [tensor(2)],
  fromBytes: () => [new Float32Array(4), [2, 2], 'float32', random(2) === 0],
  copyOut: () => [tensor(2, 2), new Float32Array(4)],
  info: () => [tensor(2)],
  backward: () => [[attempt(() => leafSum())], [null], false],
  gradients: () => {
    const x = tensor(2);
    door.requireGradient(x, true);
    return [[door.call(ids['aten::sum'], null, x)], [x], [null], false, false];
  },
  gradientOf: () => [tensor(2)],
  setGradient: () => [tensor(2), tensor(2)],
  requireGradient: () => [tensor(2), true],
  gradientMode: () => [true],
  createGenerator: () => ['cpu', 1],
  generatorState: () => [generator],
  setGeneratorState: () => [generator, door.generatorState(generator)],
  setErrorFactory: () => [(message) => new Error(message)],
};

function leafSum() {
  const x = tensor(2);
  door.requireGradient(x, true);
  return door.call(ids['aten::sum'], null, x);
}

/** What a getter does in the middle of a call: it grows the addon's tables, frees what the call reads, takes buffers away, or calls the addon itself. */
const DISTURBANCES = [
  () => Array.from({ length: 40 }, () => door.findOperator('aten::relu', '')),
  () => Array.from({ length: 20 }, () => door.createGenerator('cpu', 1)),
  () => Array.from({ length: 100 }, () => tensor(1)),
  (args) => door.release(args.flat().filter((value) => typeof value === 'number' && value > 2 ** 33)),
  (args) => {
    for (const { buffer } of args.filter(ArrayBuffer.isView))
      if (buffer.resizable) buffer.resize(0);
      else if (buffer instanceof ArrayBuffer && buffer.byteLength > 0) structuredClone(buffer, { transfer: [buffer] });
  },
  () => door.setErrorFactory((message) => new TypeError(message)),
  () => {
    const name = names[random(names.length)];
    door[name](...FUNCTIONS[name]());
  },
];

/** The same arguments with lists and keywords whose getters disturb the call that reads them. */
function trapped(name, args) {
  const disturb = () => attempt(() => DISTURBANCES[random(DISTURBANCES.length)](args));
  const trap = (target, key, value) =>
    Object.defineProperty(target, key, {
      enumerable: true,
      get() {
        disturb();
        return value;
      },
    });
  const result = args.map((value) =>
    Array.isArray(value) ? value.reduce((list, item, i) => trap(list, i, item), new Array(value.length)) : value,
  );
  if (name === 'call' && result.length > 3) {
    const given = [
      [result.pop(), ['other', 'mat2', 'dim', 'bias', 'stride']],
      [result.pop(), ['other', 'mat2', 'dim', 'bias', 'weight', 'indices']],
    ];
    result[1] = {};
    for (const [value, keys] of given) for (const key of keys) if (!(key in result[1])) trap(result[1], key, value);
  }
  return result;
}

const names = Object.keys(FUNCTIONS);
for (let i = 0; i < calls; i++) {
  const name = names[random(names.length)];
  const args = FUNCTIONS[name]();
  if (name === 'fromBytes' && random(2) === 0) args[0] = new Float32Array(new ArrayBuffer(16, { maxByteLength: 64 }));
  attempt(() => door[name](...trapped(name, args)));
}
// A setter that every list meets where it has no element yet.
Object.defineProperty(Array.prototype, 0, {
  configurable: true,
  set() {
    attempt(() => DISTURBANCES[random(3)]([]));
  },
});
for (const shape of [[], [2], [2, 3]]) attempt(() => door.info(tensor(...shape)));
delete Array.prototype[0];
door.setErrorFactory((message) => new Error(message));
door.gradientMode(true);

/** A tensor never lives on memory that can move. */
const fixed = (buffer) => attempt(() => door.fromBytes(new Float32Array(buffer), [4], 'float32', true)) !== undefined;
for (const [buffer, wanted] of [
  [new ArrayBuffer(16), true],
  [new SharedArrayBuffer(16), true],
  [new ArrayBuffer(16, { maxByteLength: 64 }), false],
  [new SharedArrayBuffer(16, { maxByteLength: 64 }), false],
  [Object.defineProperty(new ArrayBuffer(16, { maxByteLength: 64 }), 'resizable', { value: false }), false],
])
  if (fixed(buffer) !== wanted) throw new Error(`a tensor on a buffer of ${buffer.constructor.name}: not ${wanted}`);

for (let i = 0; i < calls; i++) {
  const name = names[random(names.length)];
  const args = FUNCTIONS[name]();
  const strange = STRANGE();
  for (let count = 1 + random(2); count > 0; count--) {
    const place = random(args.length + 1);
    // Threads and memory of the machine are not what is tried here.
    args[place] = strange[random(strange.length)];
  }
  if (random(20) === 0) args.length = random(args.length + 1);
  if (random(200) === 0) args.push(...new Array(40).fill(0));
  attempt(() => door[name](...args));
  // What it makes is thrown as it is: a program that makes no errors gets none.
  if (name === 'setErrorFactory') door.setErrorFactory((message) => new Error(message));
}
door.gradientMode(true);

/** Right values for what is still alive: nothing above has harmed the table of tensors. */
const left = tensor(2, 2);
const view = new Float32Array(4);
door.copyOut(door.call(ids['aten::mm'], null, left, left), view);
if (view.join() !== '2,2,2,2') throw new Error(`a product came out as ${view.join()}`);

if (isMainThread) {
  const workers = Array.from(
    { length: 4 },
    () => new Worker(new URL(import.meta.url), { argv: [`calls=${Math.ceil(calls / 10)}`, `seed=${random(1000)}`] }),
  );
  await Promise.all(
    workers.map(
      (worker) =>
        new Promise((resolve, reject) => {
          worker.on('error', reject);
          worker.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`))));
        }),
    ),
  );
  // One is stopped in the middle, its tensors alive.
  const stopped = new Worker(new URL(import.meta.url), { argv: ['calls=1000000'] });
  await new Promise((resolve) => setTimeout(resolve, 1500));
  await stopped.terminate();
  console.log(`${calls} calls, ${refused} refused, 4 workers, 1 stopped in the middle: the process lives`);
}
