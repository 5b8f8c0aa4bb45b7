/** @file Label files as programs write them: which are read as the values they hold, and what is said of the others. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { openDataSet } from '../../../src/data/detect.ts';
import { readLabelIds } from '../../../src/data/images/labelIds.ts';
import { decodeLabels } from '../../../src/data/images/labels.ts';
import { encodePng } from '../../../src/data/images/png.ts';
import { loadSample } from '../../../src/data/sample.ts';
import { type Colour, createLabelMap, formatOf, NOT_ALLOWED, type Raster } from '../../../src/data/types.ts';
import { temporaryFolder } from '../../helpers/temporaryFolder.ts';

const ids = Uint8Array.of(0, 1, 2, 255, 1, 0);
const size = { width: 3, height: 2 };
const grey = (data: Uint8Array = ids) => sharp(data, { raw: { ...size, channels: 1 } }).toColourspace('b-w');
const repeated = (channels: 2 | 3 | 4, alpha = 255): Uint8Array =>
  Uint8Array.from({ length: ids.length * channels }, (_, i) =>
    channels % 2 === 0 && i % channels === channels - 1 ? alpha : ids[Math.floor(i / channels)],
  );
const png = (channels: 2 | 3 | 4, alpha?: number) =>
  sharp(repeated(channels, alpha), { raw: { ...size, channels } })
    .png()
    .toBuffer();

describe('label files that hold the values', () => {
  it.each<[string, () => Promise<Uint8Array>]>([
    ['grey PNG', async () => encodePng({ ...size, channels: 1, data: ids })],
    ['grey PNG saved as RGB', () => png(3)],
    ['grey PNG with full alpha', () => png(2)],
    ['grey PNG saved as RGB with full alpha', () => png(4)],
    ['TIFF', () => grey().tiff({ compression: 'none' }).toBuffer()],
    ['TIFF with LZW', () => grey().tiff({ compression: 'lzw' }).toBuffer()],
    ['TIFF with Deflate', () => grey().tiff({ compression: 'deflate' }).toBuffer()],
    [
      'TIFF saved as RGB',
      () =>
        sharp(repeated(3), { raw: { ...size, channels: 3 } })
          .tiff({ compression: 'none' })
          .toBuffer(),
    ],
    [
      'TIFF of 16 bits',
      () =>
        sharp(Uint16Array.from(ids), { raw: { ...size, channels: 1 } })
          .toColourspace('grey16')
          .tiff({ compression: 'none' })
          .toBuffer(),
    ],
  ])('%s', async (_, write) => {
    const { channels, data } = await decodeLabels(await write(), 'mask');
    expect([channels, ...data]).toEqual([1, ...ids]);
  });

  it('a TIFF of one bit holds 0 and 1, as a PNG does', async () => {
    const bytes = await grey(Uint8Array.of(0, 255, 0, 255, 255, 0))
      .tiff({ bitdepth: 1, compression: 'none' })
      .toBuffer();
    const { bitDepth, data } = await decodeLabels(bytes, 'mask');
    expect([bitDepth, ...data]).toEqual([1, 0, 1, 0, 1, 1, 0]);
  });
});

describe('label files that may not', () => {
  const black = (pixel: Uint8Array) => sharp(pixel, { raw: { width: 8, height: 8, channels: 3 } });
  it.each<[string, () => Promise<Uint8Array>, RegExp]>([
    [
      'JPEG',
      () => black(new Uint8Array(192)).jpeg().toBuffer(),
      /mask: expected .* got JPEG, which changes the values/,
    ],
    ['WebP', () => black(new Uint8Array(192)).webp().toBuffer(), /mask: expected .* got another format/],
    [
      'TIFF with JPEG',
      () => black(new Uint8Array(192)).tiff({ compression: 'jpeg' }).toBuffer(),
      /compression 7, which may change/,
    ],
    ['half alpha', () => png(4, 128), /without transparency, got an alpha of 128 at column 0, row 0/],
    [
      'inverted grey',
      async () => {
        const bytes = await grey().tiff({ compression: 'none' }).toBuffer();
        return patchTag(bytes, 262, 0);
      },
      /inverted grey \(white is zero\)/,
    ],
    ['cut off', async () => (await grey().tiff({ compression: 'none' }).toBuffer()).subarray(0, 30), /^mask: /],
  ])('%s', async (_, write, message) => {
    await expect(write().then((bytes) => decodeLabels(bytes, 'mask'))).rejects.toThrow(message);
  });
});

/** The TIFF with another value of a tag. */
function patchTag(bytes: Buffer, tag: number, value: number): Uint8Array {
  const copy = Buffer.from(bytes);
  const start = copy.readUInt32LE(4);
  for (let entry = 0; entry < copy.readUInt16LE(start); entry++) {
    const at = start + 2 + 12 * entry;
    if (copy.readUInt16LE(at) === tag) copy.writeUInt16LE(value, at + 8);
  }
  return copy;
}

