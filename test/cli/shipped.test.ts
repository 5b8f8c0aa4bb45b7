/** @file The networks of the package: what lies beside them, and `espalier predict nuclei` where nobody built the addon. Needs dist/, which the set-up makes. */
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { predictCommand } from '../../src/cli/predict.ts';
import { openDataSet } from '../../src/data/detect.ts';
import { decodePng, encodePng } from '../../src/data/images/png.ts';
import { toBytes } from '../../src/data/images/values.ts';
import { evaluationBatches } from '../../src/data/loader/loader.ts';
import { paintScene } from '../../src/data/scenes/scenes.ts';
import { addToConfusion, createConfusion, openModel, segmentationScores } from '../../src/index.ts';
import { describeShipped, isShipped, shippedFile, shippedNames } from '../../src/portable/shipped.ts';
import { runCommand } from '../helpers/cli.ts';
import { sharedFolder } from '../helpers/temporaryFolder.ts';

const root = resolve(import.meta.dirname, '..', '..');
const data = process.env.ESPALIER_DATA;
/** Where the data of each network lie; undefined where they are not on this machine. */
const DATA: Readonly<Record<string, string | undefined>> = {
  nuclei: data && join(data, 'nuclei'),
  scenes: 'scenes',
};

describe.each(shippedNames())('%s', (name) => {
  it('has a hash, a card and its settings beside it, and is small', () => {
    const facts = describeShipped(name);
    const bytes = readFileSync(shippedFile(name));
    expect(facts.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect(facts.bytes).toBe(bytes.length);
    const card = readFileSync(join(root, 'networks', `${name}.md`), 'utf8');
    for (const said of [facts.sha256, facts.license, facts.data.license, facts.data.source, facts.command])
      expect(card).toContain(said);
    expect(card).toContain(`| mean | ${(100 * facts.score.miou).toFixed(2)} |`);
    expect(readFileSync(join(root, 'networks', `${name}.yaml`), 'utf8')).toContain('train:');
  });

  it('has the score that is stated', async ({ skip }) => {
    const folder = DATA[name];
    if (folder === undefined) return skip('its data are not here (ESPALIER_DATA)');
    const { score } = describeShipped(name);
    const dataset = await openDataSet(folder);
    const model = await openModel(name, { threads: 1 });
    const confusion = createConfusion(dataset.classes.length);
    for await (const batch of evaluationBatches(dataset, dataset.splits.val)) {
      const [height, width] = batch.size;
      const { ids } = await model.segment({ width, height, data: toBytes(batch.images) });
      addToConfusion(confusion, ids, batch.labels, dataset.ignore);
    }
    await model.release();
    // Another processor rounds otherwise.
    expect(segmentationScores(confusion).miou).toBeCloseTo(score.miou, 3);
  }, 300_000);
});

it('are all in the help of predict', () => {
  for (const name of shippedNames()) expect(predictCommand.usage.split(/[ |]/)).toContain(name);
});

it('together they are below 4 MB', () => {
  const bytes = shippedNames().reduce((sum, name) => sum + describeShipped(name).bytes, 0);
  expect(bytes).toBeGreaterThan(0);
  expect(bytes).toBeLessThan(4e6);
});

describe('espalier predict <name>', () => {
  const folder = sharedFolder();
  const package_ = join(folder, 'package');
  const main = join(package_, 'dist', 'cli', 'main.js');
  const espalier = (...words: string[]) =>
    runCommand(folder, words, { main, env: { PATH: '', XDG_CACHE_HOME: join(folder, 'cache') } });

  beforeAll(() => {
    mkdirSync(package_);
    for (const name of ['dist', 'networks', 'package.json'])
      cpSync(join(root, name), join(package_, name), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(package_, 'node_modules'));
    const { width, height, image } = paintScene(1_000_003, 192, 160);
    writeFileSync(join(folder, 'scene.png'), encodePng({ width, height, channels: 3, data: image }));
  });

  it('needs no libtorch, and writes into a folder here', () => {
    const { code, out, error } = espalier('predict', 'scenes', 'scene.png', '--json');
    expect([code, error]).toEqual([
      0,
      expect.stringMatching(/^scenes: .*; mIoU [\d.]+ % on 80 images of val; Apache-2.0\n/),
    ]);
    expect(JSON.parse(out)).toMatchObject({ model: 'scenes', images: [{ ids: join('predictions', 'scene.png') }] });
    const file = join(folder, 'predictions', 'scene.png');
    const { data: ids } = decodePng(readFileSync(file), file);
    const { label } = paintScene(1_000_003, 192, 160);
    expect(ids.filter((id, i) => id === label[i]).length / ids.length).toBeGreaterThan(0.9);
    expect(readdirSync(join(package_, 'networks'))).toEqual(readdirSync(join(root, 'networks')));
  });

  it('takes a run or a file of that name where one is given', () => {
    mkdirSync(join(folder, 'scenes'));
    writeFileSync(join(folder, 'scenes', 'a.png'), readFileSync(join(folder, 'scene.png')));
    expect(espalier('predict', 'run=none', 'scenes').error).not.toContain('mIoU');
    expect(espalier('predict', 'scenes.onnx', 'scenes').error).toMatch(/scenes\.onnx: cannot be read/);
    const { code, out } = espalier('predict', 'scenes', 'scenes', 'output=both', '--json');
    expect([code, JSON.parse(out).images.length]).toEqual([0, 1]);
    expect(['scene', 'scenes.onnx', '../scenes', ''].map(isShipped)).toEqual([false, false, false, false]);
  });

  it('refuses a file that is not the one that was published', () => {
    const file = join(package_, 'networks', 'scenes.onnx');
    const bytes = readFileSync(file);
    bytes[bytes.length >> 1] ^= 1;
    writeFileSync(file, bytes);
    const { code, error } = espalier('predict', 'scenes', 'scene.png', 'output=damaged');
    expect(code).toBe(1);
    expect(error).toMatch(
      /espalier: .*scenes\.onnx: expected a file with the SHA-256 \w{64}, got \w{64}; the file is damaged/,
    );
  });
});
