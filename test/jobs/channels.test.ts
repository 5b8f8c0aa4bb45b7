/** @file Images of four bands of 16 bits through everything that a run is: search, training, evaluation, prediction, export, and back. Needs dist/. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { requireMeasured } from '../../src/data/channels/format.ts';
import { withNormalisation } from '../../src/data/channels/measure.ts';
import { openDataSet } from '../../src/data/detect.ts';
import { decodePng } from '../../src/data/images/png.ts';
import { parseRecord } from '../../src/data/splitRecord.ts';
import { type ImageSet, ownChannels } from '../../src/data/types.ts';
import { evaluate, exportNetwork, openModel, openNetwork, search, segment, train } from '../../src/index.ts';
import { loadDescription } from '../../src/jobs/network.ts';
import { prepareData } from '../../src/jobs/prepare/data.ts';
import { singleProcess } from '../../src/parallel/parallel.ts';
import type { TrainConfig } from '../../src/run/config/schemas/train.ts';
import { openRunFolder } from '../../src/run/folder.ts';
import { loadConfigFile } from '../../src/run/openRun.ts';
import { BANDS, bandImage, writeBandSet } from '../helpers/bandSet.ts';
import { encodeBandTiff } from '../helpers/bandTiff.mjs';
import { runCommand } from '../helpers/cli.ts';
import { writeFolder } from '../helpers/folders.ts';
import { sharedFolder } from '../helpers/temporaryFolder.ts';
import { TINY_NETWORK } from '../helpers/tinyRuns.ts';

const folder = sharedFolder();
const at = (...parts: string[]) => join(folder, ...parts);
const espalier = (...words: string[]) => runCommand(folder, words);
const RUN = () => at('runs', 'train', 't');

beforeAll(async () => {
  writeBandSet(at('fields'), 12);
  const found = await search({
    data: at('fields'),
    preset: 'demo',
    runs: at('runs'),
    name: 's',
    ...{ epochs: 2, warmupEpochs: 1, batch: 2, crop: 33, layers: 2, filters: 2, blocks: 1, workers: 0 },
    evaluateSamples: 1,
    threads: 1,
  });
  await train({
    data: at('fields'),
    arch: found.run,
    preset: 'demo',
    runs: at('runs'),
    name: 't',
    steps: 40,
    threads: 1,
    evaluateEvery: 100,
    ...TINY_NETWORK,
    workers: 1,
  });
});

describe('a run on images of four bands', () => {
  it('keeps the channels and what was measured of the training images', async () => {
    const opened = await openDataSet(at('fields'));
    const dataset = await withNormalisation(opened);
    const { from, ...measured } = ownChannels(dataset as ImageSet)!;
    expect(from).toBe('data.yaml');
    expect([measured.names, measured.dtype]).toEqual([BANDS, 'uint16']);
    const [red, , , nir] = measured.normalisation!.map((one) => (one.kind === 'window' ? one : undefined));
    expect(red?.mean).toBeCloseTo(1100, -2);
    expect(nir!.window[1]).toBeGreaterThan(10_000);
    expect(loadDescription(openRunFolder(RUN())).images).toEqual(measured);
    for (const run of [RUN(), at('runs/search/s')])
      expect(parseRecord(readFileSync(join(run, 'split.json'), 'utf8'), 'split.json').channels).toEqual(measured);
    expect(JSON.parse(readFileSync(join(RUN(), 'data.json'), 'utf8')).channels).toBe(4);
  });

  it('learns what only the fourth band shows, and is scored as it was trained', async () => {
    const { scores } = await evaluate({ run: RUN(), threads: 1 });
    expect(scores.miou).toBeGreaterThan(0.7);
  });

  it('gives the same labels by the run, by the exported model in Node, and on the command line', async () => {
    const { file, metadata, parity } = await exportNetwork({ run: RUN() });
    expect(metadata.channels).toEqual(loadDescription(openRunFolder(RUN())).images);
    expect(metadata.preprocessing).toMatchObject({ channels: 4, divisor: 1, offset: 0, layout: 'channelsFirst' });
    expect(parity.agreement).toBe(1);
    using network = openNetwork(RUN());
    const model = await openModel(file);
    const image = { width: 40, height: 40, ...bandImage(99) };
    const expected = (await segment(network, { ...image, channels: 4 })).ids;
    expect(new Set(expected).size).toBe(2);
    expect((await model.segment(image)).ids).toEqual(expected);
    await expect(model.segment({ ...image, data: new Uint8Array(40 * 40 * 4) })).rejects.toThrow(
      /expected an image of 4 channels \(red, green, blue, nir\) of 16 bits, got 6400 samples of uint8/,
    );
    await model.release();

    writeFileSync(at('new.tif'), encodeBandTiff({ ...image, channels: 4, blocks: { rows: 9 }, planes: true }));
    expect((await segment(network, at('new.tif'))).ids).toEqual(expected);
    for (const source of ['run=runs/train/t', file]) {
      const { out, error, code } = espalier('predict', source, 'new.tif', 'output=predictions');
      expect([error.replace(/^predict.*$/gm, '').trim(), code], out).toEqual(['', 0]);
      expect(decodePng(readFileSync(at('predictions/new.png')), 'new.png').data).toEqual(expected);
      expect(decodePng(readFileSync(at('predictions/new_overlay.png')), 'new.png').channels).toBe(3);
    }
  });

  it('refuses images of other channels, and says what it reads', async () => {
    writeFolder(at('street'), 4, ['ground', 'field'], (id) => Math.min(1, id));
    const { error, code } = espalier('predict', 'run=runs/train/t', 'street/images/00.png');
    expect(code).toBe(1);
    expect(error).toMatch(
      /00\.png: expected 4 channels \(red, green, blue, nir\) of 16 bits, got 3 channels of 8 bits; give images like those/,
    );
    await expect(evaluate({ run: RUN(), data: at('street') })).rejects.toThrow(
      /street has images of 8-bit RGB, the network reads 4 channels/,
    );
  });

  it('resumes with the normalisation that it began with, whatever the data have become', async () => {
    const before = loadDescription(openRunFolder(RUN())).images;
    const bright = Uint16Array.from(bandImage(77).data, (value) => 4 * value);
    const extra = at('fields/images/zz.tif');
    writeFileSync(extra, encodeBandTiff({ width: 40, height: 40, channels: 4, data: bright, photometric: 2 }));
    writeFileSync(at('fields/masks/zz.png'), readFileSync(at('fields/masks/00.png')));
    const run = openRunFolder(RUN());
    const resumed = await prepareData(loadConfigFile(run.config) as unknown as TrainConfig, singleProcess, run.path);
    expect(requireMeasured(ownChannels(resumed.dataset as ImageSet)!)).toEqual(before);
    expect(resumed.record.channels).toEqual(before);
    for (const file of [extra, at('fields/masks/zz.png')]) rmSync(file);
  });

  it('is shown by data check, data preview and info', () => {
    const check = espalier('data', 'check', 'fields').out;
    expect(check).toContain('images of 4 channels (red, green, blue, nir) of 16 bits, by data.yaml:');
    expect(check).toMatch(/\n {2}nir: \d+ \(0\.1 %\), \d+ \(median\), \d+ \(99\.9 %\)\n/);
    expect(espalier('data', 'preview', 'fields', 'to=sheet.png').code).toBe(0);
    expect(espalier('info', 'runs/train/t').out).toContain('4 input channels');
    expect(espalier('info', 'runs/search/s').out).toContain('4 input channels');
  });
});

describe('a set whose images differ in channels', () => {
  it('is an error that names the file, in a check and at the start of a training', async () => {
    writeBandSet(at('mixed'), 8);
    const three = { width: 40, height: 40, channels: 3, data: new Uint16Array(4800), photometric: 2 } as const;
    writeFileSync(at('mixed/images/05.tif'), encodeBandTiff(three));
    const message =
      /05\.tif:? expected 4 channels \(red, green, blue, nir\) of 16 bits, as in data\.yaml, got 3 channels of 16 bits; all images/;
    const { out, code } = espalier('data', 'check', 'mixed');
    expect(out).toMatch(message);
    expect(code).toBe(1);
    await expect(
      train({ data: at('mixed'), arch: 'unet', runs: at('runs'), steps: 1, threads: 1, ...TINY_NETWORK }),
    ).rejects.toThrow(message);
  });
});
