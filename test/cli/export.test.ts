/** @file `espalier export` and what takes its files: the commands as a user runs them. Needs dist/, which the set-up makes. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { encodePng } from '../../src/data/images/png.ts';
import { SCENE_CLASSES } from '../../src/data/scenes/classes.ts';
import { paintScene } from '../../src/data/scenes/scenes.ts';
import { train } from '../../src/index.ts';
import { readSafetensors, writeSafetensors } from '../../src/run/safetensors.ts';
import { runCommand } from '../helpers/cli.ts';
import { checkModels, python } from '../helpers/onnx.ts';
import { sharedFolder } from '../helpers/temporaryFolder.ts';
import { TINY_NETWORK } from '../helpers/tinyRuns.ts';

const root = resolve(import.meta.dirname, '..', '..');
const folder = sharedFolder();

/** Runs the command line of `installed`; returns what it printed and its exit code. */
const espalier = (installed: string, ...words: string[]) =>
  runCommand(folder, words, { main: join(installed, 'dist', 'cli', 'main.js') });
const file = (...path: string[]) => join(folder, ...path);
const bytes = (path: string) => readFileSync(file(path));

beforeAll(async () => {
  await train({
    data: 'scenes:64x48',
    arch: 'random:1:3x2',
    preset: 'demo',
    runs: file('runs'),
    name: 't',
    steps: 4,
    ...TINY_NETWORK,
    scale: 1.5,
  });
  const { width, height, image } = paintScene(3, 70, 51);
  writeFileSync(file('scene.png'), encodePng({ width, height, channels: 3, data: image }));
});

