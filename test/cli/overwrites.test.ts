/**
 * @file No command overwrites what was given to it, nor the record of a run: every command that writes is called with an output equal to an input, and
 * every file is afterwards what it was.
 */
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { createNiftiHeader, encodeNifti } from '../../src/data/nifti/encode.ts';
import { readNifti } from '../../src/data/nifti/read.ts';
import { train } from '../../src/index.ts';
import { writeSceneFolder } from '../helpers/scenes.ts';
import { TINY_NETWORK } from '../helpers/tinyRuns.ts';

let folder = '';
const at = (...path: string[]) => join(folder, ...path);
const put = (path: string, content: string | Uint8Array) => {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), content);
};

/** Every file below the folder and what is in it. */
function snapshot(): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path.slice(folder.length), createHash('sha1').update(readFileSync(path)).digest('hex')]),
  );
}

/** Runs a command in this process; what it prints is thrown away. */
async function run(name: string, ...words: string[]): Promise<void> {
  const command = COMMANDS.find((one) => one.name === name);
  if (!command) throw new Error(`no command ${name}`);
  const silent = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const quiet = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    await command.run(words);
  } finally {
    silent.mockRestore();
    quiet.mockRestore();
    process.exitCode = undefined;
  }
}

const AFFINE = [
  [1, 0, 0, 0],
  [0, 1, 0, 0],
  [0, 0, 1, 0],
  [0, 0, 0, 1],
] as const;
const SIDE = 16;
/** Values of the label files, which are not consecutive. */
const VALUES = [0, 1, 1002];

