/**
 * @file `npm run bench`: every benchmark of this folder, one report in Markdown on standard output, progress on the error output.
 *
 *   npm run bench -- [only=roofline,search,...] [autodeeplab=<checkout>] [monai=<checkout>] [python=/usr/bin/python3] [data=scenes:480x360]
 *                    [volumes=<folder>] [rounds=3] [threads=0]
 *
 * What needs Python's torch or a checkout is left out, with a line, where it is not given. Peers hold up to 15 GB. All of it takes about an hour; for
 * figures that mean something, run nothing else.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { sideBySide } from './sideBySide.mjs';
import { measureApart, settingsOf, table } from './words.mjs';

const settings = settingsOf({
  only: '',
  autodeeplab: '',
  monai: '',
  python: '',
  data: 'scenes:480x360',
  volumes: '',
  rounds: 3,
  threads: 0,
});
const { python, rounds, threads } = settings;
/** Runs a script of this folder with the threads that were asked for, unless `given` says how many. */
const apart = (script, given, more = {}) =>
  measureApart(script, { threads, ...given }, { ...more, threads: given.threads ?? threads });
const gigabytes = (bytes) => (bytes / 1e9).toFixed(2);

/** One table with a row for each setting of a search step. */
async function steps(cases) {
  const rows = [];
  for (const [name, given] of Object.entries(cases)) {
    const taken = await apart('searchStep.mjs', { json: 1, ...given });
    const { weightSeconds, architectureSeconds, weightCpuSeconds, architectureCpuSeconds, forwardGflop, peak } = taken;
    const cpuSeconds = weightCpuSeconds + architectureCpuSeconds;
    const share = forwardGflop ? `${((100 * 5 * forwardGflop) / cpuSeconds / peak).toFixed(0)} %` : '';
    rows.push([
      name,
      weightSeconds.toFixed(2),
      architectureSeconds.toFixed(2),
      cpuSeconds.toFixed(2),
      gigabytes(taken.peakBytes),
      share,
    ]);
  }
  return table(['search step', 'weights, s', 'architecture, s', 'both, CPU s', 'memory, GB', 'of peak'], rows);
}

/** Training step and inference of one network, here, in Python's torch and, exported, in onnxruntime. */
async function networks() {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-bench-'));
  const rows = [];
  const shapes = {
    'auto-deeplab-s': { size: 321, batch: 2, classes: 19, inputs: 3 },
    'dints-cvpr2021': { size: 64, batch: 1, classes: 3, inputs: 1 },
  };
  for (const [arch, shape] of Object.entries(shapes)) {
    const graph = join(folder, `${arch}.json`);
    const ours = await apart('networkStep.mjs', { arch, graph, ...shape });
    const low = await apart('networkStep.mjs', { arch, precision: 'bfloat16', ...shape });
    const { size, batch } = shape;
    const torch = python ? await apart('peers/network.py', { graph, size, batch }, { python }) : undefined;
    const onnx = await apart('networkStep.mjs', { arch, engine: 'onnxruntime', ...shape });
    for (const kind of ['training', 'inference']) {
      const show = (taken) => (taken?.[kind] ? taken[kind].seconds.toFixed(3) : '-');
      const ratio = torch ? (torch[kind].seconds / ours[kind].seconds).toFixed(2) : '-';
      const lowered = kind === 'training' ? show(low) : '-';
      rows.push([`${arch}, ${kind}`, show(ours), lowered, show(torch), ratio, show(onnx)]);
    }
  }
  rmSync(folder, { recursive: true });
  return table(['seconds', 'espalier', 'in bfloat16', 'torch, eager', 'torch / espalier', 'onnxruntime'], rows);
}

/** One case beside a checkout, or a line that says what is missing. */
const beside = (name, checkout) => () =>
  checkout && python
    ? sideBySide({ name, checkout, python, rounds, threads })
    : `${name}: left out, it needs a checkout and python=<Python with torch>`;

const small = { layers: 6, crop: 129 };
const SECTIONS = {
  roofline: async () => {
    const { compute, bandwidth } = await apart('roofline.mjs', {});
    return `${compute.perSecond.toFixed(0)} GFLOP a second (${compute.perCpuSecond.toFixed(0)} a CPU second), ${bandwidth.perSecond.toFixed(1)} GB a second`;
  },
  search: () =>
    steps({
      '12 layers, 321, separable': { crop: 321, atrous: 'separable' },
      '12 layers, 321, dense': { crop: 321, atrous: 'dense' },
      '12 layers, 321, dense, bfloat16': { crop: 321, atrous: 'dense', precision: 'bfloat16' },
      '12 layers, 129, separable': { crop: 129, atrous: 'separable' },
      '12 layers, 129, dense': { crop: 129, atrous: 'dense' },
      '12 layers, 129, dense, bfloat16': { crop: 129, atrous: 'dense', precision: 'bfloat16' },
      'DiNTS, 64': { method: 'dints', crop: 64, batch: 1, classes: 3 },
      'DiNTS, 64, bfloat16': { method: 'dints', crop: 64, batch: 1, classes: 3, precision: 'bfloat16' },
      'DiNTS, 96': { method: 'dints', crop: 96, batch: 1, classes: 3 },
      'DiNTS, 96, bfloat16': { method: 'dints', crop: 96, batch: 1, classes: 3, precision: 'bfloat16' },
    }),
  'peer-129': beside('autodeeplab-129', settings.autodeeplab),
  'peer-321': beside('autodeeplab-321', settings.autodeeplab),
  'peer-dints': beside('monai-64', settings.monai),
  networks,
  loader: async () => {
    const sets = {
      [settings.data]: {},
      ...(settings.volumes ? { [settings.volumes]: { arch: 'unet', crop: 32 } } : {}),
    };
    const rows = [];
    for (const [data, given] of Object.entries(sets)) {
      const { given: rate, taken, share } = await apart('loader.mjs', { data, json: 1, ...given });
      rows.push([data, rate.toFixed(0), taken.toFixed(1), `${(100 * share).toFixed(2)} %`]);
    }
    return table(['data', 'samples a CPU second', 'a training takes, a second', 'it waits'], rows);
  },
  growth: () =>
    steps({
      '6 layers, 8 filters, 129, batch 2': small,
      '12 layers': { ...small, layers: 12 },
      '16 filters': { ...small, filters: 16 },
      'crop 257': { ...small, crop: 257 },
      'batch 4': { ...small, batch: 4 },
      ...Object.fromEntries([1, 2].map((count) => [`${count} threads`, { ...small, threads: count }])),
    }),
};

const wanted = settings.only ? settings.only.split(',') : Object.keys(SECTIONS);
for (const name of wanted) {
  if (!Object.hasOwn(SECTIONS, name)) {
    console.error(`no section "${name}"; there are ${Object.keys(SECTIONS).join(', ')}`);
    process.exit(2);
  }
}
if (python && !existsSync(python)) throw new Error(`${python}: there is no such file`);
console.log(`${cpus()[0].model}, ${availableParallelism()} cores; threads=${threads || 'all'}`);
for (const name of wanted) {
  console.error(`bench: ${name}`);
  console.log(`\n## ${name}\n\n${await SECTIONS[name]()}`);
}
