/**
 * @file What an exported model says about itself in its `metadata_props`: classes, colours, how images become inputs, what comes out.
 * Written by the export, read wherever the model runs; texts by key, as ONNX has them.
 */
import { DataError } from '../base/errors.ts';
import { parseJson } from '../base/json.ts';
import { MAX_CHANNELS, type MeasuredChannels, SAMPLE_TYPES } from '../data/channels/format.ts';
import type { Colour, Region, SegmentationClass } from '../data/types.ts';
import type { Preparation } from '../data/volumes/preparation.ts';

/** How samples become the input of a model. */
export interface Preprocessing {
  /** `[batch, channels, ...spatial]` or `[batch, ...spatial, channels]`. */
  readonly layout: 'channelsFirst' | 'channelsLast';
  readonly dtype: 'float32' | 'uint8';
  /** Red, green, blue in this order for images without `channels` of their own. */
  readonly channels: number;
  /** The input is `sample / divisor - offset`; 1 and 0 where the model does it itself, and for prepared volumes and normalised channels. */
  readonly divisor: number;
  readonly offset: number;
}

/**
 * What comes out: scores `[batch, classes, ...spatial]` (float32), of regions `[batch, regions, ...spatial]` and `sigmoid` instead of `softmax`; or class
 * ids `[batch, ...spatial]` (uint8), of regions those that are written.
 */
export type ModelResult = 'logits' | 'softmax' | 'sigmoid' | 'argmax';

/** Everything that an exported model says about itself. */
export interface ModelMetadata {
  readonly classes: readonly SegmentationClass[];
  /** Where the outputs are regions instead of classes: one for each, in the order in which they are written. */
  readonly regions?: readonly Region[];
  readonly preprocessing: Preprocessing;
  readonly result: ModelResult;
  /** The spatial size `[height, width]` or `[depth, height, width]` it takes, or any. */
  readonly size: readonly number[] | 'dynamic';
  /** Every side must be a multiple of this; absent: any will do. */
  readonly sideMultiple?: number;
  /** int8: of convolutions; between them it computes in float32. */
  readonly precision: 'float32' | 'float16' | 'int8';
  /** Present where weights are stored in fewer bits than the model computes with. */
  readonly weights?: 'float16';
  /** How volumes are made ready for it. */
  readonly preparation?: Preparation;
  /** The channels of its images and how they are normalised; absent: 8-bit RGB. */
  readonly channels?: MeasuredChannels;
  /** Version of espalier that wrote it. */
  readonly version: string;
  /** What the network was built from, as JSON text: a genotype file, or the name of an ordinary network and its options. */
  readonly architecture?: string;
}

/**
 * How exact the numbers of a model are: those that it computes with, or its weights where they are stored in fewer bits. A model of 8 bits is made of one in
 * float32, which is what is held to the engine.
 */
export const exactnessOf = ({
  precision,
  weights,
}: Pick<ModelMetadata, 'precision' | 'weights'>): 'float32' | 'float16' =>
  weights ?? (precision === 'int8' ? 'float32' : precision);

const FORMAT = 'espalier-segmentation';

/** The largest input of a model, in pixels or voxels: 8192 x 8192, or 400 x 400 x 400. */
export const MAX_INPUT = 2 ** 26;
/** The largest `sideMultiple`: a small image grows to at most this many pixels a side. */
const MAX_MULTIPLE = 1024;
/** The entries of `metadata_props`. */
export function formatMetadata(metadata: ModelMetadata): Record<string, string> {
  const {
    classes,
    regions,
    version,
    architecture,
    result,
    precision,
    weights,
    preprocessing,
    preparation,
    channels,
    size,
    sideMultiple,
  } = metadata;
  return {
    format: FORMAT,
    espalier_version: version,
    classes: JSON.stringify(classes.map(({ name }) => name)),
    palette: JSON.stringify(classes.map(({ colour }) => colour)),
    ...(regions === undefined ? {} : { regions: JSON.stringify(regions) }),
    preprocessing: JSON.stringify(preprocessing),
    input_size: JSON.stringify(size),
    ...(sideMultiple === undefined ? {} : { side_multiple: JSON.stringify(sideMultiple) }),
    result,
    precision,
    ...(weights === undefined ? {} : { weights }),
    ...(preparation === undefined ? {} : { preparation: JSON.stringify(preparation) }),
    ...(channels === undefined ? {} : { channels: JSON.stringify(channels) }),
    ...(architecture === undefined ? {} : { architecture }),
  };
}

/**
 * The metadata of a model; `file` is named in errors.
 * @throws DataError when the model is none of espalier's, or an entry is not what the export writes.
 */
