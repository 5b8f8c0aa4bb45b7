/** @file NIfTI files come back as they were written, class maps keep the header of their image, and damaged files are named. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataError } from '../../../src/base/errors.ts';
import { niftiAffine } from '../../../src/data/nifti/affine.ts';
import { createNiftiHeader, encodeNifti, labelHeader } from '../../../src/data/nifti/encode.ts';
import { withFields } from '../../../src/data/nifti/header.ts';
import { niftiRawLabels, toLabelVolume } from '../../../src/data/nifti/labels.ts';
import { readNifti, readNiftiHeader } from '../../../src/data/nifti/read.ts';
import { niftiGrid, niftiVolume } from '../../../src/data/nifti/volume.ts';
import { createLabelMap } from '../../../src/data/types.ts';
import type { Affine } from '../../../src/data/volume.ts';
import { hasRealData, realData } from '../realData.ts';

const AFFINE: Affine = [
  [-2, 0, 0.5, 10],
  [0, 3, 0, -20],
  [0.5, 0, 1.5, 30],
  [0, 0, 0, 1],
];
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'espalier-nifti-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, bytes: Uint8Array): string {
  const file = join(folder, name);
  writeFileSync(file, bytes);
  return file;
}

/** A whole file of 4x3x2 int16, not compressed. */
const plain = (): Buffer =>
  gunzipSync(
    encodeNifti(createNiftiHeader({ shape: [4, 3, 2], affine: AFFINE, type: 'int16' }), new Int16Array(24).fill(7)),
  );

/** The same with one field of the header changed. */
function altered(change: (view: DataView) => void): Buffer {
  const bytes = plain();
  change(new DataView(bytes.buffer, bytes.byteOffset, bytes.length));
  return bytes;
}

describe('writing and reading', () => {
  it('gives back any volume, affine and shape', async () => {
    const sides = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 3, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(sides, fc.constantFrom('uint8', 'int16', 'float32'), fc.nat(), async (shape, type, seed) => {
        const count = shape.reduce((product, side) => product * side);
        const make = { uint8: Uint8Array, int16: Int16Array, float32: Float32Array }[type];
        const samples = new make(count).map((_, i) => (i * 31 + seed) % 120);
        const file = write('any.nii.gz', encodeNifti(createNiftiHeader({ shape, affine: AFFINE, type }), samples));
        const image = await readNifti(file);
        expect(image.header.shape).toEqual(shape);
        expect(image.samples).toEqual(samples);
        expect(niftiAffine(image.header)).toEqual(AFFINE);
        const volume = niftiVolume(image, file);
        expect(volume.shape).toEqual([shape[2], shape[1], shape[0]]);
        expect(volume.channels).toBe((shape[3] ?? 1) * (shape[4] ?? 1));
      }),
      { numRuns: 30 },
    );
  });

  it('applies scale and intercept, and takes what is no number as 0', async () => {
    const header = withFields(createNiftiHeader({ shape: [3, 1, 1], affine: AFFINE, type: 'float32' }), {
      slope: [2],
      intercept: [-1],
    });
    const file = write('scaled.nii.gz', encodeNifti(header, Float32Array.of(1, Number.NaN, 3)));
    expect([...niftiVolume(await readNifti(file), file).data]).toEqual([1, Number.NaN, 5]);
  });

  it('reads a pair by either name, also when one half is compressed', async () => {
    const bytes = plain();
    const head = Buffer.from(bytes.subarray(0, 348));
    head.write('ni1', 344, 'latin1');
    head.writeFloatLE(0, 108);
    write('pair.hdr', head);
    write('pair.img.gz', gzipSync(bytes.subarray(352)));
    for (const name of ['pair.hdr', 'pair.img.gz']) {
      const { samples, header } = await readNifti(join(folder, name));
      expect([...samples]).toEqual(Array(24).fill(7));
      expect(header.single).toBe(false);
    }
    write('lonely.hdr', head);
    await expect(readNifti(join(folder, 'lonely.hdr'))).rejects.toThrow(
      /lonely.hdr: its partner .*lonely.img is missing/,
    );
  });

  it('takes the affine of a quaternion from any rotation', () => {
    // Half a turn about (1, 1, 0): the parts of the quaternion are 0, r, r, 0.
    const r = Math.SQRT1_2;
    const header = withFields(createNiftiHeader({ shape: [4, 3, 2], affine: AFFINE }), {
      sformCode: [0],
      qformCode: [1],
      quaternion: [r, r, 0],
      qoffset: [1, 2, 3],
      pixdim: [-1, 2, 3, 4],
    });
    const want = [
      [0, 3, 0, 1],
      [2, 0, 0, 2],
      [0, 0, 4, 3],
    ];
    niftiAffine(header)
      .slice(0, 3)
      .flat()
      .forEach((value, i) => {
        expect(value).toBeCloseTo(want.flat()[i], 5);
      });
  });
});

