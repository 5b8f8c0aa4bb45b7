/** @file Images of any number of channels keep every sample, however they are stored; others are refused with a fix. */
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { SampleType } from '../../../src/data/channels/format.ts';
import { readStoredChannels } from '../../../src/data/channels/header.ts';
import { decodeChannels } from '../../../src/data/channels/read.ts';
import { decodeImage } from '../../../src/data/images/image.ts';
import { encodePng } from '../../../src/data/images/png.ts';
import { type BandTiff, encodeBandTiff } from '../../helpers/bandTiff.mjs';

const named = (count: number, dtype: SampleType) => ({
  names: Array.from({ length: count }, (_, i) => `band ${i}`),
  dtype,
});

/** Random samples, smooth enough for long LZW entries and rough enough for a full table. */
function samples(dtype: SampleType, length: number, seed: number): BandTiff['data'] {
  let state = seed | 1;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 8;
  };
  if (dtype === 'uint8') return Uint8Array.from({ length }, () => next() & (seed & 1 ? 255 : 3));
  if (dtype === 'uint16') return Uint16Array.from({ length }, () => next() & (seed & 1 ? 65535 : 4095));
  return Float32Array.from({ length }, () => (next() - 2 ** 23) * (seed & 1 ? 1e-3 : 1e6));
}

const content = fc
  .record({
    width: fc.integer({ min: 1, max: 40 }),
    height: fc.integer({ min: 1, max: 40 }),
    channels: fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 1, max: 6 }) }, fc.integer({ min: 7, max: 40 })),
    dtype: fc.constantFrom<SampleType>('uint8', 'uint16', 'float32'),
    order: fc.constantFrom('little' as const, 'big' as const),
    blocks: fc.constantFrom({ rows: 1 }, { rows: 7 }, { rows: 64 }, { tile: 16 }, { tile: 32 }),
    planes: fc.boolean(),
    compression: fc.constantFrom('none' as const, 'lzw' as const, 'deflate' as const),
    colour: fc.boolean(),
    seed: fc.nat(),
  })
  .map(({ dtype, seed, colour, planes, ...rest }) => ({
    ...rest,
    dtype,
    // Tiles of planes are refused.
    planes: planes && !('tile' in rest.blocks),
    photometric: colour && rest.channels >= 3 ? (2 as const) : (1 as const),
    data: samples(dtype, rest.width * rest.height * rest.channels, seed),
  }));

