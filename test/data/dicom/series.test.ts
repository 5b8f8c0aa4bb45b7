/** @file A folder of DICOM slices as a volume: the real series as pydicom reads it, and what is refused. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
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
    await expect(readDicomSeries(copy)).rejects.toThrow(/a slice is missing or there twice/);
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
    expect(stack(a, a)).toThrow(/there twice/);
  });

  it('that are compressed, cut or no DICOM are refused by name', async () => {
    expect(() => parseDicomSlice(slice(0, [0, 0, 0, 0, 0, 0], '1.2.840.10008.1.2.4.70'), 'j.dcm')).toThrow(
      /j.dcm: compressed DICOM/,
    );
    expect(() => parseDicomSlice(slice(0, [0, 0]), 'short.dcm')).toThrow(
      /short.dcm: its pixel data are missing or too short/,
    );
    expect(() => parseDicomSlice(dicom([[0x00080060, 'CS', 'MR']]), 'bare.dcm')).toThrow(
      /bare.dcm: ImageOrientationPatient/,
    );
    // The number of bits in one byte, which the parser answers with a text, not an error.
    const bits = dicom([
      [0x00200037, 'DS', '1\\0\\0\\0\\1\\0'],
      [0x00280002, 'US', Buffer.alloc(1)],
    ]);
    expect(() => parseDicomSlice(bits, 'bits.dcm')).toThrow(DataError);
    expect(() => parseDicomSlice(bits, 'bits.dcm')).toThrow(/bits.dcm: no valid DICOM/);
    const long = dicom([[0x00200037, 'DS', '1\\'.repeat(5000)]]);
    expect(() => parseDicomSlice(long, 'long.dcm')).toThrow(
      /^long.dcm: ImageOrientationPatient is .{1,120}, expected 6/,
    );
    const folder = mkdtempSync(join(tmpdir(), 'espalier-dicom-'));
    writeFileSync(join(folder, 'notes.txt'), 'no picture');
    await expect(readDicomSeries(folder)).rejects.toThrow(/holds no DICOM files/);
    rmSync(folder, { recursive: true });
  });
});