function writeVolumes(root: string): void {
  const shape = [SIDE, SIDE, SIDE];
  for (const id of ['a', 'b', 'c', 'd', 'e']) {
    const labels = Uint16Array.from({ length: SIDE ** 3 }, (_, i) => VALUES[Math.floor((3 * i) / SIDE ** 3)]);
    for (const channel of ['0000', '0001'])
      put(
        `${root}/imagesTr/${id}_${channel}.nii.gz`,
        encodeNifti(createNiftiHeader({ shape, affine: AFFINE, type: 'float32' }), Float32Array.from(labels)),
      );
    const header = createNiftiHeader({ shape, affine: AFFINE, type: 'int16' });
    put(`${root}/labelsTr/${id}.nii.gz`, encodeNifti(header, Int16Array.from(labels)));
  }
  const dataset = {
    channel_names: { 0: 'T1', 1: 'T2' },
    labels: { background: 0, ball: 1, box: 1002 },
    file_ending: '.nii.gz',
  };
  put(`${root}/dataset.json`, JSON.stringify(dataset));
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'espalier-overwrites-'));
  writeSceneFolder(at('own'));
  writeVolumes('volumes');
  const runs = at('runs');
  await train({ data: at('own'), arch: 'unet', name: 't', runs, steps: 2, ...TINY_NETWORK });
  await train({
    data: at('volumes'),
    arch: 'unet',
    name: 'v',
    runs,
    steps: 1,
    filters: 2,
    crop: SIDE,
    batch: 1,
    workers: 0,
  });
  await run('export', `run=${at('runs/train/t')}`, `output=${at('models/model.onnx')}`);
  for (const name of ['p0', 'p1']) cpSync(at(`own/images/val/${name}.png`), at(`models/predictions/${name}.png`));
  mkdirSync(at('links'));
  symlinkSync(at('own/images/val/p0.png'), at('links/p0.png'));
  put('params.json', JSON.stringify({ method: 'dints', edges: [[1, -1, 2, -3]], ops: [Array(4).fill([0, 1])] }));
  put('drawn.svg', readFileSync(at('params.json')));
  const compare = {
    archs: 'unet',
    budget: '1steps',
    name: 'c',
    runs,
    data: at('own'),
    ...TINY_NETWORK,
    stem: undefined,
  };
  put('runs/compare/c/compare.yaml', JSON.stringify(compare));
  put('runs/compare/c/comparison.csv', readFileSync(at('params.json')));
  put('runs/trials/r/trials.yaml', JSON.stringify({ data: at('own'), trials: 2, name: 'r', runs }));
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** For every command: words with an output that is an input; or why it has none. */
const CALLS: Record<string, (() => Record<string, string[]>) | string> = {
  predict: () => ({
    'images into their folder': [`run=${at('runs/train/t')}`, at('own/images/val'), `output=${at('own/images/val')}`],
    'images over a link to one of them': [`run=${at('runs/train/t')}`, at('own/images/val'), `output=${at('links')}`],
    'images over the samples of the run': [
      `run=${at('runs/train/t')}`,
      at('named'),
      `output=${at('runs/train/t/samples')}`,
    ],
    'volumes into their folder': [`run=${at('runs/train/v')}`, at('both'), `output=${at('both')}`],
    'images beside a model, where they are': [at('models/model.onnx'), at('models/predictions')],
    'with settings that are an output': [
      `config=${at('settings/p0.png')}`,
      `run=${at('runs/train/t')}`,
      at('own/images/val'),
      `output=${at('settings')}`,
    ],
  }),
  export: () => ({
    'over the network of the run': [`run=${at('runs/train/t')}`, `output=${at('runs/train/t/network.json')}`],
    'over its weights': [
      `run=${at('runs/train/t')}`,
      `output=${at('runs/train/t/checkpoints/best/tensors.safetensors')}`,
    ],
    'over its data': [`run=${at('runs/train/t')}`, `output=${at('own/images/val/p0.png')}`],
    'a folder over that of the run': [
      `run=${at('runs/train/t')}`,
      'format=safetensors',
      `output=${at('runs/train/t')}`,
    ],
  }),
  data: () => ({
    'a plan over the description': ['check', at('volumes'), `plan=${at('volumes/dataset.json')}`],
    'a plan over a label': ['check', at('volumes'), `plan=${at('volumes/labelsTr/a.nii.gz')}`],
  }),
  decode: () => ({
    'over the logits': [`params=${at('params.json')}`, `output=${at('params.json')}`],
    'a drawing over the logits': [`params=${at('drawn.svg')}`, `output=${at('drawn.json')}`],
  }),
  compare: () => ({
    'over the settings that were given': [`config=${at('runs/compare/c/compare.yaml')}`, 'seeds=3'],
    'over an architecture': [
      ...[`data=${at('own')}`, `archs=unet,${at('runs/compare/c/comparison.csv')}`, 'budget=1steps', 'name=c'],
      `runs=${at('runs')}`,
    ],
  }),
  search: () => ({
    'trials over the settings that were given': [`config=${at('runs/trials/r/trials.yaml')}`, 'trials=3'],
    'a run that is there': [`data=${at('own')}`, 'name=t', `runs=${at('taken')}`],
  }),
  train: () => ({
    'a run that is there': [`data=${at('own')}`, 'arch=unet', 'batch=2', 'crop=33', 'name=t', `runs=${at('runs')}`],
  }),
  evaluate: () => ({
    'an evaluation that is there': [`run=${at('runs/train/t')}`, 'name=first'],
    'behind a link that leads out': [`run=${at('linked/train/t')}`],
  }),
  auto: () => ({
    'a run that is there': [
      `data=${at('own')}`,
      'minutes=1',
      'budget.multiplyAdds=1e9',
      'training.batch=2',
      'name=t',
      `runs=${at('taken')}`,
    ],
  }),
  demo: 'makes new runs',
  info: 'writes nothing',
  launch: 'prints, or starts another command',
  setup: 'builds the addon in the folder of the package',
  ui: 'writes nothing',
  measure: 'keeps its own table in the cache of the user',
  mlflow: 'keeps its own mlflow.json in the run',
};

it('every command is looked at', () => {
  expect(Object.keys(CALLS).sort()).toEqual(COMMANDS.map(({ name }) => name).sort());
});

describe.each(Object.entries(CALLS).filter(([, calls]) => typeof calls !== 'string'))('%s', (name, calls) => {
  it('refuses, and every file is as it was', async () => {
    if (typeof calls === 'string') return;
    await prepare(name);
    for (const [what, words] of Object.entries(calls())) {
      const before = snapshot();
      const outcome = await run(name, ...words).then(
        () => 'nothing was refused',
        (error: Error) => error.message,
      );
      expect(outcome, what).toMatch(/would overwrite|leads out of it|which exists|expected a new/);
      expect(snapshot(), what).toEqual(before);
    }
  });
});

