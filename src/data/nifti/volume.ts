/**
 * @file A NIfTI image as a volume of intensities or of class ids.
 */
import { DataError } from '../../base/errors.ts';
import { IGNORE, NOT_ALLOWED } from '../types.ts';
import { type Affine, type LabelVolume, requireGrid, type Volume, type VolumeShape } from '../volume.ts';
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
 * Intensities after scaling; what is no finite number becomes 0. Axes above the third and colours become channels.
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
      data[to] = Number.isFinite(value) ? value : 0;
    }
  }
  return { channels, shape, data, affine };
}

/** Values nearer to a whole number than this are meant to be it: slope and intercept round. */
const WHOLE = 1e-3;

/** A label file as raw values: class ids as somebody wrote them. */
export interface RawLabels {
  readonly shape: VolumeShape;
  readonly affine: Affine;
  /** Whole numbers; 65535 stands for every value outside 0..65534. */
  readonly data: Uint16Array;
  /** Values that are no whole numbers, at most three of them. */
  readonly fractions: readonly number[];
}

/** The raw values of a label file. Throws a `DataError` when it has several channels. */
export function niftiRawLabels({ header, samples }: NiftiImage, file: string): RawLabels {
  const { shape, affine, channels } = niftiGrid(header, file);
  if (channels !== 1 || NIFTI_TYPES[header.datatype].components !== 1) {
    throw new DataError(
      `${file}: labels of shape ${header.shape.join('x')} and type ${NIFTI_TYPES[header.datatype].name}`,
      'labels have three axes and one class id a voxel',
    );
  }
  const { slope, intercept } = header;
  const data = new Uint16Array(samples.length);
  const fractions: number[] = [];
  for (let i = 0; i < samples.length; i++) {
    const value = samples[i] * slope + intercept;
    const whole = Math.round(value);
    if (!(Math.abs(value - whole) < WHOLE) && fractions.length < 3) fractions.push(value);
    data[i] = whole >= 0 && whole < 0xffff ? whole : 0xffff;
  }
  return { shape, affine, data, fractions };
}

/** Raw values to class ids. Throws a `DataError` that names the file and the values that are none. */
export function toLabelVolume(raw: RawLabels, labelMap: readonly number[], file: string): LabelVolume {
  const { shape, affine, data, fractions } = raw;
  if (fractions.length > 0) {
    throw new DataError(
      `${file}: label values ${fractions.map((value) => Number(value.toPrecision(6))).join(', ')} are no whole numbers`,
      'resample labels with the nearest neighbour only',
    );
  }
  const ids = new Uint8Array(data.length);
  const wrong = new Set<number>();
  for (let i = 0; i < data.length; i++) {
    const id = labelMap[data[i]] ?? NOT_ALLOWED;
    if (id === NOT_ALLOWED) wrong.add(data[i]);
    ids[i] = id === NOT_ALLOWED ? IGNORE : id;
  }
  if (wrong.size > 0) {
    throw new DataError(
      `${file}: label values ${listValues(wrong)} belong to no class`,
      'name them under `labels` in dataset.json',
    );
  }
  return { shape, affine, data: ids };
}

/** Values in order, some of many, for messages. */
export function listValues(values: ReadonlySet<number>): string {
  const sorted = [...values]
    .sort((a, b) => a - b)
    .map((value) => (value === 0xffff ? 'below 0 or above 65534' : String(value)));
  return sorted.slice(0, 8).join(', ') + (sorted.length > 8 ? `, ... (${sorted.length} values)` : '');
}
