/**
 * @file A NIfTI image as class ids: the values that somebody wrote, what they mean, and what to do about those that mean nothing.
 */
import { DataError } from '../../base/errors.ts';
import { IGNORE, NOT_ALLOWED } from '../types.ts';
import type { Affine, LabelVolume, VolumeShape } from '../volume.ts';
import { NIFTI_TYPES } from './header.ts';
import type { NiftiImage } from './read.ts';
import { niftiGrid } from './volume.ts';

/** The largest label value that is read; FreeSurfer's go to 14175. */
export const MOST_LABEL = 0xfffd;

/** In {@link RawLabels}: a value that the data set ignores and that is no whole number from 0, such as -1 or NaN. */
const IGNORED_CODE = 0xfffe;
/** In {@link RawLabels}: a value that cannot be one of a class, listed in `strays`. */
const STRAY_CODE = 0xffff;

/** Values nearer to a whole number than this are meant to be it: slope and intercept round. */
const WHOLE = 1e-3;

/** A label file as raw values: class ids as somebody wrote them. */
export interface RawLabels {
  readonly shape: VolumeShape;
  readonly affine: Affine;
  /** Values up to {@link MOST_LABEL}; larger numbers stand for what is ignored, and for what can be no class. */
  readonly data: Uint16Array;
  /** Values that are no whole numbers, at most three different ones. */
  readonly fractions: readonly number[];
  /** Values that can be those of no class: negative, NaN, above {@link MOST_LABEL}; at most eight different ones. */
  readonly strays: readonly number[];
}

/**
 * The raw values of a label file; `ignored` are values beside those of the label map that do not count, such as -1 or NaN.
 * @throws DataError when it has several channels.
 */
export function niftiRawLabels(
  { header, samples }: NiftiImage,
  file: string,
  ignored: readonly number[] = [],
): RawLabels {
  const { shape, affine, channels } = niftiGrid(header, file);
  if (channels !== 1 || NIFTI_TYPES[header.datatype].components !== 1) {
    throw new DataError(
      `${file}: labels of shape ${header.shape.join('x')} and type ${NIFTI_TYPES[header.datatype].name}`,
      'labels have three axes and one class id a voxel',
    );
  }
  const { slope, intercept } = header;
  const data = new Uint16Array(samples.length);
  const fractions = new Set<number>();
  const strays = new Set<number>();
  for (let i = 0; i < samples.length; i++) {
    const value = samples[i] * slope + intercept;
    const whole = Math.round(value);
    if (whole >= 0 && whole <= MOST_LABEL) {
      if (!(Math.abs(value - whole) < WHOLE) && fractions.size < 3) fractions.add(value);
      data[i] = whole;
    } else if (ignored.includes(whole)) data[i] = IGNORED_CODE;
    else {
      data[i] = STRAY_CODE;
      if (strays.size < 8) strays.add(whole);
    }
  }
  return { shape, affine, data, fractions: [...fractions], strays: [...strays] };
}

/** The class id of a raw value, `IGNORE` or `NOT_ALLOWED`. */
export const classOfRaw = (raw: number, labelMap: readonly number[]): number =>
  raw === IGNORED_CODE ? IGNORE : (labelMap[raw] ?? NOT_ALLOWED);

/** What is wrong with the values of a label file, and how to fix it; undefined when every one is that of a class or ignored. */
export function labelFault(raw: RawLabels, labelMap: readonly number[]): { message: string; fix: string } | undefined {
  const { data, fractions, strays } = raw;
  if (fractions.length > 0)
    return {
      message: `label values ${listValues(fractions)} are no whole numbers`,
      fix: 'they were interpolated or rescaled: write them again, resampled with the nearest neighbour, or rounded',
    };
  if (strays.length > 0) {
    const value = [...strays].sort(byFix)[0];
    const text = Number.isNaN(value) ? '"NaN"' : value;
    return {
      message: `label values ${listValues(strays)} belong to no class`,
      fix:
        value > MOST_LABEL
          ? `values up to ${MOST_LABEL} are read: map them to smaller ones`
          : `add "ignore": ${strays.length > 1 ? `[${strays.map((one) => (Number.isNaN(one) ? '"NaN"' : one)).join(', ')}]` : text} under \`labels\` in dataset.json if these voxels shall not count, or write 0 there`,
    };
  }
  const unknown = new Set<number>();
  for (const value of data) if (classOfRaw(value, labelMap) === NOT_ALLOWED) unknown.add(value);
  if (unknown.size === 0) return undefined;
  return {
    message: `label values ${listValues([...unknown])} belong to no class`,
    fix: 'name them under `labels` in dataset.json, or add them to "ignore" there',
  };
}

/** What cannot be ignored by a word comes first. */
const byFix = (a: number, b: number): number => Number(b > MOST_LABEL) - Number(a > MOST_LABEL);

/** Raw values to class ids. Throws a `DataError` that names the file and the values that are none. */
export function toLabelVolume(raw: RawLabels, labelMap: readonly number[], file: string): LabelVolume {
  const fault = labelFault(raw, labelMap);
  if (fault) throw new DataError(`${file}: ${fault.message}`, fault.fix);
  const { shape, affine, data } = raw;
  return { shape, affine, data: Uint8Array.from(data, (value) => classOfRaw(value, labelMap)) };
}

/** Values in order, some of many, for messages. */
function listValues(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b).map((value) => Number(value.toPrecision(6)));
  return sorted.slice(0, 8).join(', ') + (sorted.length > 8 ? `, ... (${sorted.length} values)` : '');
}
