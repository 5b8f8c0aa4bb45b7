/**
 * @file Writes NIfTI files, compressed with gzip. A class map keeps the header of the volume it was predicted for: every byte that says
 * where the voxels lie, in the byte order and version of that file.
 */
import { gzipSync } from 'node:zlib';
import { ShapeError } from '../../base/errors.ts';
import { type Affine, spacingOf } from '../volume.ts';
import {
  asSingleFile,
  blankHeaderBytes,
  countSamples,
  HEADER_BYTES,
  NIFTI_TYPES,
  type NiftiHeader,
  type NiftiTypeCode,
  parseNiftiHeader,
  withFields,
} from './header.ts';
import { type NiftiSamples, swap } from './read.ts';

/** Code of the intent "label" in the standard. */
const INTENT_LABEL = 1002;

/**
 * A class map as a `.nii.gz` file on the grid of `header`; with `values`, those of the label files for each class id. Values above 255 are written in
 * 16 bits.
 */
export function encodeLabels(header: NiftiHeader, ids: Uint8Array, values?: readonly number[]): Buffer {
  const wide = values?.some((value) => value > 255) ?? false;
  const samples = wide ? new Uint16Array(ids.length) : new Uint8Array(ids.length);
  for (let i = 0; i < ids.length; i++) samples[i] = values ? values[ids[i]] : ids[i];
  return encodeNifti(labelHeader(header, wide ? 'uint16' : 'uint8'), samples);
}

/** Probabilities `[classes, depth, height, width]` on the grid of `header` as a `.nii.gz` file of float32, classes along the fourth axis. */
export function encodeProbabilities(header: NiftiHeader, probabilities: Float32Array): Buffer {
  const [x, y = 1, z = 1] = header.shape;
  const classes = probabilities.length / (x * y * z);
  return encodeNifti(gridHeader(header, 'float32', [4, x, y, z, classes, 1, 1, 1]), probabilities);
}

/**
 * The header of a class map on the grid of `header`: whole numbers of 8 or 16 bits, three axes, no scaling, no display range, intent `label`; forms, voxel
 * sizes, units and texts stay bit for bit.
 */
export function labelHeader(header: NiftiHeader, type: 'uint8' | 'uint16' = 'uint8'): NiftiHeader {
  const [x, y = 1, z = 1] = header.shape;
  return gridHeader(header, type, [3, x, y, z, 1, 1, 1, 1], INTENT_LABEL);
}

/** Codes and bytes of what is written. */
const WRITTEN = { uint8: [2, 1], uint16: [512, 2], float32: [16, 4] } as const;

/** The header of samples of another type on the grid of `header`: no scaling, no display range. */
function gridHeader(
  header: NiftiHeader,
  type: keyof typeof WRITTEN,
  dim: readonly number[],
  intent: number = 0,
): NiftiHeader {
  const [code, bytes] = WRITTEN[type];
  return withFields(asSingleFile(header), {
    dim: [...dim],
    datatype: [code],
    bitpix: [8 * bytes],
    slope: [1],
    intercept: [0],
    calibration: [0, 0],
    intentCode: [intent],
    intentParameters: [0, 0, 0],
    intentName: Array(16).fill(0),
    voxOffset: [HEADER_BYTES[header.version] + 4],
  });
}

/** A new little-endian NIfTI-1 header: axes x first, an sform in scanner coordinates, millimetres. */
export function createNiftiHeader(options: {
  shape: readonly number[];
  affine: Affine;
  /** Default `uint8`. */
  type?: 'uint8' | 'int16' | 'float32';
}): NiftiHeader {
  const { shape, affine, type = 'uint8' } = options;
  const code = { uint8: 2, int16: 4, float32: 16 }[type] as NiftiTypeCode;
  const [z, y, x] = spacingOf(affine);
  return withFields(parseNiftiHeader(blankHeaderBytes(), 'header'), {
    dim: [shape.length, ...shape, ...Array(7 - shape.length).fill(1)],
    datatype: [code],
    bitpix: [8 * NIFTI_TYPES[code].bytes],
    pixdim: [1, x, y, z, 1, 1, 1, 1],
    slope: [1],
    voxOffset: [HEADER_BYTES[1] + 4],
    units: [2],
    sformCode: [1],
    srow: affine.slice(0, 3).flat(),
  });
}

/** A whole `.nii.gz` file: the header, no extensions, and the samples as stored, x fastest. */
export function encodeNifti(header: NiftiHeader, samples: NiftiSamples): Buffer {
  const count = countSamples(header);
  const { bytes: width, name } = NIFTI_TYPES[header.datatype];
  if (samples.length !== count || samples.BYTES_PER_ELEMENT !== width) {
    throw new ShapeError(
      `${samples.length} samples of ${samples.BYTES_PER_ELEMENT} bytes do not fill ${header.shape.join('x')} ${name}`,
    );
  }
  const file = Buffer.alloc(header.voxOffset + count * width);
  file.set(header.bytes);
  file.set(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength), header.voxOffset);
  if (!header.littleEndian) swap(file.subarray(header.voxOffset), width);
  return gzipSync(file);
}