/** What some commands need before they are called. */
async function prepare(name: string): Promise<void> {
  if (name === 'predict') {
    put('settings/p0.png', 'overlay: 0.5\n');
    const [sample] = readdirSync(at('runs/train/t/samples'));
    put(`named/${sample}`, readFileSync(at('own/images/val/p0.png')));
    // One file with both channels, so that its prediction has its name.
    const header = createNiftiHeader({ shape: [SIDE, SIDE, SIDE, 2], affine: AFFINE });
    put('both/scan.nii.gz', encodeNifti(header, new Uint8Array(2 * SIDE ** 3)));
  }
  if (name === 'search' || name === 'auto') put(`taken/${name}/t/config.yaml`, 'seed: 0\n');
  if (name === 'evaluate') {
    await run('evaluate', `run=${at('runs/train/t')}`, 'name=first');
    cpSync(at('runs/train/t'), at('linked/train/t'), { recursive: true });
    rmSync(at('linked/train/t/evaluations'), { recursive: true });
    mkdirSync(at('elsewhere'));
    symlinkSync(at('elsewhere'), at('linked/train/t/evaluations'));
  }
}

describe('evaluate', () => {
  it('leaves the scores of the training as they are, and says what it measured and how', async () => {
    const path = 'runs/train/t';
    const record = () =>
      [...snapshot()].filter(([file]) => file.startsWith(`/${path}/`) && !/evaluations|report\.html/.test(file));
    const before = record();
    cpSync(at('own'), at('other-data'), { recursive: true });
    await run(
      'evaluate',
      `run=${at(path)}`,
      `data=${at('other-data')}`,
      'tta.flip=true',
      'window=32',
      'checkpoint=last',
    );
    await run('evaluate', `run=${at(path)}`, `data=${at('other-data')}`);
    await run('evaluate', `run=${at(path)}`, 'split=train', 'name=on-train');
    expect(record()).toEqual(before);
    const said = (name: string) => JSON.parse(readFileSync(at(path, 'evaluations', name, 'evaluation.json'), 'utf8'));
    expect(said('other-data-val')).toMatchObject({
      data: at('other-data'),
      ...{ dataset: 'other-data', split: 'val', samples: 2, trainedOn: false, checkpoint: 'last' },
      ...{ scales: [1], mirror: ['width'], window: [32, 32], overlap: 0.5 },
    });
    expect(said('other-data-val-2')).toMatchObject({ checkpoint: 'best', mirror: [], window: null });
    expect(said('on-train')).toMatchObject({ split: 'train', samples: 6, trainedOn: true });
    for (const name of ['other-data-val', 'other-data-val-2', 'on-train'])
      for (const file of ['per_class.csv', 'confusion_matrix.csv', 'confusion_matrix.png', 'report.html', 'samples'])
        expect(readdirSync(at(path, 'evaluations', name))).toContain(file);
    const report = readFileSync(at(path, 'report.html'), 'utf8');
    for (const words of ['other-data-val-2', 'mirrored along width', 'not of the training', 'best weights'])
      expect(report).toContain(words);
    const page = readFileSync(at(path, 'evaluations', 'on-train', 'report.html'), 'utf8');
    expect(page).toContain('train: 6 samples');
  }, 60_000);
});

describe('predict', () => {
  it('writes nothing through a link of a run that leads out of it', async () => {
    cpSync(at('runs/train/t'), at('stranger/train/t'), { recursive: true });
    mkdirSync(at('victim'));
    put('victim/p0.png', 'precious');
    rmSync(at('stranger/train/t/export'), { recursive: true, force: true });
    for (const name of ['predictions', 'export']) symlinkSync(at('victim'), at('stranger/train/t', name));
    const before = snapshot();
    await expect(run('predict', `run=${at('stranger/train/t')}`, at('own/images/val/p0.png'))).rejects.toThrow(
      /leads out of it/,
    );
    await expect(run('export', `run=${at('stranger/train/t')}`)).rejects.toThrow(/leads out of it/);
    expect(snapshot()).toEqual(before);
  });

  it('gives volumes the values of the label files, beyond a byte, on any submission', async () => {
    const words = [
      `run=${at('runs/train/v')}`,
      at('volumes/imagesTr/a_0001.nii.gz'),
      at('volumes/imagesTr/a_0000.nii.gz'),
    ];
    for (const more of [[], ['submission=true']]) {
      const output = at('predicted', String(more.length));
      await run('predict', ...words, `output=${output}`, ...more);
      const { header, samples } = await readNifti(join(output, 'a.nii.gz'));
      expect(header.datatype).toBe(512);
      for (const value of new Set(samples)) expect(VALUES).toContain(value);
    }
  }, 60_000);
});