describe('units of length', () => {
  it.each([
    ['none', 0, 1],
    ['metres', 1, 1000],
    ['millimetres', 2, 1],
    ['micrometres, beside seconds', 3 + 8, 0.001],
  ])('%s become millimetres, and stay in the header', (_, code, factor) => {
    const header = withFields(createNiftiHeader({ shape: [4, 3, 2], affine: AFFINE }), { units: [code] });
    const { affine } = niftiGrid(header, 'file');
    AFFINE.slice(0, 3).forEach((row, i) => {
      row.forEach((value, j) => {
        expect(affine[i][j]).toBeCloseTo(value * factor, 9);
      });
    });
    expect(affine[3]).toEqual([0, 0, 0, 1]);
    expect(labelHeader(header).bytes[123]).toBe(code);
  });
});

describe('class maps', () => {
  it
    .skipIf(!hasRealData)
    .each([
      'example4d.nii.gz',
      'big.nii.gz',
      'example_nifti2.nii.gz',
      'air.hdr.gz',
      'anatomical.nii',
      'functional.nii',
      'standard.nii.gz',
      'with_extension.nii.gz',
    ])('keep where the voxels of %s lie, bit for bit', async (name) => {
    const { header } = await readNifti(realData('formats', 'nifti', name));
    const made = labelHeader(header);
    const [x, y, z] = header.shape;
    const ids = Uint8Array.from({ length: x * y * z }, (_, i) => i % 3);
    const file = write('prediction.nii.gz', encodeNifti(made, ids));
    const back = await readNifti(file);
    expect(Buffer.compare(back.samples as Uint8Array, ids)).toBe(0);
    expect(back.header.shape).toEqual([x, y, z]);
    expect(niftiAffine(back.header)).toEqual(niftiAffine(header));
    for (const key of [
      'version',
      'littleEndian',
      'sformCode',
      'qformCode',
      'pixdim',
      'quaternion',
      'qoffset',
      'srow',
    ] as const) {
      expect(back.header[key]).toEqual(header[key]);
    }
    expect([back.header.slope, back.header.intercept, back.header.datatype, back.extensions]).toEqual([1, 0, 2, 0]);
    // Units, description, slice timing: every byte from the forms on, and the units.
    const [from, to, units] = header.version === 1 ? [148, 328, 123] : [240, 344, 500];
    expect(back.header.bytes.slice(from, to)).toEqual(header.bytes.slice(from, to));
    expect(back.header.bytes[units]).toBe(header.bytes[units]);
  });
});

describe('labels', () => {
  const read = async (samples: Float32Array, ignored?: number[]) => {
    const file = write(
      'label.nii.gz',
      encodeNifti(createNiftiHeader({ shape: [samples.length, 1, 1], affine: AFFINE, type: 'float32' }), samples),
    );
    return toLabelVolume(niftiRawLabels(await readNifti(file), file, ignored), createLabelMap(3), file);
  };

  it('become class ids, 255 ignored', async () => {
    expect([...(await read(Float32Array.of(0, 2, 1.0000001, 255))).data]).toEqual([0, 2, 1, 255]);
  });

  it('are refused when they are fractions, negative or no classes', async () => {
    await expect(read(Float32Array.of(0, 1.5))).rejects.toThrow(/label.nii.gz: label values 1.5 are no whole numbers/);
    await expect(read(Float32Array.of(0, 3, 7))).rejects.toThrow(/label values 3, 7 belong to no class/);
    await expect(read(Float32Array.of(-1))).rejects.toThrow(
      /label values -1 belong to no class; add "ignore": -1 under/,
    );
    await expect(read(Float32Array.of(Number.NaN))).rejects.toThrow(/label values NaN .*; add "ignore": "NaN" under/);
    await expect(read(Float32Array.of(-1, Number.NaN))).rejects.toThrow(/add "ignore": \[-1, "NaN"\] under/);
    await expect(read(Float32Array.of(-1, 70000))).rejects.toThrow(/70000 .*; values up to 65533 are read: map them/);
    await expect(read(Float32Array.of(65534))).rejects.toThrow(/values up to 65533 are read/);
    await expect(read(Float32Array.of(1002))).rejects.toThrow(/label values 1002 .*; name them under `labels`/);
  });

  it('that are ignored on demand are', async () => {
    const { data } = await read(Float32Array.of(-1, 0, Number.NaN, 2), [-1, Number.NaN]);
    expect([...data]).toEqual([255, 0, 255, 2]);
    await expect(read(Float32Array.of(-1, -2), [-1])).rejects.toThrow(/label values -2 belong to no class/);
  });
});

