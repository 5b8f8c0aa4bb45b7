/**
 * @file What a run keeps of a scored volume to be looked at slice by slice: `samples/<id>.nii.gz`, a NIfTI file of bytes whose fourth axis holds
 * the grey levels of the image, the label and the prediction. Pure, so that a page can read it; compression is the affair of others.
 */
import { DataError } from '../base/errors.ts';
import { greyLevels } from './images/visual.ts';
import { HEADER_BYTES, parseNiftiHeader } from './nifti/header.ts';
import type { PredictedVolume } from './slices.ts';
import type { Affine, VolumeShape } from './volume.ts';

/** A scored volume in RAS+, in bytes. */
export interface SampleVolume {
  /** `[depth, height, width]`. */
  readonly shape: VolumeShape;
  /** Millimetres from voxel to voxel along `[depth, height, width]`. */
  readonly spacingMm: readonly [number, number, number];
  /** Grey levels of the first channel, `[depth, height, width]`. */
  readonly image: Uint8Array;
  /** Class ids and `IGNORE`. */
  readonly label: Uint8Array;
  readonly prediction: Uint8Array;
}

/** Image, label, prediction. */
const FRAMES = 3;

/** Larger volumes are thinned to this many voxels, about 200 along each axis: 24 MiB in memory, less on disk. */
export const MOST_VOXELS = 2 ** 23;

/** Bytes of the longest file before compression. */
export const MOST_SAMPLE_BYTES = HEADER_BYTES[1] + 4 + FRAMES * MOST_VOXELS;

/**
 * The volume as it is kept. With more than `most` voxels every axis keeps the same share of its places, evenly spread and the same ones in
 * image, label and prediction, so that what is wrong stays wrong.
 */
export function toSampleVolume(volume: Omit<PredictedVolume, 'classes'>, most = MOST_VOXELS): SampleVolume {
  const grey = greyLevels(volume.image, volume.channels);
  const scale = Math.min(1, Math.cbrt(most / grey.length));
  const kept = volume.shape.map((side) => Math.max(1, Math.floor(side * scale)));
  const places = volume.shape.map((side, axis) =>
    Array.from({ length: kept[axis] }, (_, i) => Math.floor(((i + 0.5) * side) / kept[axis])),
  );
  const [, height, width] = volume.shape;
  const thinned = (values: Uint8Array): Uint8Array => {
    if (scale === 1) return values;
    const out = new Uint8Array(kept[0] * kept[1] * kept[2]);
    let to = 0;
    for (const z of places[0])
      for (const y of places[1]) for (const x of places[2]) out[to++] = values[(z * height + y) * width + x];
    return out;
  };
  const ofAxes = <Value>(value: (axis: number) => Value): [Value, Value, Value] => [value(0), value(1), value(2)];
  return {
    shape: ofAxes((axis) => kept[axis]),
    spacingMm: ofAxes((axis) => (volume.spacingMm[axis] * volume.shape[axis]) / kept[axis]),
    image: thinned(grey),
    label: thinned(volume.label),
    prediction: thinned(volume.prediction),
  };
}

/** The grid and the samples of the file: axes x, y, z and frame, and an affine in RAS+ around the middle. */
export function framesOf({ shape, spacingMm, image, label, prediction }: SampleVolume): {
  shape: number[];
  affine: Affine;
  samples: Uint8Array;
} {
  const samples = new Uint8Array(FRAMES * image.length);
  [image, label, prediction].forEach((frame, i) => {
    samples.set(frame, i * image.length);
  });
  const [z, y, x] = spacingMm;
  const start = shape.map((side, axis) => (-spacingMm[axis] * (side - 1)) / 2);
  const affine: Affine = [
    [x, 0, 0, start[2]],
    [0, y, 0, start[1]],
    [0, 0, z, start[0]],
    [0, 0, 0, 1],
  ];
  return { shape: [...shape].reverse().concat(FRAMES), affine, samples };
}

/**
 * Parses an uncompressed file; its frames are views of `bytes`.
 * @throws DataError that names `file` when it is none of these, or larger than Espalier writes them.
 */
export function parseSampleVolume(bytes: Uint8Array, file: string): SampleVolume {
  const { shape: axes, datatype, voxOffset, pixdim } = parseNiftiHeader(bytes, file);
  const [width, height, depth, frames] = axes;
  if (axes.length !== 4 || frames !== FRAMES || datatype !== 2)
    throw new DataError(`${file}: expected image, label and prediction in bytes, got axes ${axes.join('x')}`);
  const voxels = width * height * depth;
  if (voxels > MOST_VOXELS) throw new DataError(`${file}: has ${voxels} voxels, the most is ${MOST_VOXELS}`);
  if (bytes.length < voxOffset + FRAMES * voxels) {
    throw new DataError(
      `${file}: ends after ${bytes.length} of ${voxOffset + FRAMES * voxels} bytes`,
      'copy the file again',
    );
  }
  const frame = (i: number): Uint8Array => bytes.subarray(voxOffset + i * voxels, voxOffset + (i + 1) * voxels);
  // A file without sizes has cubes.
  const spacing = (axis: number): number => (pixdim[axis] > 0 && Number.isFinite(pixdim[axis]) ? pixdim[axis] : 1);
  return {
    shape: [depth, height, width],
    spacingMm: [spacing(3), spacing(2), spacing(1)],
    image: frame(0),
    label: frame(1),
    prediction: frame(2),
  };
}