describe('espalier export', () => {
  it('writes ONNX that the engine agrees with, on the data of the run and on random input', () => {
    const { out, code } = espalier(root, 'export', 'run=runs/train/t');
    expect(code).toBe(0);
    expect(out).toMatch(/model\.onnx: [\d.]+ KiB, any size, float32, logits\n/);
    expect(out).toMatch(
      /parity with the engine on scene-\d+, random \[65, 97\], random \[70, 51\]: largest difference of logits \S+ \(at most \S+ expected; the engine's own float32 error is \S+\), classes agree on/,
    );
    const half = JSON.parse(
      espalier(
        root,
        ...['export', 'run=runs/train/t', 'output=half.onnx', 'precision=float16', 'size=[48,64]', 'batch=1'],
        ...['normalise=true', 'result=argmax', '--json'],
      ).out,
    );
    expect(half.parity).toMatchObject({ largestDifference: null, agreement: expect.any(Number) });
    expect(half.parity.agreement).toBeGreaterThan(0.99);
    expect(half.samples).toHaveLength(2);
    expect(half.metadata).toMatchObject({ size: [48, 64], precision: 'float16', result: 'argmax' });
    expect(half.metadata.classes.map(({ name }: { name: string }) => name)).toEqual(
      SCENE_CLASSES.map(({ name }) => name),
    );
    expect(JSON.parse(half.metadata.architecture)).toMatchObject({ format: 'espalier-genotype', layers: 3 });
    if (python) expect(checkModels([bytes('runs/train/t/export/model.onnx'), bytes('half.onnx')])).toHaveLength(2);
  });

  it('writes a folder for a model hub, which is taken like a run', () => {
    mkdirSync(file('hub', '.git'), { recursive: true });
    const exported = ['export', 'run=runs/train/t', 'format=safetensors', 'output=hub', 'license=cc-by-4.0', '--json'];
    const { files } = JSON.parse(espalier(root, ...exported).out);
    for (const name of [...files, '.git']) expect(existsSync(file('hub', name)), name).toBe(true);
    const card = bytes('hub/README.md').toString();
    const [, front, text] = card.split(/^---$/m);
    expect(parse(front)).toMatchObject({
      license: 'cc-by-4.0',
      library_name: 'espalier',
      pipeline_tag: 'image-segmentation',
      tags: expect.arrayContaining(['semantic-segmentation', 'auto-deeplab']),
      metrics: ['mean_iou'],
      'model-index': [
        {
          name: 't',
          results: [{ metrics: expect.arrayContaining([{ type: 'mean_iou', value: expect.any(Number) }]) }],
        },
      ],
    });
    for (const { name } of SCENE_CLASSES)
      expect(text).toMatch(new RegExp(`^\\| ${name} \\| [\\d.–]+ \\| [\\d.–]+ \\|$`, 'm'));
    for (const name of files.filter((name: string) => name !== 'README.md')) expect(text).toContain(name);
    expect(card).not.toContain(folder);
    const { tensors } = readSafetensors(bytes('hub/model.safetensors'), 'weights');
    expect(Object.keys(tensors)).toContain('stem.0.convolution.weight');

    for (const run of ['runs/train/t', 'hub'])
      expect(espalier(root, 'predict', `run=${run}`, 'scene.png', `output=${run}-ids`).code).toBe(0);
    expect(bytes('hub-ids/scene.png')).toEqual(bytes('runs/train/t-ids/scene.png'));
    expect(espalier(root, 'evaluate', 'run=hub', 'data=scenes:64x48').out).toContain('pixel accuracy');
  });

  it('writes nothing that differs from the engine', () => {
    const weights = readSafetensors(bytes('hub/model.safetensors'), 'weights').tensors;
    const name = 'stem.0.norm.runningVariance';
    const data = new Uint8Array(Float32Array.from({ length: 4 }, () => -1).buffer);
    cpSync(file('hub'), file('broken'), { recursive: true });
    writeFileSync(
      file('broken', 'model.safetensors'),
      writeSafetensors({ ...weights, [name]: { ...weights[name], data } }),
    );
    const { code, error } = espalier(root, 'export', 'run=broken', 'output=broken.onnx');
    expect(code).toBe(1);
    expect(error).toMatch(
      /^espalier: the model differs from the engine: largest difference of logits NaN.*nothing was written/,
    );
    expect(existsSync(file('broken.onnx'))).toBe(false);
  });
});

describe('espalier predict model.onnx', () => {
  /** The package as it is where nobody built the addon. */
  const bare = () => join(folder, 'package');
  beforeAll(() => {
    mkdirSync(bare());
    cpSync(join(root, 'dist'), join(bare(), 'dist'), { recursive: true });
    cpSync(join(root, 'package.json'), join(bare(), 'package.json'));
    symlinkSync(join(root, 'node_modules'), join(bare(), 'node_modules'));
    espalier(root, 'export', 'run=runs/train/t', 'output=model.onnx');
    espalier(
      root,
      'export',
      'run=runs/train/t',
      'output=fixed.onnx',
      'size=[51,70]',
      'normalise=true',
      'result=argmax',
    );
  });

  it('needs no libtorch and writes what the run writes, byte for byte', () => {
    const main = join(bare(), 'dist', 'cli', 'main.js');
    const env = { ...process.env, PATH: '', XDG_CACHE_HOME: file('cache') };
    const words = [main, 'predict', 'run=runs/train/t', 'scene.png'];
    const { stderr } = spawnSync(process.execPath, words, { cwd: folder, encoding: 'utf8', env });
    expect(stderr).toContain('programs that build the addon are missing');
    espalier(root, 'predict', 'run=runs/train/t', 'scene.png', 'output=by-run', 'overlay=0.3');
    for (const model of ['model.onnx', 'fixed.onnx']) {
      const { code, out } = espalier(bare(), 'predict', model, 'scene.png', 'output=by-model', 'overlay=0.3', '--json');
      expect(code).toBe(0);
      expect(JSON.parse(out)).toMatchObject({ model, images: [{ image: 'scene.png' }] });
      for (const name of ['scene.png', 'scene_colour.png', 'scene_overlay.png'])
        expect(bytes(`by-model/${name}`), name).toEqual(bytes(`by-run/${name}`));
    }
    espalier(bare(), 'predict', 'model.onnx', 'scene.png');
    expect(existsSync(file('predictions', 'scene_overlay.png'))).toBe(true);
  });

  it.each<[string[], number, RegExp]>([
    [['predict', 'none.onnx', 'scene.png'], 1, /none\.onnx: cannot be read \(ENOENT\)/],
    [['predict', 'model.onnx'], 2, /nothing to predict/],
    [['predict', 'model.onnx', 'fixed.onnx', 'scene.png'], 2, /expected one model, got model\.onnx and fixed\.onnx/],
    [['predict', 'model.onnx', 'scene.png', 'tta.flip=true'], 2, /unknown setting "tta/],
    [['predict', 'text.onnx', 'scene.png'], 1, /text\.onnx: is no ONNX model/],
    [['export', 'run=runs/train/none'], 1, /expected the folder of a run/],
    [['export', 'run=runs/train/t', 'size=[48]'], 2, /size: expected dynamic, \[height, width\]/],
    [['export', 'run=runs/train/t', 'size=[48,64,3]'], 1, /needs 2 positive sizes/],
    [['export', 'run=runs/train/t', 'format=tflite'], 2, /format: expected onnx or safetensors/],
  ])('%j', (words, code, message) => {
    writeFileSync(file('text.onnx'), 'no model at all');
    const result = espalier(root, ...words);
    expect([result.code, result.error.trim().split('\n').length]).toEqual([code, 1]);
    expect(result.error).toMatch(message);
  });
});
