/**
 * @file Files from strangers. A short version of `npm run fuzz`, and what it or an attack in mind has found: each stays an error that names the
 * file, comes fast and allocates nothing on the word of a header.
 */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { DataError, EspalierError } from '../../src/base/errors.ts';
import { decodeImage, loadImage } from '../../src/data/images/image.ts';
import { decodeLabels } from '../../src/data/images/labels.ts';
import { parseDescription } from '../../src/data/layouts/description.ts';
import { parseConfigText } from '../../src/run/config/config.ts';
import { parseEvents } from '../../src/run/eventLog.ts';
import { readSafetensors } from '../../src/run/safetensors.ts';
import { parseGenotype } from '../../src/space/genotype.ts';
import { temporaryFolder } from '../helpers/temporaryFolder.ts';
import { PARSERS } from './parsers.mjs';

const deep = '['.repeat(200_000);

describe('damaged files', () => {
  it('meet every parser with an error of ours', { timeout: 1_800_000 }, async () => {
    const fuzz = join(import.meta.dirname, 'fuzz.mjs');
    const { stdout } = await promisify(execFile)(process.execPath, [fuzz, 'inputs=1000', 'seed=7']);
    expect(stdout.match(/, 0 findings$/gm)).toHaveLength(Object.keys(PARSERS).length);
  });
});

