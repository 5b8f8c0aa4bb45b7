/** @file Volumes that a run keeps to be looked at: what comes back, how large they become, what is refused. */
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../src/base/errors.ts';
import { createNiftiHeader, encodeNifti } from '../../src/data/nifti/encode.ts';
import { parseNiftiHeader, withFields } from '../../src/data/nifti/header.ts';
import {
  framesOf,
  MOST_SAMPLE_BYTES,
  MOST_VOXELS,
  parseSampleVolume,
  toSampleVolume,
} from '../../src/data/sampleVolume.ts';
import type { PredictedVolume } from '../../src/data/slices.ts';

const side = fc.integer({ min: 1, max: 9 });
const millimetres = fc.integer({ min: 1, max: 40 }).map((value) => value / 8);
const volume = fc
  .tuple(fc.tuple(side, side, side), fc.tuple(millimetres, millimetres, millimetres), fc.integer({ min: 1, max: 3 }))
  .chain(([shape, spacingMm, channels]) => {
    const voxels = shape[0] * shape[1] * shape[2];
    const ids = fc.uint8Array({ minLength: voxels, maxLength: voxels });
    const image = fc.float32Array({
      minLength: voxels * channels,
      maxLength: voxels * channels,
      noNaN: true,
      min: -9,
      max: 9,
    });
    return fc.record({
      shape: fc.constant(shape),
      spacingMm: fc.constant(spacingMm),
      channels: fc.constant(channels),
      image,
      label: ids,
      prediction: ids,
    });
  });

const fileOf = (one: Omit<PredictedVolume, 'classes'>, most?: number): Buffer => {
  const { samples, ...grid } = framesOf(toSampleVolume(one, most));
  return gunzipSync(encodeNifti(createNiftiHeader(grid), samples));
};

describe('a sample volume', () => {
  it('comes back from its file as it was, the image as grey levels of its first channel', () => {
    fc.assert(
      fc.property(volume, (one) => {
        const { shape, spacingMm, image, label, prediction } = parseSampleVolume(fileOf(one), 'f');
        expect(shape).toEqual(one.shape);
        expect(spacingMm).toEqual(one.spacingMm);
        expect([...label]).toEqual([...one.label]);
        expect([...prediction]).toEqual([...one.prediction]);
        const first = one.image.filter((_, i) => i % one.channels === 0);
        const order = [...first.keys()].sort((a, b) => first[a] - first[b]);
        const levels = order.map((i) => image[i]);
        expect(levels).toEqual([...levels].sort((a, b) => a - b));
        if (Math.min(...first) < Math.max(...first)) expect([Math.min(...image), Math.max(...image)]).toEqual([0, 255]);
      }),
    );
  });

  it('is thinned to a limit: as large in millimetres, label and prediction at the same places', () => {
    fc.assert(
      fc.property(volume, fc.integer({ min: 1, max: 200 }), (one, most) => {
        const same = { ...one, prediction: one.label };
        const thin = toSampleVolume(same, most);
        const voxels = thin.shape[0] * thin.shape[1] * thin.shape[2];
        // An axis keeps one voxel at least.
        expect(voxels).toBeLessThanOrEqual(Math.max(most, ...one.shape.map((length) => one.label.length / length)));
        if (one.label.length <= most) expect(thin.shape).toEqual(one.shape);
        expect([thin.image.length, thin.label.length]).toEqual([voxels, voxels]);
        expect(thin.prediction).toEqual(thin.label);
        thin.shape.forEach((length, axis) => {
          expect(length * thin.spacingMm[axis]).toBeCloseTo(one.shape[axis] * one.spacingMm[axis]);
        });
        expect([...one.label]).toEqual(expect.arrayContaining([...thin.label]));
      }),
    );
    expect(MOST_SAMPLE_BYTES).toBeLessThan(3.01 * MOST_VOXELS);
  });

  it('keeps every second voxel of an even grid', () => {
    const label = Uint8Array.from({ length: 64 }, (_, i) => i);
    const thin = toSampleVolume(
      { shape: [4, 4, 4], spacingMm: [1, 1, 1], channels: 1, image: new Float32Array(64), label, prediction: label },
      8,
    );
    expect([...thin.label]).toEqual([21, 23, 29, 31, 53, 55, 61, 63]);
    expect(thin.spacingMm).toEqual([2, 2, 2]);
  });

  it('of a stranger is refused with the name of its file', () => {
    const one = {
      shape: [2, 2, 2],
      spacingMm: [1, 1, 1],
      channels: 1,
      image: new Float32Array(8),
      label: new Uint8Array(8),
      prediction: new Uint8Array(8),
    };
    const bytes = fileOf(one);
    const header = parseNiftiHeader(bytes, 'f');
    const changed = (fields: Parameters<typeof withFields>[1]) =>
      Buffer.concat([withFields(header, fields).bytes, bytes.subarray(header.bytes.length)]);
    const wrong: Record<string, Uint8Array> = {
      'ends after': bytes.subarray(0, -1),
      'got axes 2x2x2x2': changed({ dim: [4, 2, 2, 2, 2] }),
      'got axes 2x2x6': changed({ dim: [3, 2, 2, 6] }),
      'in bytes': changed({ datatype: [4], bitpix: [16] }),
      'the most is': changed({ dim: [4, 2000, 2000, 2000, 3] }),
      'not a NIfTI file': new Uint8Array(400),
    };
    for (const [message, file] of Object.entries(wrong)) {
      expect(() => parseSampleVolume(file, 'their.nii.gz'), message).toThrow(DataError);
      expect(() => parseSampleVolume(file, 'their.nii.gz')).toThrow(new RegExp(`their.nii.gz.*${message}`));
    }
    expect(parseSampleVolume(changed({ pixdim: [1, Number.NaN, 0, -1] }), 'f').spacingMm).toEqual([1, 1, 1]);
  });
});
