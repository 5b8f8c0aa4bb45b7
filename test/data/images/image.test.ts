/** @file Photographs of every kind become 8-bit RGB, upright; label files keep their values or are refused. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeImage, loadImage, toRgb } from '../../../src/data/images/image.ts';
import { loadLabels } from '../../../src/data/images/labels.ts';
import { encodePng } from '../../../src/data/images/png.ts';
import { encodeTiff } from '../../helpers/tiff.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'espalier-picture-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const write = (name: string, bytes: Uint8Array): string => {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
};

describe('loadImage', () => {
  it('turns a JPEG upright by its EXIF tag', async () => {
    // 16x8, left half black, right half white; orientation 6 turns it by 90 degrees clockwise.
    const data = Uint8Array.from({ length: 16 * 8 * 3 }, (_, i) => (Math.floor(i / 3) % 16 < 8 ? 0 : 255));
    const bytes = await sharp(data, { raw: { width: 16, height: 8, channels: 3 } })
      .withMetadata({ orientation: 6 })
      .jpeg({ quality: 100 })
      .toBuffer();
    const picture = await loadImage(write('turned.jpg', bytes));
    expect([picture.width, picture.height, picture.data.length]).toEqual([8, 16, 384]);
    expect(picture.data[0]).toBeLessThan(20);
    expect(picture.data[picture.data.length - 1]).toBeGreaterThan(235);
  });

  it('repeats grey of a JPEG', async () => {
    const grey = await sharp(new Uint8Array(64).fill(90), { raw: { width: 8, height: 8, channels: 1 } })
      .toColourspace('b-w')
      .jpeg({ quality: 100 })
      .toBuffer();
    const picture = await loadImage(write('grey.jpg', grey));
    expect([...picture.data.subarray(0, 3)]).toEqual([90, 90, 90]);
    expect(picture.data.length).toBe(192);
  });

  it('applies palettes, and refuses indices beyond them', async () => {
    const picture = { width: 2, height: 1, channels: 1, data: Uint8Array.of(1, 0) } as const;
    const two = encodePng(picture, [
      [1, 2, 3],
      [7, 8, 9],
    ]);
    expect([...(await loadImage(write('two.png', two))).data]).toEqual([7, 8, 9, 1, 2, 3]);
    const file = write('one.png', encodePng(picture, [[1, 2, 3]]));
    await expect(loadImage(file)).rejects.toThrow(/one\.png: palette index 1 of 1 colours/);
  });

  it('drops alpha, scales bits', () => {
    const rgb = (channels: number, bitDepth: number, data: Uint8Array | Uint16Array) => [
      ...toRgb({ width: 1, height: 1, channels, bitDepth, data }, 'x').data,
    ];
    expect(rgb(4, 8, Uint8Array.of(1, 2, 3, 4))).toEqual([1, 2, 3]);
    expect(rgb(2, 8, Uint8Array.of(9, 4))).toEqual([9, 9, 9]);
    expect(rgb(1, 1, Uint8Array.of(1))).toEqual([255, 255, 255]);
    expect(rgb(3, 16, Uint16Array.of(65535, 0, 257 * 4))).toEqual([255, 0, 4]);
  });

  it('names what cannot be read', async () => {
    await expect(loadImage(join(folder, 'none.png'))).rejects.toThrow(/none\.png: cannot be read \(ENOENT\)/);
    await expect(loadImage(write('text.jpg', Buffer.from('hello')))).rejects.toThrow(
      /text\.jpg: is no PNG, JPEG, WebP or TIFF/,
    );
  });
});

describe('samples of more than 8 bits', () => {
  const size = { width: 4, height: 1 };
  const read = async (bytes: Uint8Array) => [...(await decodeImage(bytes, 'x.tif')).data];
  const tripled = (values: number[]) => values.flatMap((value) => [value, value, value]);

  it('are 65535 = 255, as TIFF and as PNG', async () => {
    const values = Uint16Array.of(0, 257 * 4, 257 * 128 + 100, 65535);
    const png = await sharp(values, { raw: { ...size, channels: 1 } })
      .toColourspace('grey16')
      .png()
      .toBuffer();
    for (const bytes of [encodeTiff({ ...size, pages: [values] }), png])
      expect(await read(bytes)).toEqual(tripled([0, 4, 128, 255]));
    const colours = Uint16Array.from({ length: 12 }, (_, i) => 257 * 20 * i);
    expect(await read(encodeTiff({ ...size, channels: 3, pages: [colours] }))).toEqual(
      Array.from({ length: 12 }, (_, i) => 20 * i),
    );
  });

  it('are 0 to 1 in floating point', async () => {
    const values = [0, 0.2, 0.5, 1];
    expect(await read(encodeTiff({ ...size, pages: [Float32Array.from(values)] }))).toEqual(tripled([0, 51, 128, 255]));
    const colours = Float32Array.from({ length: 12 }, (_, i) => i / 255);
    expect(await read(encodeTiff({ ...size, channels: 3, pages: [colours] }))).toEqual(
      Array.from({ length: 12 }, (_, i) => i),
    );
  });

  it('are refused beyond, and as other numbers', async () => {
    const refused: [Parameters<typeof encodeTiff>[0]['pages'][number], RegExp][] = [
      [
        Float32Array.of(0, 1, 2, 255),
        /x\.tif: expected floating-point samples from 0 \(black\) to 1 \(white\), got 0 to 255; scale/,
      ],
      [Float32Array.of(-0.5, 0, 0, 1), /got -0\.5 to 1/],
      [Float32Array.of(Number.NaN, 0, 0, 1), /got values that are not finite/],
      [Uint32Array.of(0, 1, 2, 3), /expected samples of 8 or 16 bits, .* got uint/],
    ];
    for (const [page, message] of refused)
      await expect(read(encodeTiff({ ...size, pages: [page] }))).rejects.toThrow(message);
  });
});

describe('loadLabels', () => {
  it('keeps indices, refuses JPEG', async () => {
    const label = encodePng({ width: 2, height: 1, channels: 1, data: Uint8Array.of(1, 0) }, [
      [9, 9, 9],
      [9, 9, 9],
    ]);
    expect([...(await loadLabels(write('label.png', label))).data]).toEqual([1, 0]);
    const jpeg = await sharp(new Uint8Array(3), { raw: { width: 1, height: 1, channels: 3 } })
      .jpeg()
      .toBuffer();
    await expect(loadLabels(write('label.jpg', jpeg))).rejects.toThrow(/got JPEG, which changes the values/);
    await expect(loadLabels(write('label.bin', Buffer.from('x')))).rejects.toThrow(/PNG, GIF or TIFF without loss/);
  });
});