describe('a picture', () => {
  const claiming = async (format: 'jpeg' | 'webp') => {
    const picture = sharp(new Uint8Array(16 * 12 * 3), { raw: { width: 16, height: 12, channels: 3 } });
    return format === 'jpeg' ? picture.jpeg().toBuffer() : picture.webp({ lossless: true }).toBuffer();
  };

  it('that claims 60,000 x 60,000 pixels is refused before it is decoded', async () => {
    const jpeg = await claiming('jpeg');
    const frame = jpeg.indexOf(Buffer.from([0xff, 0xc0]));
    jpeg.writeUInt16BE(60_000, frame + 5);
    jpeg.writeUInt16BE(60_000, frame + 7);
    const before = process.memoryUsage.rss();
    await expect(decodeImage(jpeg, 'large.jpg')).rejects.toThrow(/^large\.jpg: cannot be decoded \(.*pixel limit/);
    expect(process.memoryUsage.rss() - before).toBeLessThan(2 ** 26);
  });

  it('is decoded as what its first bytes say, and nothing but the kinds that are meant', async () => {
    expect(await decodeImage(await claiming('webp'), 'a.webp')).toMatchObject({ width: 16, height: 12 });
    const folder = temporaryFolder();
    for (const [name, content] of [
      ['a.jpg', '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="/etc/passwd"/></svg>'],
      ['b.jpg', '%PDF-1.4'],
      ['c.jpg', 'GIF89a'],
      ['d.jpg', ''],
    ]) {
      writeFileSync(join(folder, name), content);
      await expect(loadImage(join(folder, name))).rejects.toThrow(`${name}: is no PNG, JPEG, WebP or TIFF`);
    }
  });
});

describe('a drawing', () => {
  const svg = (start: string, attribute = '') =>
    `${start}<svg    WEBP="1" ${attribute} xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>`;

  it.each([
    ['with WEBP at byte 8', svg('')],
    ['behind the beginning of a WebP', svg(`RIFF    WEBP${' '.repeat(20)}`)],
    ['behind the beginning of a JPEG', svg('\xff\xd8\xff')],
    ['behind the beginning of a TIFF', svg('II*\0')],
    ['behind that of a TIFF in the other byte order', svg('MM\0*')],
    ['that would compute for minutes', svg('').replace('<rect', `${'<g filter="url(#f)">'.repeat(50)}<rect`)],
  ])('%s is not decoded, as image or as labels', async (_, text) => {
    const bytes = Buffer.from(text, 'latin1');
    await expect(decodeImage(bytes, 'a.webp')).rejects.toThrow(
      /^a\.webp: (is no PNG, JPEG, WebP or TIFF|cannot be decoded)/,
    );
    await expect(decodeLabels(bytes, 'a.tif')).rejects.toThrow(/^a\.tif: /);
  });
});

describe('a progressive JPEG', () => {
  it('that decodes its 64 million pixels a hundred times is refused before it is decoded', async () => {
    const jpeg = await sharp(new Uint8Array(16 * 12 * 3), { raw: { width: 16, height: 12, channels: 3 } })
      .jpeg({ progressive: true })
      .toBuffer();
    const frame = jpeg.indexOf(Buffer.from([0xff, 0xc2]));
    const last = jpeg.lastIndexOf(Buffer.from([0xff, 0xda]));
    const scan = jpeg.subarray(last, -2);
    const many = Buffer.concat([jpeg.subarray(0, -2), ...Array.from({ length: 90 }, () => scan), jpeg.subarray(-2)]);
    expect(await decodeImage(jpeg, 'small.jpg')).toMatchObject({ width: 16 });
    many.writeUInt16BE(8000, frame + 5);
    many.writeUInt16BE(8000, frame + 7);
    const began = process.cpuUsage();
    await expect(decodeImage(many, 'many.jpg')).rejects.toThrow(
      /^many\.jpg: expected a progressive JPEG of at most 67108864 pixels and about ten scans, got \d+ of 8000x8000 pixels/,
    );
    expect(process.cpuUsage(began).user / 1e6).toBeLessThan(1);
  });
});

describe('a tensor file', () => {
  it('that claims a terabyte is refused by its size', () => {
    const header = Buffer.from(JSON.stringify({ w: { dtype: 'F32', shape: [2 ** 38], data_offsets: [0, 2 ** 40] } }));
    const bytes = Buffer.concat([Buffer.alloc(8), header]);
    bytes.writeBigUInt64LE(BigInt(header.length));
    expect(() => readSafetensors(bytes, 'huge')).toThrow(
      /^huge, offset 8: tensor "w": expected data_offsets within 0 bytes/,
    );
  });
});

describe('nesting', () => {
  it.each<[string, () => unknown]>([
    ['a genotype', () => parseGenotype(deep, 'f')],
    ['a genotype with a deep field', () => parseGenotype(`{"format":${deep}${']'.repeat(200_000)}}`, 'f')],
    ['settings', () => parseConfigText(deep, 'f')],
    ['settings of dashes', () => parseConfigText('- '.repeat(100_000), 'f')],
    ['data.yaml', () => parseDescription(`classes: ${deep}`, 'f')],
    ['an event', () => parseEvents(Buffer.from(`${deep}\n`), () => 'f')],
  ])('of 200,000 levels in %s is refused in no time', (_, parse) => {
    const began = process.cpuUsage();
    expect(parse).toThrow(EspalierError);
    expect(parse).toThrow(/^f/);
    expect(process.cpuUsage(began).user / 1e6).toBeLessThan(1);
  });
});

describe('no code in data', () => {
  it.each([
    'a: !!js/function "function () { return 1 }"',
    'a: !<tag:yaml.org,2002:js/undefined> x',
    'a: !custom x',
    'a: &x [1]\nb: *x',
    'a: &x [1]\nb: {<<: *x}',
    '__proto__: {polluted: 1}',
    'a: {constructor: {prototype: {polluted: 1}}}',
    'a: 1\na: 2',
  ])('neither settings nor data.yaml take %j', (text) => {
    expect(() => parseConfigText(text, 'f.yaml')).toThrow(/^f\.yaml/);
    expect(() => parseDescription(text, 'f.yaml')).toThrow(/^f\.yaml.*: no valid YAML/);
    expect({}).not.toHaveProperty('polluted');
  });

  it('events refuse keys that reach for the prototype, and fields that are not what a report reads', () => {
    const line = (fields: string) => Buffer.from(`{"seq":0,"time":"t",${fields}}\n`);
    for (const fields of [
      '"type":"note","message":"a","__proto__":{"polluted":1}',
      '"type":"epoch","phase":"search","epoch":0,"metrics":{"weightLoss":"<b>"}',
      '"type":"architecture","epoch":0,"entropies":{},"path":"0 1"',
      '"type":"step","phase":"search","epoch":"0","step":1,"loss":1,"learningRate":1',
      '"type":"evaluation","split":"val","miou":1,"pixelAccuracy":1,"meanAccuracy":1,"iou":[1],"classNames":[true]',
      '"type":"evaluation","split":"val","miou":1,"pixelAccuracy":1,"meanAccuracy":1,"iou":[1],"classNames":[{"map":1}]',
      '"type":"evaluation","split":"val","miou":1,"pixelAccuracy":1,"meanAccuracy":1,"iou":[1],"volumes":true',
    ])
      expect(() => parseEvents(line(fields), (n) => `f, line ${n}`), fields).toThrow(DataError);
    expect(parseEvents(line('"type":"later","anything":[1]'), () => 'f').events).toHaveLength(1);
  });
});

describe('data.yaml', () => {
  it.each(['../elsewhere/images', '/etc/images', 'a/../../images'])('cannot name the folder %j', (folder) => {
    expect(() => parseDescription(`train: ${folder}\nval: images/val`, 'd.yaml')).toThrow(
      /^d\.yaml: .*leaves the folder/,
    );
  });
});
