/**
 * @file A NIfTI image as a volume of intensities.
 */
import { DataError } from '../../base/errors.ts';
import { type Affine, requireGrid, type Volume, type VolumeShape } from '../volume.ts';
import { niftiAffine } from './affine.ts';
import { NIFTI_TYPES, type NiftiHeader } from './header.ts';
import type { NiftiImage } from './read.ts';

/** Where the voxels of a header lie: `[depth, height, width]`, an affine, and the channels (axes above the third, colours). */
export interface NiftiGrid {
  readonly shape: VolumeShape;
  readonly affine: Affine;
  readonly channels: number;
}

/** The grid of a header. Throws a `DataError` for voxels without extent, such as a spacing of zero. */
export function niftiGrid(header: NiftiHeader, file: string): NiftiGrid {
  const [x, y = 1, z = 1, ...more] = header.shape;
  const affine = inMillimetres(niftiAffine(header), header.millimetres);
  requireGrid(affine, file);
  const colours = header.datatype === 128 || header.datatype === 2304 ? NIFTI_TYPES[header.datatype].components : 1;
  return { shape: [z, y, x], affine, channels: more.reduce((product, length) => product * length, colours) };
}

function inMillimetres([x, y, z, last]: Affine, unit: number): Affine {
  const scaled = (row: Affine[number]): Affine[number] => [row[0] * unit, row[1] * unit, row[2] * unit, row[3] * unit];
  return unit === 1 ? [x, y, z, last] : [scaled(x), scaled(y), scaled(z), last];
}

/**
 * Intensities after scaling; what is no finite number becomes NaN, which `prepareVolume` takes for air. Axes above the third and colours become channels.
 * Throws a `DataError` for complex numbers.
 */
export function niftiVolume({ header, samples }: NiftiImage, file: string): Volume {
  const { name, components } = NIFTI_TYPES[header.datatype];
  if (name.startsWith('complex')) {
    throw new DataError(`${file}: holds complex numbers (${name}), no intensities`, 'write their magnitude as float32');
  }
  const { shape, affine, channels } = niftiGrid(header, file);
  const { slope, intercept } = header;
  const data = new Float32Array(samples.length);
  // Channels on axes of their own lie one after another already; colours of a voxel lie together.
  const voxels = samples.length / components;
  for (let c = 0, to = 0; c < components; c++) {
    for (let from = c, i = 0; i < voxels; i++, to++, from += components) {
      const value = samples[from] * slope + intercept;
      data[to] = Number.isFinite(value) ? value : Number.NaN;
    }
  }
  return { channels, shape, data, affine };
}
