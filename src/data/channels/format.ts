/**
 * @file What images hold that are not read as 8-bit RGB: names of their channels, the type of their samples, and how samples become numbers about zero.
 * Plain data, which a run and an exported model keep.
 */
import type { Normalisation } from '../volumes/preparation.ts';

/** The types of samples that are read. */
export const SAMPLE_TYPES = ['uint8', 'uint16', 'float32'] as const;
export type SampleType = (typeof SAMPLE_TYPES)[number];

/** Samples as they are stored, `[height, width, channels]`. */
export type Samples = Uint8Array | Uint8ClampedArray | Uint16Array | Float32Array;

/** Channels of an image at most. */
export const MAX_CHANNELS = 256;

/** The channels of images in the order of the files, and how they are read. */
export interface MeasuredChannels {
  readonly names: readonly string[];
  readonly dtype: SampleType;
  /** One for each channel. */
  readonly normalisation: readonly Normalisation[];
}

/** The channels of a data set: the normalisation is there once the training images were measured, or taken from a run. */
export interface ImageChannels extends Omit<MeasuredChannels, 'normalisation'> {
  readonly normalisation?: readonly Normalisation[];
  /** Who named them: `data.yaml`, or the file of the first image. */
  readonly from: string;
}

/** Channels that were measured, as every training and every network has them. */
export function requireMeasured({ names, dtype, normalisation }: ImageChannels): MeasuredChannels {
  if (normalisation === undefined) throw new RangeError(`the channels ${names.join(', ')} were not measured`);
  return { names, dtype, normalisation };
}

/** Bits of a sample in words. */
export const SAMPLE_WORDS: Readonly<Record<SampleType, string>> = {
  uint8: '8 bits',
  uint16: '16 bits',
  float32: 'float32',
};

/** The type of samples in memory. */
export function sampleTypeOf(data: Samples): SampleType {
  if (data instanceof Float32Array) return 'float32';
  return data instanceof Uint16Array ? 'uint16' : 'uint8';
}

/** So many names are listed. */
const MOST_NAMED = 12;

/** Such as `4 channels (red, green, blue, nir) of 16 bits`. */
export function describeChannels({ names, dtype }: Pick<MeasuredChannels, 'names' | 'dtype'>): string {
  const listed = names.slice(0, MOST_NAMED).map((name) => name.slice(0, 40));
  if (names.length > MOST_NAMED) listed.push(`${names.length - MOST_NAMED} more`);
  return `${names.length} channel${names.length === 1 ? '' : 's'} (${listed.join(', ')}) of ${SAMPLE_WORDS[dtype]}`;
}

/** The three colours by their names, also `R` or `Red`. */
const COLOURS = [/^r(ed)?$/i, /^g(reen)?$/i, /^b(lue)?$/i] as const;

/** Whether the names are red, green and blue and nothing else. */
export const isRgb = (names: readonly string[]): boolean =>
  names.length === 3 && COLOURS.every((colour, place) => colour.test(names[place].trim()));

/** The channels that people are shown as red, green and blue: those of these names, else the first three, of fewer the first one as grey. */
export function shownChannels(names: readonly string[]): readonly [red: number, green: number, blue: number] {
  const [red, green, blue] = COLOURS.map((colour) => names.findIndex((name) => colour.test(name.trim())));
  if (red >= 0 && green >= 0 && blue >= 0) return [red, green, blue];
  return names.length < 3 ? [0, 0, 0] : [0, 1, 2];
}
