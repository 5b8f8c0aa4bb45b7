/** @file A folder of DICOM slices as a volume: the real series as pydicom reads it, and what is refused. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readDicomSeries, stackSlices } from '../../../src/data/dicom/series.ts';
import { type DicomSlice, parseDicomSlice } from '../../../src/data/dicom/slice.ts';
import { spacingOf } from '../../../src/data/volume.ts';
import { orientationOf } from '../../../src/data/volumes/orientation.ts';
import { hasRealData, realData } from '../realData.ts';

/** A file of one element after another, with a head that states the transfer syntax. */
function dicom(elements: [tag: number, vr: string, value: string | Buffer][], syntax = '1.2.840.10008.1.2.1'): Buffer {
  const big = syntax.endsWith('.2.2');
  const implicit = syntax === '1.2.840.10008.1.2';
  const element = (tag: number, vr: string, value: string | Buffer, explicit: boolean, bigEndian: boolean): Buffer => {
    const body = typeof value === 'string' ? Buffer.from(value.length % 2 ? `${value} ` : value, 'latin1') : value;
    const head = Buffer.alloc(explicit ? (vr === 'OW' ? 12 : 8) : 8);
    const write16 = (number: number, at: number) =>
      bigEndian ? head.writeUInt16BE(number, at) : head.writeUInt16LE(number, at);
    const write32 = (number: number, at: number) =>
      bigEndian ? head.writeUInt32BE(number, at) : head.writeUInt32LE(number, at);
    write16(tag >>> 16, 0);
    write16(tag & 0xffff, 2);
    if (!explicit) write32(body.length, 4);
    else {
      head.write(vr, 4, 'latin1');
      if (vr === 'OW') write32(body.length, 8);
      else write16(body.length, 6);
    }
    return Buffer.concat([head, body]);
  };
  const meta = element(0x00020010, 'UI', syntax.length % 2 ? `${syntax}\0` : syntax, true, false);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(meta.length);
  return Buffer.concat([
    Buffer.alloc(128),
    Buffer.from('DICM'),
    element(0x00020000, 'UL', length, true, false),
    meta,
    ...elements.map(([tag, vr, value]) => element(tag, vr, value, !implicit, big)),
  ]);
}

function slice(z: number, pixels: number[], syntax?: string): Buffer {
  const big = syntax?.endsWith('.2.2') ?? false;
  const short = (number: number): Buffer => {
    const buffer = Buffer.alloc(2);
    if (big) buffer.writeUInt16BE(number & 0xffff);
    else buffer.writeUInt16LE(number & 0xffff);
    return buffer;
  };
  return dicom(
    [
      [0x00080060, 'CS', 'CT'],
      [0x0020000e, 'UI', '1.2.3.4'],
      [0x00200032, 'DS', `-10\\5\\${z}`],
      [0x00200037, 'DS', '1\\0\\0\\0\\1\\0'],
      [0x00280002, 'US', short(1)],
      [0x00280010, 'US', short(2)],
      [0x00280011, 'US', short(3)],
      [0x00280030, 'DS', '2\\0.5'],
      [0x00280100, 'US', short(16)],
      [0x00280101, 'US', short(12)],
      [0x00280103, 'US', short(1)],
      [0x00281052, 'DS', '-1000'],
      [0x00281053, 'DS', '2'],
      [0x7fe00010, 'OW', Buffer.concat(pixels.map(short))],
    ],
    syntax,
  );
}

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
    const folder = mkdtempSync(join(tmpdir(), 'espalier-dicom-'));
    writeFileSync(join(folder, 'notes.txt'), 'no picture');
    await expect(readDicomSeries(folder)).rejects.toThrow(/holds no DICOM files/);
    rmSync(folder, { recursive: true });
  });
});
