/** @file A set of 4-band TIFF of 16 bits: only the fourth band says what the classes are. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRandom } from '../../src/base/random.ts';
import { encodePng } from '../../src/data/images/png.ts';
import { encodeBandTiff } from './bandTiff.mjs';

export const BANDS = ['red', 'green', 'blue', 'nir'];

/** Samples of an image, `[side, side, 4]`, and its labels: in a square the fourth band is bright, as vegetation is in near infrared. */
export function bandImage(seed: number, side = 40): { data: Uint16Array; label: Uint8Array } {
  const random = createRandom(seed, 0xba4d);
  const [left, top, size] = [random.integer(side / 2), random.integer(side / 2), side / 2];
  const label = Uint8Array.from({ length: side * side }, (_, i) => {
    const [x, y] = [i % side, Math.floor(i / side)];
    return Number(x >= left && x < left + size && y >= top && y < top + size);
  });
  const data = new Uint16Array(side * side * 4);
  for (let i = 0; i < label.length; i++) {
    for (let c = 0; c < 3; c++) data[4 * i + c] = 800 + 400 * c + random.integer(600);
    data[4 * i + 3] = (label[i] ? 9000 : 2500) + random.integer(1500);
  }
  return { data, label };
}

/** Writes `images/00.tif`, `masks/00.png`, ... and a `data.yaml`. */
export function writeBandSet(root: string, count: number, description = `channels: [${BANDS.join(', ')}]\n`): void {
  for (const name of ['images', 'masks']) mkdirSync(join(root, name), { recursive: true });
  for (let i = 0; i < count; i++) {
    const { data, label } = bandImage(i);
    const size = { width: 40, height: 40 };
    const name = String(i).padStart(2, '0');
    const tiff = encodeBandTiff({ ...size, channels: 4, data, photometric: 2, compression: i % 2 ? 'lzw' : 'deflate' });
    writeFileSync(join(root, 'images', `${name}.tif`), tiff);
    writeFileSync(join(root, 'masks', `${name}.png`), encodePng({ ...size, channels: 1, data: label }));
  }
  writeFileSync(join(root, 'data.yaml'), `classes: [ground, field]\n${description}`);
}
