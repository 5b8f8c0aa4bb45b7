/**
 * @file `node test/fuzz/largest.mjs`: what the largest images that are read cost, each in a process of its own: seconds of the processor and memory beyond
 * an idle process. Takes some minutes and 2 GiB.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { MAX_PROGRESSIVE_PIXELS, MAX_SAMPLE_BYTES } from '../../dist/data/images/limits.js';
import { MAX_PIXELS } from '../../dist/data/types.js';
import { encodeBandTiff } from '../helpers/bandTiff.mjs';
import { png } from './hostile.mjs';

const side = Math.floor(Math.sqrt(MAX_PIXELS));
const blank = (width, channels = 3) =>
  sharp({ create: { width, height: width, channels, background: '#468' }, limitInputPixels: false });
const alphaSide = Math.floor(Math.sqrt(MAX_SAMPLE_BYTES / 4));
const stream = (width, bytes) => deflateSync(Buffer.alloc(width * (1 + width * bytes)), { level: 1 });
const deepSide = Math.floor(Math.sqrt(MAX_SAMPLE_BYTES / 6));

const IMAGES = {
  'PNG of grey': () => png(side, side, 8, 0, stream(side, 1)),
  'PNG of RGB': () => png(side, side, 8, 2, stream(side, 3)),
  'PNG of RGBA': () => png(alphaSide, alphaSide, 8, 6, stream(alphaSide, 4)),
  'PNG of RGB with 16 bits': () => png(deepSide, deepSide, 16, 2, stream(deepSide, 6)),
  JPEG: () => blank(side).jpeg().toBuffer(),
  'progressive JPEG': () =>
    blank(Math.floor(Math.sqrt(MAX_PROGRESSIVE_PIXELS)))
      .jpeg({ progressive: true })
      .toBuffer(),
  'WebP without loss': () => blank(side).webp({ lossless: true, effort: 0 }).toBuffer(),
  'TIFF, deflate': () => blank(side).tiff({ compression: 'deflate' }).toBuffer(),
  'TIFF of 16 bits, LZW': () => blank(deepSide).toColourspace('rgb16').tiff({ compression: 'lzw' }).toBuffer(),
};

const bandSide = Math.floor(Math.sqrt(MAX_SAMPLE_BYTES / 16));

const CHANNELS = {
  'TIFF of 8 channels, LZW': () =>
    encodeBandTiff({
      ...{ width: bandSide, height: bandSide, channels: 8, compression: 'lzw', blocks: { rows: 16 } },
      data: new Uint16Array(bandSide * bandSide * 8).fill(1000),
    }),
};

const folder = mkdtempSync(join(tmpdir(), 'espalier-largest-'));
const rows = [
  ...Object.entries(IMAGES).map((entry) => ['png', ...entry]),
  ...Object.entries(CHANNELS).map((entry) => ['TIFF of channels', ...entry]),
];
for (const [parser, name, make] of rows) {
  const file = join(folder, 'image');
  const bytes = await make();
  writeFileSync(file, bytes);
  const program = join(import.meta.dirname, 'measure.mjs');
  const { stdout, stderr, signal } = spawnSync(process.execPath, ['--expose-gc', program, parser, file], {
    encoding: 'utf8',
  });
  if (stdout === '') console.log(`${name}: ${signal} ${stderr.slice(-500)}`);
  else {
    const { seconds, grown, said } = JSON.parse(stdout);
    console.log(
      `${name.padEnd(26)}${(bytes.length / 2 ** 20).toFixed(1).padStart(8)} MiB file${seconds.toFixed(1).padStart(8)} s${(grown / 2 ** 20).toFixed(0).padStart(8)} MiB   ${said}`,
    );
  }
}
rmSync(folder, { recursive: true });
