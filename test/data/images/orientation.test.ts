/** @file EXIF orientations: all eight as sharp turns them, for images and for masks drawn on the stored pixels. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { checkDataSet } from '../../../src/data/check/check.ts';
import { openDataSet } from '../../../src/data/detect.ts';
import { decodeImage } from '../../../src/data/images/image.ts';
import { turnLabels, turnUpright } from '../../../src/data/images/orientation.ts';
import { encodePng } from '../../../src/data/images/png.ts';
import { loadSample } from '../../../src/data/sample.ts';
import { temporaryFolder } from '../../helpers/temporaryFolder.ts';

const [width, height] = [5, 3];
const ORIENTATIONS = [1, 2, 3, 4, 5, 6, 7, 8];
/** Stored pixels, each with a value of its own. */
const ids = Uint8Array.from({ length: width * height }, (_, i) => i);
const rgb = Uint8Array.from({ length: 3 * ids.length }, (_, i) => 10 * ids[Math.floor(i / 3)]);

const tagged = (orientation: number, format: 'tiff' | 'webp'): Promise<Buffer> => {
  const image = sharp(rgb, { raw: { width, height, channels: 3 } }).withMetadata({ orientation });
  return (format === 'tiff' ? image.tiff({ compression: 'none' }) : image.webp({ lossless: true })).toBuffer();
};

/** A PNG with EXIF data, as some tools write it. */
function pngWithExif(orientation: number): Uint8Array {
  const png = encodePng({ width, height, channels: 3, data: rgb });
  const exif = Buffer.from([
    0x49,
    0x49,
    42,
    0,
    8,
    0,
    0,
    0,
    1,
    0,
    0x12,
    1,
    3,
    0,
    1,
    0,
    0,
    0,
    orientation,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
  ]);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(exif.length);
  head.write('eXIf', 4, 'latin1');
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc(Buffer.concat([head.subarray(4), exif])));
  // After the signature and the header chunk.
  return Buffer.concat([png.subarray(0, 33), head, exif, sum, png.subarray(33)]);
}

/** The checksum of PNG, bit by bit. */
function crc(bytes: Uint8Array): number {
  let c = -1;
  for (const byte of bytes) {
    c ^= byte;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  }
  return ~c >>> 0;
}

describe('an orientation', () => {
  it.each(ORIENTATIONS)('%i turns labels as sharp turns images', async (orientation) => {
    const turned = turnUpright({ width, height, channels: 1, bitDepth: 8, data: ids }, orientation);
    const { data, info } = await sharp(await tagged(orientation, 'tiff'))
      .rotate()
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect([turned.width, turned.height]).toEqual([info.width, info.height]);
    expect([...turned.data]).toEqual([...data].filter((_, i) => i % 3 === 0).map((value) => value / 10));
  });

  it.each(ORIENTATIONS)('%i is applied to WebP, TIFF and PNG alike', async (orientation) => {
    const files = [await tagged(orientation, 'webp'), await tagged(orientation, 'tiff'), pngWithExif(orientation)];
    const [first, ...others] = await Promise.all(files.map((bytes) => decodeImage(bytes, 'x')));
    expect([...first.data]).toEqual([
      ...turnUpright({ width, height, channels: 3, bitDepth: 8, data: rgb }, orientation).data,
    ]);
    for (const other of others) expect(other).toEqual(first);
  });

  it('leaves labels that have the upright size only', () => {
    const labels = { width: 3, height: 5, channels: 1, bitDepth: 8, data: ids };
    expect(turnLabels(labels, { width: 3, height: 5, orientation: 6 })).toEqual({ labels, turned: false });
    expect(turnLabels(labels, { width: 5, height: 3, orientation: 6 })).toMatchObject({ turned: true });
  });

  it.each(ORIENTATIONS)(
    '%i keeps image and mask together in a data set, and the check mentions it',
    async (orientation) => {
      const root = temporaryFolder();
      for (const folder of ['images', 'masks']) mkdirSync(join(root, folder));
      for (const name of ['a', 'b']) {
        writeFileSync(join(root, 'images', `${name}.webp`), await tagged(orientation, 'webp'));
        writeFileSync(join(root, 'masks', `${name}.png`), encodePng({ width, height, channels: 1, data: ids }));
      }
      const dataset = await openDataSet(root);
      const sample = await loadSample(dataset, dataset.splits.train[0]);
      expect([...sample.label]).toEqual([...sample.image].filter((_, i) => i % 3 === 0).map((value) => value / 10));
      const { problems } = await checkDataSet(dataset);
      expect(problems.map(({ message }) => message)).toEqual(
        orientation === 1 ? [] : [expect.stringMatching(`EXIF orientation ${orientation}, and its mask with it`)],
      );
    },
  );
});