describe('colours', () => {
  const classes = ['ground', 'disc', 'bar'].map((name) => ({ name, colour: [0, 0, 0] as Colour }));
  const labelMap = createLabelMap(3);
  const colours: Colour[] = [
    [0, 0, 0],
    [200, 30, 30],
    [30, 200, 30],
  ];
  const colourIds = Object.fromEntries(colours.map((colour, id) => [colour.join(), id]));
  const indexed = (values: number[], palette: Colour[]): Raster => ({
    ...{ width: values.length, height: 1, channels: 1, bitDepth: 8 },
    data: Uint8Array.from(values),
    palette: Uint8Array.from(palette.flat()),
  });
  const shown = (values: number[][]): Raster => ({
    ...{ width: values.length, height: 1, channels: 3, bitDepth: 8 },
    data: Uint8Array.from(values.flat()),
  });

  it('of any order of a palette, and of RGB, are the same classes', () => {
    for (const order of [
      [0, 1, 2],
      [2, 0, 1],
      [1, 2, 0],
    ]) {
      const palette = order.map((id) => colours[id]);
      const values = [0, 1, 2, 2, 1].map((id) => order.indexOf(id));
      const read = readLabelIds(indexed(values, palette), { classes, labelMap, colourIds }, 'x');
      expect([read.by, ...read.ids]).toEqual(['colour', 0, 1, 2, 2, 1]);
    }
    const rgb = readLabelIds(shown([0, 1, 2, 2, 1].map((id) => colours[id])), { classes, labelMap, colourIds }, 'x');
    expect([...rgb.ids]).toEqual([0, 1, 2, 2, 1]);
  });

  it('that are for people only leave the index alone, unless they contradict it', () => {
    const other: Colour[] = [
      [0, 0, 0],
      [9, 8, 7],
      [1, 2, 3],
    ];
    const format = { classes, labelMap, colourIds };
    expect(readLabelIds(indexed([0, 1, 2], other), format, 'x')).toMatchObject({
      by: 'value',
      ids: Uint8Array.of(0, 1, 2),
    });
    expect(() => readLabelIds(indexed([0, 1, 2], [other[1], other[0], other[2]]), format, 'x')).toThrow(
      /x: its palette shows colours \[9, 8, 7\], \[1, 2, 3\], which are none of `colours`, and index 1 shows that of ground/,
    );
  });

  it('keep an index that is ignored', () => {
    const format = { classes, labelMap, colourIds };
    const palette = Array.from({ length: 256 }, (_, i): Colour => (i < 3 ? colours[i] : [224, 224, 192]));
    expect([...readLabelIds(indexed([0, 2, 255], palette), format, 'x').ids]).toEqual([0, 2, 255]);
  });

  it('that no class has are named, as are those of a data set without colours', () => {
    expect(() =>
      readLabelIds(
        shown([
          [0, 0, 0],
          [7, 7, 8],
        ]),
        { classes, labelMap, colourIds },
        'x',
      ),
    ).toThrow(/x: colours \[7, 7, 8\] belong to none of the 3 classes; name the colour of every class/);
    expect(() =>
      readLabelIds(
        shown([
          [0, 0, 0],
          [7, 7, 8],
        ]),
        { classes, labelMap },
        'x',
      ),
    ).toThrow(
      /expected a label file of one channel, got 3 channels; it shows colours instead of class ids: name the colours/,
    );
  });

  it('of grey are values where the index is no class, refused where both are', () => {
    const palette: Colour[] = [
      [0, 0, 0],
      [5, 5, 5],
    ];
    const three = createLabelMap(0);
    for (const [id, value] of [0, 1, 5].entries()) three[value] = id;
    expect(() => readLabelIds(indexed([0, 1], palette), { classes, labelMap: three }, 'x')).toThrow(
      /x: index 1 of its palette shows grey 5: by the index it is disc, by the grey bar; .*colours: \{bar: \[5, 5, 5\]/,
    );
    three[1] = NOT_ALLOWED;
    expect([...readLabelIds(indexed([0, 1], palette), { classes, labelMap: three }, 'x').ids]).toEqual([0, 2]);
    // A mask of black and white whose index is the class.
    const white: Colour[] = [
      [0, 0, 0],
      [255, 255, 255],
    ];
    expect([...readLabelIds(indexed([0, 1], white), { classes, labelMap }, 'x').ids]).toEqual([0, 1]);
  });

  it('without a data.yaml are refused with what to write', async () => {
    const root = temporaryFolder();
    for (const folder of ['images', 'masks']) mkdirSync(join(root, folder));
    for (const name of ['a', 'b']) {
      for (const folder of ['images', 'masks'])
        writeFileSync(
          join(root, folder, `${name}.png`),
          encodePng({ width: 2, height: 1, channels: 3, data: Uint8Array.of(0, 0, 0, 9, 8, 7) }),
        );
    }
    await expect(openDataSet(root)).rejects.toThrow(
      /shows colours, and no data.yaml says of which classes; write data.yaml/,
    );
    writeFileSync(join(root, 'data.yaml'), 'classes: [a, b]\ncolours: [[0, 0, 0], [9, 8, 7]]\n');
    const dataset = await openDataSet(root);
    expect(dataset).toMatchObject({ colourIds: { '0,0,0': 0, '9,8,7': 1 } });
    // Worker threads read by the format alone.
    const read = await loadSample(formatOf(structuredClone(dataset)), dataset.splits.train[0]);
    expect([...read.label]).toEqual([0, 1]);
  });
});