describe('damaged files', () => {
  const cases: [name: string, bytes: () => Uint8Array, message: RegExp][] = [
    ['empty.nii', () => new Uint8Array(), /not a NIfTI file/],
    ['cut-header.nii', () => plain().subarray(0, 200), /ends after 200 of the 348 bytes of its header/],
    ['cut.nii', () => plain().subarray(0, 380), /claims 400 B, the file holds 380 B at most/],
    ['cut.nii.gz', () => gzipSync(Buffer.concat([plain(), Buffer.alloc(1e5, 3)])).subarray(0, 90), /truncated/],
    [
      'garbled.nii.gz',
      () => {
        const bytes = gzipSync(plain());
        bytes[bytes.length - 6] ^= 1;
        return bytes;
      },
      /cannot be read/,
    ],
    [
      'short.nii.gz',
      () => gzipSync(plain().subarray(0, 380)),
      /ends after 380 of the 400 bytes that its header claims/,
    ],
    [
      'terabytes.nii.gz',
      () =>
        gzipSync(
          altered((view) => {
            for (const axis of [1, 2, 3]) view.setInt16(40 + 2 * axis, 30_000, true);
          }),
        ),
      /claims 49.1 TiB/,
    ],
    ['axes.nii', () => altered((view) => view.setInt16(40, 9, true)), /dim\[0\] is 9/],
    ['no-axis.nii', () => altered((view) => view.setInt16(42, 0, true)), /an axis is empty: shape 0x3x2/],
    ['negative.nii', () => altered((view) => view.setInt16(44, -3, true)), /an axis is empty/],
    ['type.nii', () => altered((view) => view.setInt16(70, 77, true)), /samples of type code 77/],
    ['long-double.nii', () => altered((view) => view.setInt16(70, 1536, true)), /samples of type float128/],
    ['offset.nii', () => altered((view) => view.setFloat32(108, 12, true)), /vox_offset is 12/],
    ['offset-nan.nii', () => altered((view) => view.setFloat32(108, Number.NaN, true)), /vox_offset is NaN/],
    ['offset-far.nii', () => altered((view) => view.setFloat32(108, 1e30, true)), /vox_offset/],
    ['analyze.nii', () => altered((view) => view.setInt32(344, 0, true)), /ANALYZE 7.5/],
  ];

  it.each(cases)('%s', async (name, bytes, message) => {
    const file = write(name, bytes());
    const failure = await readNifti(file).catch((error) => error);
    expect(failure).toBeInstanceOf(DataError);
    expect(failure.message).toContain(file);
    expect(failure.message).toMatch(message);
    expect(failure.advice).toBeTruthy();
  });

  it('stops a gzip bomb soon after what its header claims', async () => {
    // 1 GiB of zeros in a megabyte: two members, to show that the limit holds over all of them.
    const zeros = gzipSync(Buffer.alloc(2 ** 29));
    const file = write('bomb.nii.gz', Buffer.concat([gzipSync(plain()), zeros, zeros]));
    const before = process.memoryUsage.rss();
    const began = process.cpuUsage();
    await expect(readNifti(file)).rejects.toThrow(
      /bomb.nii.gz: continues for more than 64.0 MiB after the 400 B that its header claims/,
    );
    const { user, system } = process.cpuUsage(began);
    expect((user + system) / 1e6).toBeLessThan(1);
    expect(process.memoryUsage.rss() - before).toBeLessThan(2 ** 27);
  });

  it('refuses a volume larger than memory before taking it', async () => {
    const file = write('large.nii', plain());
    await expect(readNifti(file, { limitBytes: 300 })).rejects.toThrow(
      /large.nii: takes 496 B of memory, the limit is 300 B/,
    );
  });

  it('refuses a spacing of zero as a volume, naming the axis', async () => {
    const header = withFields(createNiftiHeader({ shape: [4, 3, 2], affine: AFFINE }), {
      sformCode: [0],
      qformCode: [1],
      pixdim: [1, 1, 0, 1],
    });
    const file = write('flat.nii.gz', encodeNifti(header, new Uint8Array(24)));
    const image = await readNifti(file);
    expect(() => niftiVolume(image, file)).toThrow(/flat.nii.gz: the spacing along y is 0/);
    expect((await readNiftiHeader(file)).zooms).toEqual([1, 0, 1]);
  });

  it('never throws anything but a DataError, whatever bytes are changed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(351), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        async (changes) => {
          const bytes = plain();
          for (const [at, value] of changes) bytes[at] = value;
          const file = write('fuzzed.nii', bytes);
          try {
            niftiVolume(await readNifti(file), file);
          } catch (error) {
            expect(error).toBeInstanceOf(DataError);
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});
