/** @file Every file of the conformance set is as nibabel says it is, and as nifti-reader-js reads it. */
import { readFileSync } from 'node:fs';
import { decompress, isCompressed, readHeader, readImage } from 'nifti-reader-js';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../../src/base/errors.ts';
import { niftiAffine } from '../../../src/data/nifti/affine.ts';
import { NIFTI_TYPES } from '../../../src/data/nifti/header.ts';
import { readNifti, readNiftiHeader } from '../../../src/data/nifti/read.ts';
import { niftiVolume } from '../../../src/data/nifti/volume.ts';
import { orientationOf } from '../../../src/data/volumes/orientation.ts';
import { hasRealData, realData } from '../realData.ts';

interface Expected {
  error?: string;
  format: string;
  shape: number[];
  dtype: string;
  endian: string;
  zooms: number[];
  affine: number[][];
  orientation: string;
  sform_code: number;
  qform_code: number;
  extensions: number;
  min?: number;
  max: number;
  mean: number;
  sum: number;
  middle: { index: number[]; value: number };
}

const folder = (...path: string[]) => realData('formats', 'nifti', ...path);
const expected: Record<string, Expected> = hasRealData ? JSON.parse(readFileSync(folder('expected.json'), 'utf8')) : {};
const DTYPES: Record<string, string> = {
  '>f4': 'float32',
  '>i2': 'int16',
  "[('R', 'u1'), ('G', 'u1'), ('B', 'u1')]": 'rgb24',
};

function expectClose(got: readonly number[], want: readonly number[]): void {
  expect(got.length).toBe(want.length);
  for (let i = 0; i < got.length; i++) expect(got[i]).toBeCloseTo(want[i], 4);
}

describe.skipIf(!hasRealData)('NIfTI conformance', () => {
  const names = Object.keys(expected);
  const sound = names.filter((name) => expected[name].error === undefined);

  it('has the files', () => {
    expect(names.length).toBe(33);
  });

  it.each(sound)('%s', async (name) => {
    const want = expected[name];
    const { header, samples, extensions } = await readNifti(folder(name));
    expect(header).toEqual(await readNiftiHeader(folder(name)));
    expect(header.shape).toEqual(want.shape);
    expect(NIFTI_TYPES[header.datatype].name).toBe(DTYPES[want.dtype] ?? want.dtype);
    expect(header.littleEndian ? 'little' : 'big').toBe(want.endian);
    expect(`Nifti${header.version}${header.single ? 'Image' : 'Pair'}`).toBe(want.format);
    expect([header.sformCode, header.qformCode, extensions]).toEqual([
      want.sform_code,
      want.qform_code,
      want.extensions,
    ]);
    expectClose(header.zooms, want.zooms);
    const affine = niftiAffine(header);
    expectClose(affine.flat(), want.affine.flat());
    expect(orientationOf(affine).code).toBe(want.orientation);
    if (want.min === undefined) return;
    let [min, max, sum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
    const valueAt = (i: number) => samples[i] * header.slope + header.intercept;
    for (let i = 0; i < samples.length; i++) {
      const value = valueAt(i);
      if (value < min) min = value;
      if (value > max) max = value;
      sum += value;
    }
    const close = (a: number, b: number) =>
      expect(Math.abs(a - b)).toBeLessThanOrEqual(1e-6 * Math.max(1, Math.abs(b)));
    close(min, want.min);
    close(max, want.max);
    expect(Math.abs(sum - want.sum)).toBeLessThanOrEqual(Math.max(6e-4, 1e-9 * sum)); // stored with three decimals
    close(sum / samples.length, want.mean);
    const at = want.middle.index.reduceRight((offset, index, axis) => offset * want.shape[axis] + index, 0);
    close(valueAt(at), want.middle.value);
    const volume = niftiVolume({ header, samples, extensions }, name);
    expect(volume.data[at]).toBe(Math.fround(want.middle.value));
    expect([volume.channels, ...volume.shape].reduce((a, b) => a * b)).toBe(samples.length);
  });

  it.each(names.filter((name) => expected[name].error !== undefined))('%s is refused', async (name) => {
    await expect(readNifti(folder(name))).rejects.toThrow(DataError);
    await expect(readNifti(folder(name))).rejects.toThrow(name);
  });

  it('refuses complex numbers as intensities, and reads colours as channels', async () => {
    const complex = await readNifti(folder('complex_image.nii.gz'));
    expect(() => niftiVolume(complex, 'complex_image.nii.gz')).toThrow(/complex_image.nii.gz: holds complex numbers/);
    const colours = await readNifti(folder('ct_perfusion.nii.gz'));
    const { channels, data } = niftiVolume(colours, 'ct_perfusion.nii.gz');
    expect(channels).toBe(3);
    const voxels = data.length / 3;
    for (let i = 0; i < voxels; i += 997)
      for (let c = 0; c < 3; c++) expect(data[c * voxels + i]).toBe(colours.samples[i * 3 + c]);
  });

  // nifti-reader-js knows no pairs in two files.
  it.each(sound.filter((name) => /\.nii(\.gz)?$/.test(name)))('%s as nifti-reader-js reads it', async (name) => {
    const file = readFileSync(folder(name));
    let bytes = new Uint8Array(file).buffer as ArrayBuffer;
    if (isCompressed(bytes)) bytes = decompress(bytes) as ArrayBuffer;
    const other = readHeader(bytes);
    const { header, samples } = await readNifti(folder(name));
    if (other === null) throw new Error('nifti-reader-js reads no header');
    expect(header.shape).toEqual(other.dims.slice(1, 1 + other.dims[0]));
    expect(header.datatype).toBe(other.datatypeCode);
    if (header.sformCode > 0) expectClose(niftiAffine(header).flat(), other.affine.flat());
    const raw = new DataView(readImage(other, bytes));
    const { bytes: width, name: type } = NIFTI_TYPES[header.datatype];
    const read: Partial<Record<typeof type, (at: number) => number>> = {
      uint8: (at) => raw.getUint8(at),
      int16: (at) => raw.getInt16(at, other.littleEndian),
      float32: (at) => raw.getFloat32(at, other.littleEndian),
      float64: (at) => raw.getFloat64(at, other.littleEndian),
      int64: (at) => Number(raw.getBigInt64(at, other.littleEndian)),
      rgb24: (at) => raw.getUint8(at),
      complex64: (at) => raw.getFloat32(at, other.littleEndian),
    };
    const valueAt = read[type];
    if (valueAt === undefined) throw new Error(`no reader for ${type}`);
    let different = 0;
    for (let i = 0; i < samples.length; i++) if (!Object.is(samples[i], valueAt(i * width))) different++;
    expect(different).toBe(0);
  });
});
