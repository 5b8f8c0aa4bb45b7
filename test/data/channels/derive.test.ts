/** @file Which channels a data set has: those that data.yaml names, or those of its first image; what a network of other channels is given. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { asNetworkReads } from '../../../src/data/channels/derive.ts';
import { isRgb, shownChannels } from '../../../src/data/channels/format.ts';
import { describeDataSet } from '../../../src/data/describe.ts';
import { openDataSet } from '../../../src/data/detect.ts';
import { loadSample } from '../../../src/data/sample.ts';
import { type ImageSet, ownChannels } from '../../../src/data/types.ts';
import { writeBandSet } from '../../helpers/bandSet.ts';
import { encodeBandTiff } from '../../helpers/bandTiff.mjs';
import { writeFolder } from '../../helpers/folders.ts';
import { sharedFolder } from '../../helpers/temporaryFolder.ts';

const folder = sharedFolder();
const at = (...parts: string[]) => join(folder, ...parts);
const open = async (path: string) => (await openDataSet(path)) as ImageSet;

describe('the channels of a data set', () => {
  it('are those of its first image where nothing names them, and this is said', async () => {
    writeBandSet(at('unnamed'), 5, '');
    const dataset = await open(at('unnamed'));
    expect(ownChannels(dataset)).toEqual({
      names: ['red', 'green', 'blue', 'channel 4'],
      dtype: 'uint16',
      from: expect.stringMatching(/unnamed\/images\/\d\d\.tif$/),
    });
    expect(describeDataSet(dataset)).toMatch(
      /images of 4 channels \(red, green, blue, channel 4\) of 16 bits, by \S+\.tif, split by hash$/,
    );
  });

  it('are none of their own for 8-bit RGB and grey, named or not', async () => {
    writeFolder(at('street'), 4);
    expect((await open(at('street'))).channels).toBeUndefined();
    writeFileSync(at('street/data.yaml'), 'classes: [a, b, c]\nchannels: [Red, Green, Blue]\n');
    expect((await open(at('street'))).channels).toBeUndefined();
    writeFileSync(at('street/data.yaml'), 'classes: [a, b, c]\nchannels: [h, e, d]\n');
    expect(ownChannels(await open(at('street')))).toEqual({
      names: ['h', 'e', 'd'],
      dtype: 'uint8',
      from: 'data.yaml',
    });
  });

  it('are as many as the first image has', async () => {
    writeBandSet(at('wrong'), 4, 'channels: [red, green, nir]\n');
    await expect(open(at('wrong'))).rejects.toThrow(
      /data\.yaml: `channels` names 3 \(red, green, nir\), \S+\.tif has 4 of 16 bits; name every channel/,
    );
    for (const names of ['[]', '[a, a]', '4', '[red, 3]']) {
      writeFileSync(at('wrong/data.yaml'), `classes: [a, b]\nchannels: ${names}\n`);
      await expect(open(at('wrong')), names).rejects.toThrow(/data\.yaml: `channels.*expected/);
    }
  });

  it('are one for grey PNG of 16 bits', async () => {
    writeFolder(at('deep'), 4);
    for (const name of ['00', '01', '02', '03']) {
      const data = Uint16Array.from({ length: 1600 }, (_, i) => i);
      const raw = { width: 40, height: 40, channels: 1 } as const;
      writeFileSync(at(`deep/images/${name}.png`), await sharp(data, { raw }).toColourspace('grey16').png().toBuffer());
    }
    const dataset = await open(at('deep'));
    expect(ownChannels(dataset)).toMatchObject({ names: ['grey'], dtype: 'uint16' });
    const { image } = await loadSample(dataset, dataset.splits.train[0]);
    expect([image instanceof Uint16Array, image.length, image[1599]]).toEqual([true, 1600, 1599]);
    writeFileSync(at('deep/data.yaml'), 'classes: [a, b, c]\nchannels: rgb\n');
    const rgb = await open(at('deep'));
    expect(rgb.channels).toBe('rgb');
    expect((await loadSample(rgb, rgb.splits.train[0])).image).toHaveLength(4800);
  });

  it('are an error where a later image of RGB has more, unless they are asked to be left out', async () => {
    writeFolder(at('odd'), 4);
    const dataset = await open(at('odd'));
    const { source } = dataset.splits.val[0];
    if (source.kind !== 'files') throw new Error('expected files');
    const four = { width: 40, height: 40, channels: 4, data: new Uint8Array(6400), photometric: 2 } as const;
    const file = source.image.replace('.png', '.tif');
    writeFileSync(file, encodeBandTiff(four));
    rmSync(source.image);
    const changed = await open(at('odd'));
    await expect(loadSample(changed, changed.splits.val[0])).rejects.toThrow(
      /\.tif: expected grey or RGB as in the first image, got 1 further channel; name all of them in data\.yaml/,
    );
    expect((await loadSample({ ...changed, channels: 'rgb' }, changed.splits.val[0])).image).toHaveLength(4800);
  });
});

describe('asNetworkReads', () => {
  const window = { kind: 'window' as const, window: [0, 1] as [number, number], mean: 0, deviation: 1 };
  const network = {
    names: ['red', 'green', 'blue', 'nir'],
    dtype: 'uint16' as const,
    normalisation: Array(4).fill(window),
  };

  it('gives a network what it was trained on', async () => {
    writeBandSet(at('fields'), 4);
    const named = await open(at('fields'));
    writeBandSet(at('guessed'), 4, '');
    const guessed = await open(at('guessed'));
    for (const dataset of [named, guessed])
      expect(asNetworkReads(dataset, network, 'the network').channels).toEqual({ ...network, from: 'the network' });
    // A run of an earlier version read 16 bits as RGB.
    expect(asNetworkReads(named, undefined, 'the network').channels).toBe('rgb');
    const other = { ...network, names: ['nir', 'red', 'green', 'blue'] };
    expect(() => asNetworkReads(named, other, 'the network')).toThrow(
      /fields has images of 4 channels \(red, .*reads 4 channels \(nir/,
    );
    expect(() => asNetworkReads(named, { ...network, dtype: 'uint8' }, 'the network')).toThrow(/of 16 bits.*of 8 bits/);
  });
});

describe('names of channels', () => {
  it('say what people are shown', () => {
    expect(isRgb(['R', 'g', 'Blue'])).toBe(true);
    expect(isRgb(['b', 'g', 'r'])).toBe(false);
    expect(shownChannels(['nir', 'blue', 'green', 'red'])).toEqual([3, 2, 1]);
    expect(shownChannels(['a', 'b', 'c', 'd'])).toEqual([0, 1, 2]);
    expect(shownChannels(['a', 'b'])).toEqual([0, 0, 0]);
  });
});