describe('TIFF of many channels', () => {
  it('keeps every sample: bits, byte orders, strips and tiles, planes, compressions', async () => {
    await fc.assert(
      fc.asyncProperty(content, async ({ dtype, ...tiff }) => {
        const image = await decodeChannels(encodeBandTiff(tiff), 'x.tif', named(tiff.channels, dtype));
        expect([image.width, image.height, image.channels, image.dtype]).toEqual([
          tiff.width,
          tiff.height,
          tiff.channels,
          dtype,
        ]);
        expect(image.data).toEqual(tiff.data);
      }),
      { numRuns: 150 },
    );
  });

  it('keeps what is no number', async () => {
    const data = Float32Array.of(Number.NaN, 1, Number.POSITIVE_INFINITY, -2, 0, 5);
    const image = await decodeChannels(
      encodeBandTiff({ width: 3, height: 1, channels: 2, data }),
      'x.tif',
      named(2, 'float32'),
    );
    expect([...image.data]).toEqual([...data]);
  });

  it('is turned upright by its orientation', async () => {
    const data = Uint16Array.from({ length: 2 * 3 * 4 }, (_, i) => 1000 * i);
    const tiff = encodeBandTiff({ width: 3, height: 2, channels: 4, data, orientation: 6 });
    const image = await decodeChannels(tiff, 'x.tif', named(4, 'uint16'));
    expect([image.width, image.height, image.orientation]).toEqual([2, 3, 6]);
    // The first row reads the first stored column from below.
    expect([...image.data.subarray(0, 8)]).toEqual([...data.subarray(12, 16), ...data.subarray(0, 4)]);
  });

  it('leaves out alpha, unless its channel has a name', async () => {
    const data = Uint8Array.from({ length: 2 * 4 }, (_, i) => 30 * i);
    const tiff = encodeBandTiff({ width: 2, height: 1, channels: 4, data, photometric: 2, extra: [2] });
    expect([...(await decodeChannels(tiff, 'x.tif', named(3, 'uint8'))).data]).toEqual([0, 30, 60, 120, 150, 180]);
    expect([...(await decodeChannels(tiff, 'x.tif', named(4, 'uint8'))).data]).toEqual([...data]);
    expect(readStoredChannels(tiff)).toEqual({ channels: 4, hasAlpha: true, dtype: 'uint8', isColour: true });
  });

  it('is refused with other channels or bits, and says how to fix it', async () => {
    const tiff = encodeBandTiff({ width: 2, height: 1, channels: 3, data: new Uint8Array(6), photometric: 2 });
    const wanted = { names: ['red', 'green', 'blue', 'nir'], dtype: 'uint16' as const };
    await expect(decodeChannels(tiff, 'x.tif', { ...wanted, from: 'data.yaml' })).rejects.toThrow(
      /^x\.tif: expected 4 channels \(red, green, blue, nir\) of 16 bits, as in data\.yaml, got 3 channels of 8 bits; all images .*`channels: rgb`/,
    );
    await expect(decodeChannels(tiff, 'x.tif', wanted)).rejects.toThrow(/got 3 channels of 8 bits; give images like/);
    const cut = encodeBandTiff({ width: 40, height: 40, channels: 5, data: new Uint16Array(8000) });
    await expect(decodeChannels(cut.subarray(0, 4000), 'x.tif', named(5, 'uint16'))).rejects.toThrow(/^x\.tif: /);
  });

  it('in tiles of single planes is refused, and says how to write it', async () => {
    const data = new Uint16Array(16 * 16 * 4);
    const tiff = encodeBandTiff({ width: 16, height: 16, channels: 4, data, planes: true, blocks: { tile: 16 } });
    await expect(decodeChannels(tiff, 'x.tif', named(4, 'uint16'))).rejects.toThrow(
      /^x\.tif: cannot be decoded \(.*separate planes.*\); write its tiles pixel by pixel/,
    );
  });

  it('is bounded by its header', async () => {
    // 200 channels of float32 at 2000 x 2000 are 3.2 GB, of which the file holds nothing.
    const tiff = encodeBandTiff({ width: 1, height: 1, channels: 200, data: new Float32Array(200) });
    for (const tag of [256, 257]) {
      const at = tiff.indexOf(Buffer.from(Uint16Array.of(tag, 4).buffer));
      tiff.writeUInt32LE(2000, at + 8);
    }
    await expect(decodeChannels(tiff, 'x.tif', named(200, 'float32'))).rejects.toThrow(/at most \d+ bytes of samples/);
  });

  it('is not read as RGB where that would leave most of it out', async () => {
    const tiff = encodeBandTiff({ width: 1, height: 1, channels: 6, data: new Uint16Array(6) });
    await expect(decodeImage(tiff, 'x.tif')).rejects.toThrow(/x\.tif: expected grey or RGB, got 6 channels; name all/);
  });
});

describe('other formats', () => {
  it('are PNG of 16 bits, grey and RGB, with and without alpha', async () => {
    for (const [channels, space] of [
      [1, 'grey16'],
      [3, 'rgb16'],
      [4, 'rgb16'],
    ] as const) {
      const data = Uint16Array.from({ length: 5 * 4 * channels }, (_, i) => (i * 3001) & 65535);
      const raw = { width: 5, height: 4, channels };
      const png = await sharp(data, { raw }).toColourspace(space).png().toBuffer();
      const image = await decodeChannels(png, 'x.png', named(channels, 'uint16'));
      expect(image.data).toEqual(data);
    }
  });

  it('are images of 8 bits as RGB', async () => {
    const raw = { width: 6, height: 5, channels: 3 } as const;
    const data = Uint8Array.from({ length: 90 }, (_, i) => (i * 7) & 255);
    const png = encodePng({ ...raw, data });
    expect((await decodeChannels(png, 'x.png', named(3, 'uint8'))).data).toEqual(data);
    const webp = await sharp(data, { raw }).webp({ lossless: true }).toBuffer();
    expect((await decodeChannels(webp, 'x.webp', named(3, 'uint8'))).data).toEqual(data);
    await expect(decodeChannels(webp, 'x.webp', named(4, 'uint8'))).rejects.toThrow(/got 3 channels of 8 bits/);
    const two = encodePng({ width: 2, height: 1, channels: 1, data: Uint8Array.of(1, 0) }, [
      [1, 2, 3],
      [7, 8, 9],
    ]);
    expect([...(await decodeChannels(two, 'x.png', named(3, 'uint8'))).data]).toEqual([7, 8, 9, 1, 2, 3]);
  });
});
