/** @file `espalier predict write=probabilities`: files of a run and of exported models. Needs dist/, which the set-up makes. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { decodePng, encodePng } from '../../src/data/images/png.ts';
import { SCENE_CLASSES } from '../../src/data/scenes/classes.ts';
import { paintScene } from '../../src/data/scenes/scenes.ts';
import { exportNetwork, train } from '../../src/index.ts';
import { resizeMaps, softmaxOf } from '../../src/portable/pixels.ts';
import { runCommand } from '../helpers/cli.ts';
import { sharedFolder } from '../helpers/temporaryFolder.ts';
import { TINY_NETWORK } from '../helpers/tinyRuns.ts';

const folder = sharedFolder();
const espalier = (...words: string[]) => runCommand(folder, words);

beforeAll(async () => {
  const run = join(folder, 'train', 't');
  await train({ data: 'scenes:64x48', arch: 'unet', runs: folder, name: 't', steps: 6, ...TINY_NETWORK, threads: 1 });
  for (const result of ['logits', 'softmax', 'argmax'] as const)
    await exportNetwork({ run, output: join(folder, `${result}.onnx`), result, threads: 1 });
  const { width, height, image } = paintScene(3, 70, 51);
  writeFileSync(join(folder, 'scene.png'), encodePng({ width, height, channels: 3, data: image }));
}, 60_000);

/** The maps of all classes in a folder, `[classes][pixels]` of 16 bits. */
const mapsIn = (output: string) =>
  SCENE_CLASSES.map(({ name }) => {
    const file = join(folder, output, `scene_probability_${name}.png`);
    const raster = decodePng(readFileSync(file), file);
    expect([raster.width, raster.height, raster.channels, raster.bitDepth]).toEqual([70, 51, 1, 16]);
    return raster.data;
  });
const idsIn = (output: string) => {
  const file = join(folder, output, 'scene.png');
  return decodePng(readFileSync(file), file).data;
};

it('writes a map of 16 bits for every class, whose largest is the class', () => {
  const { code, out } = espalier('predict', 'run=train/t', 'scene.png', 'write=probabilities', 'output=run', '--json');
  expect(code).toBe(0);
  expect(JSON.parse(out).images[0].probabilities).toEqual(
    SCENE_CLASSES.map(({ name }) => join('run', `scene_probability_${name}.png`)),
  );
  const [maps, ids] = [mapsIn('run'), idsIn('run')];
  for (let i = 0; i < ids.length; i++) {
    const all = maps.map((map) => map[i]);
    expect(Math.abs(all.reduce((sum, value) => sum + value, 0) - 65535)).toBeLessThanOrEqual(4);
    expect(all[ids[i]]).toBe(Math.max(...all));
  }
  espalier('predict', 'run=train/t', 'scene.png', 'output=classes');
  expect(idsIn('classes')).toEqual(ids);
  expect(existsSync(join(folder, 'classes', 'scene_probability_sky.png'))).toBe(false);
});

it.each(['logits', 'softmax'])('an exported model of %s gives those of its run', (result) => {
  const { code } = espalier('predict', `${result}.onnx`, 'scene.png', 'write=probabilities', `output=${result}`);
  expect(code).toBe(0);
  const [own, others] = [mapsIn('run'), mapsIn(result)];
  for (const [id, map] of own.entries())
    for (let i = 0; i < map.length; i++) expect(Math.abs(map[i] - others[id][i])).toBeLessThanOrEqual(2);
});

it('a model of class ids has none, and nothing that exists is overwritten', () => {
  const { code, error } = espalier('predict', 'argmax.onnx', 'scene.png', 'write=probabilities', 'output=argmax');
  expect([code, error]).toEqual([2, expect.stringMatching(/argmax\.onnx: gives class ids, no probabilities; export/)]);
  writeFileSync(join(folder, 'scene_probability_sky.png'), readFileSync(join(folder, 'scene.png')));
  const words = ['predict', 'run=train/t', 'scene.png', 'scene_probability_sky.png', 'write=probabilities', 'output=.'];
  expect(espalier(...words)).toMatchObject({ code: 2, error: expect.stringMatching(/would overwrite/) });
});

it('softmax and resizing of maps are those of the definition', () => {
  const scores = Float32Array.of(1, -1000, 2, 1000);
  expect([...softmaxOf(scores, 2)].map((p) => Number(p.toFixed(4)))).toEqual([0.2689, 0, 0.7311, 1]);
  const ramp = Float32Array.from({ length: 6 }, (_, i) => i % 3);
  expect([...resizeMaps(ramp, [2, 3], [3, 5])]).toEqual([0, 0.5, 1, 1.5, 2, 0, 0.5, 1, 1.5, 2, 0, 0.5, 1, 1.5, 2]);
});
