/** @file A folder of DICOM slices as a volume: the real series as pydicom reads it, and what is refused. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DataError } from '../../../src/base/errors.ts';
import { readDicomSeries, stackSlices } from '../../../src/data/dicom/series.ts';
import { type DicomSlice, parseDicomSlice } from '../../../src/data/dicom/slice.ts';
import { spacingOf } from '../../../src/data/volume.ts';
import { orientationOf } from '../../../src/data/volumes/orientation.ts';
import { dicom, slice } from '../../helpers/dicom.mjs';
import { hasRealData, realData } from '../realData.ts';

describe.skipIf(!hasRealData)('the real series', () => {
  const folder = () => realData('formats', 'dicom', 'hippocampus_crop_series');

  it('is as pydicom says, whatever the order of the names', async () => {
    const want = JSON.parse(readFileSync(realData('formats', 'dicom', 'expected.json'), 'utf8'));
    const volume = await readDicomSeries(folder());
    expect(volume.shape).toEqual(want.volumeShape_slices_rows_columns);
    expect(Math.min(...volume.data)).toBe(want.min);
    expect(Math.max(...volume.data)).toBe(want.max);
    expect(volume.data.reduce((sum, value) => sum + value, 0)).toBe(want.sum);
    expect(spacingOf(volume.affine)).toEqual([1, ...want.pixelSpacing]);
    expect(orientationOf(volume.affine).code).toMatch(/^[LR][AP][IS]$/);
  });

  it('with a slice missing names the gap', async () => {
    const copy = mkdtempSync(join(tmpdir(), 'espalier-dicom-'));
    cpSync(folder(), copy, { recursive: true });
    const names = readdirSync(copy);
    const positions = names.map((name) => parseDicomSlice(readFileSync(join(copy, name)), name).position[2]);
    const middle = [...positions].sort((a, b) => a - b)[16];
    unlinkSync(join(copy, names[positions.indexOf(middle)]));
    await expect(readDicomSeries(copy)).rejects.toThrow(
      /2.000 mm after .*, where 1.000 mm are usual; a slice is missing between them/,
    );
    rmSync(copy, { recursive: true });
  });
});

describe('slices', () => {
  it.each(['1.2.840.10008.1.2', '1.2.840.10008.1.2.1', '1.2.840.10008.1.2.2'])(
    'are read in transfer syntax %s',
    (syntax) => {
      const made = parseDicomSlice(slice(7, [0, 1, 2, -1, -2048, 2047], syntax), 'a.dcm');
      expect([...made.pixels]).toEqual([-1000, -998, -996, -1002, -5096, 3094]);
      expect([made.rows, made.columns, made.modality]).toEqual([2, 3, 'CT']);
      expect([made.position, made.spacing]).toEqual([
        [-10, 5, 7],
        [2, 0.5],
      ]);
    },
  );

  it('stack along their normal into RAS', () => {
    const parts = [9, 3, 6].map((z) => parseDicomSlice(slice(z, [z, 0, 0, 0, 0, 0]), `${z}.dcm`));
    const volume = stackSlices(parts, 'folder');
    expect([0, 1, 2].map((z) => (volume.data[z * 6] + 1000) / 2)).toEqual([3, 6, 9]);
    expect(volume.affine).toEqual([
      [-0.5, -0, -0, 10],
      [-0, -2, -0, -5],
      [0, 0, 3, 3],
      [0, 0, 0, 1],
    ]);
  });

  it('of several series, sizes or places are refused', () => {
    const [a, b] = [3, 6].map((z) => parseDicomSlice(slice(z, [0, 0, 0, 0, 0, 0]), `${z}.dcm`));
    const stack =
      (...slices: DicomSlice[]) =>
      () =>
        stackSlices(slices, 'folder');
    expect(stack(a, { ...b, series: 'other' })).toThrow(/folder: holds several series/);
    expect(stack(a, { ...b, columns: 4 })).toThrow(/6.dcm: its size, spacing or orientation/);
    expect(stack(a, a)).toThrow(/3.dcm and 3.dcm lie at one place; a slice is there twice/);
  });

  it('that are compressed, cut or no DICOM are refused by name', async () => {
    expect(() => parseDicomSlice(slice(0, [0, 0, 0, 0, 0, 0], '1.2.840.10008.1.2.4.70'), 'j.dcm')).toThrow(
      /j.dcm: compressed DICOM/,
    );
    expect(() => parseDicomSlice(slice(0, [0, 0]), 'short.dcm')).toThrow(
      /short.dcm: its pixel data are missing or too short/,
    );
    expect(() => parseDicomSlice(dicom([[0x00080060, 'CS', 'MR']]), 'bare.dcm')).toThrow(
      /bare.dcm: MR without an image/,
    );
    const rows = Buffer.from([2, 0]);
    expect(() => parseDicomSlice(dicom([[0x00280010, 'US', rows]]), 'bare.dcm')).toThrow(
      /bare.dcm: ImageOrientationPatient is "", expected 6 numbers/,
    );
    expect(() => parseDicomSlice(Buffer.from('no picture, but of some length'), 'note.dcm')).toThrow(
      /note.dcm: is no DICOM/,
    );
    // The number of bits in one byte, which the parser answers with a text, not an error.
    const bits = dicom([
      [0x00200037, 'DS', '1\\0\\0\\0\\1\\0'],
      [0x00280010, 'US', rows],
      [0x00280002, 'US', Buffer.alloc(1)],
    ]);
    expect(() => parseDicomSlice(bits, 'bits.dcm')).toThrow(DataError);
    expect(() => parseDicomSlice(bits, 'bits.dcm')).toThrow(/bits.dcm: no valid DICOM/);
    const long = dicom([
      [0x00200037, 'DS', '1\\'.repeat(5000)],
      [0x00280010, 'US', rows],
    ]);
    expect(() => parseDicomSlice(long, 'long.dcm')).toThrow(
      /^long.dcm: ImageOrientationPatient is .{1,120}, expected 6/,
    );
    const folder = mkdtempSync(join(tmpdir(), 'espalier-dicom-'));
    writeFileSync(join(folder, 'notes.txt'), 'no picture');
    await expect(readDicomSeries(folder)).rejects.toThrow(/holds no image slices of DICOM among 1 files \(1 .txt\)/);
    rmSync(folder, { recursive: true });
  });
});

describe('a folder', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'espalier-dicom-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const put = (name: string, bytes: Buffer) => writeFileSync(join(folder, name), bytes);
  const PIXELS = [0, 1, 2, -1, -2048, 2047];
  const series = (
    heights: readonly number[],
    change: (bytes: Buffer) => Buffer = (bytes) => bytes,
    syntax?: string,
  ) => {
    for (const [i, z] of heights.entries()) put(`s${i}.dcm`, change(slice(z, PIXELS, syntax)));
  };
  const HEIGHTS = [0, 2, 4, 6, 8, 10, 12];

  it('with reports and contours beside the slices is read without them', async () => {
    series(HEIGHTS);
    put(
      'rs.dcm',
      dicom([
        [0x00080060, 'CS', 'RTSTRUCT'],
        [0x0020000e, 'UI', '9.9'],
      ]),
    );
    put('sr.dcm', dicom([[0x00080060, 'CS', 'SR']]));
    put('notes.txt', Buffer.from('a text'));
    expect((await readDicomSeries(folder)).shape).toEqual([7, 2, 3]);
  });

  it('without a slice says what is in it', async () => {
    put('rs.dcm', dicom([[0x00080060, 'CS', 'RTSTRUCT']]));
    put('sr.dcm', dicom([[0x00080060, 'CS', 'SR']]));
    put('x', dicom([[0x0020000e, 'UI', '9.9']]));
    for (const name of ['a.mha', 'b.mha', 'plain']) put(name, Buffer.from('ObjectType = Image'));
    await expect(readDicomSeries(folder)).rejects.toThrow(
      /among 6 files \(2 .mha, 1 without an ending, 1 DICOM RTSTRUCT, 1 DICOM SR, 1 DICOM without an image\); give the folder of one series/,
    );
  });

  it.each([
    [
      'is missing',
      [0, 2, 4, 8, 10, 12, 14],
      /s3.dcm: 4.000 mm after .*s2.dcm, where 2.000 mm are usual; a slice is missing between/,
    ],
    ['is there twice', [0, 2, 4, 4, 6, 8], /s2.dcm and .*s3.dcm lie at one place; a slice is there twice/],
    [
      'lies between two others',
      [0, 2, 4, 5, 6, 8, 10],
      /s3.dcm: 1.000 mm after .*s2.dcm, where 2.000 mm are usual; they are slices of two series/,
    ],
  ])('of which one slice %s names that place', async (_, heights, message) => {
    series(heights);
    await expect(readDicomSeries(folder)).rejects.toThrow(message);
  });

  /** Behind the preamble: the length of the head in 12 bytes, and the element that it counts. */
  const withoutHead = (bytes: Buffer) => bytes.subarray(144 + bytes.readUInt32LE(140));
  it.each(['1.2.840.10008.1.2', '1.2.840.10008.1.2.1', '1.2.840.10008.1.2.2'])(
    'of files without preamble, or without a head, is read (%s)',
    async (syntax) => {
      series(HEIGHTS, undefined, syntax);
      const whole = await readDicomSeries(folder);
      series(HEIGHTS, (bytes) => bytes.subarray(132), syntax);
      expect(await readDicomSeries(folder)).toEqual(whole);
      series(HEIGHTS, withoutHead, syntax);
      expect(await readDicomSeries(folder)).toEqual(whole);
    },
  );

  it('whose pixels are rescaled by no number is refused, by nothing it is not rescaled', () => {
    const with53 = (text: string) => {
      const bytes = slice(0, PIXELS);
      const at = bytes.indexOf(Buffer.from([0x28, 0, 0x53, 0x10])) + 8;
      bytes.write(text, at, 'latin1');
      return bytes;
    };
    expect(() => parseDicomSlice(with53('x '), 'a.dcm')).toThrow(
      /a.dcm: rescales its pixels by "x"; expected a number/,
    );
    expect(parseDicomSlice(with53('  '), 'a.dcm').pixels[1]).toBe(-999);
  });
});