export function parseMetadata(entries: Readonly<Record<string, string>>, file: string): ModelMetadata {
  if (entries.format !== FORMAT) {
    throw new DataError(
      `${file}: its metadata says nothing of classes and preprocessing`,
      'take a model that espalier export wrote',
    );
  }
  const refuse = (key: string, expected: string): never => {
    throw new DataError(
      `${file}: metadata "${key}" is ${JSON.stringify(entries[key])?.slice(0, 60)}, expected ${expected}`,
      'export the model again',
    );
  };
  const read = <T>(key: string, isValid: (value: unknown) => boolean, expected: string): T => {
    try {
      const value = parseJson(entries[key]);
      if (isValid(value)) return value as T;
    } catch {
      // No JSON is no valid value either.
    }
    return refuse(key, expected);
  };
  const oneOf = <T extends string>(key: string, values: readonly T[]): T =>
    values.find((value) => value === entries[key]) ?? refuse(key, values.join(' or '));
  const names = read<string[]>('classes', isListOf(1, 256, isText), 'a list of up to 256 names');
  const palette = read<Colour[]>('palette', isListOf(names.length, names.length, isColour), 'a colour for every class');
  const regions =
    entries.regions === undefined
      ? undefined
      : read<Region[]>(
          'regions',
          isListOf(1, 256, isRegionOf(names.length)),
          `up to 256 regions with name, colour, classes and written, ids of ${names.length} classes`,
        );
  return {
    classes: names.map((name, id) => ({ name, colour: palette[id] })),
    ...(regions ? { regions } : {}),
    preprocessing: read(
      'preprocessing',
      isPreprocessing,
      `layout, dtype, channels (at most ${MAX_CHANNELS}), divisor and offset`,
    ),
    result: oneOf('result', regions ? ['logits', 'sigmoid', 'argmax'] : ['logits', 'softmax', 'argmax']),
    size: read(
      'input_size',
      (value) => value === 'dynamic' || isSize(value),
      `"dynamic" or two or three sides of at most ${MAX_INPUT} pixels in all`,
    ),
    ...(entries.side_multiple === undefined
      ? {}
      : {
          sideMultiple: read<number>(
            'side_multiple',
            isWhole(MAX_MULTIPLE),
            `a whole number from 1 to ${MAX_MULTIPLE}`,
          ),
        }),
    precision: oneOf('precision', ['float32', 'float16', 'int8']),
    ...(entries.weights === undefined ? {} : { weights: oneOf<'float16'>('weights', ['float16']) }),
    ...(entries.preparation === undefined
      ? {}
      : { preparation: read<Preparation>('preparation', isPreparation, 'spacing, normalisation and cropping') }),
    ...(entries.channels === undefined
      ? {}
      : { channels: read<MeasuredChannels>('channels', isChannels, 'names, dtype and a normalisation for each name') }),
    version: entries.espalier_version ?? '',
    ...(entries.architecture === undefined ? {} : { architecture: entries.architecture }),
  };
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
const isWhole =
  (most: number) =>
  (value: unknown): boolean =>
    Number.isInteger(value) && (value as number) >= 1 && (value as number) <= most;
const isByte = (value: unknown): boolean =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 255;
const isListOf =
  (least: number, most: number, isElement: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    Array.isArray(value) && value.length >= least && value.length <= most && value.every(isElement);
const isColour = isListOf(3, 3, isByte);
const isRegionOf = (classes: number) => {
  const isId = (value: unknown): boolean => isByte(value) && (value as number) < classes;
  return (value: unknown): boolean =>
    isRecord(value) &&
    isText(value.name) &&
    isColour(value.colour) &&
    isListOf(1, classes, isId)(value.classes) &&
    isId(value.written);
};
const isSize = (value: unknown): boolean =>
  isListOf(2, 3, isWhole(MAX_INPUT))(value) && (value as number[]).reduce((a, b) => a * b) <= MAX_INPUT;
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isPreprocessing = (value: unknown): boolean =>
  isRecord(value) &&
  (value.layout === 'channelsFirst' || value.layout === 'channelsLast') &&
  (value.dtype === 'float32' || value.dtype === 'uint8') &&
  isWhole(MAX_CHANNELS)(value.channels) &&
  isNumber(value.divisor) &&
  value.divisor !== 0 &&
  isNumber(value.offset);

/** From a tenth of a nanometre to a hundred metres. */
const isSpacing = (side: unknown): boolean => isNumber(side) && side >= 1e-7 && side <= 1e5;

const isPreparation = (value: unknown): boolean =>
  isRecord(value) &&
  (value.spacingMm === null || isListOf(3, 3, isSpacing)(value.spacingMm)) &&
  isListOf(1, 256, isNormalisation)(value.normalisation) &&
  typeof value.cropForeground === 'boolean';

function isChannels(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { names, dtype, normalisation } = value;
  return (
    isListOf(1, MAX_CHANNELS, isText)(names) &&
    SAMPLE_TYPES.some((type) => type === dtype) &&
    isListOf((names as string[]).length, (names as string[]).length, isNormalisation)(normalisation)
  );
}

function isNormalisation(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const isRange = isListOf(2, 2, isNumber);
  if (value.kind === 'window') return isRange(value.window) && isNumber(value.mean) && isNumber(value.deviation);
  return value.kind === 'none' || (value.kind === 'zscore' && isRange(value.percentiles));
}
