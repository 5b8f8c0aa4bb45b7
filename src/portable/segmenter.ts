/**
 * @file An exported model that segments images: metadata, preprocessing, the session of an ONNX runtime, the class map.
 * Knows no libtorch, no Node and no browser: the runtime comes as an argument.
 */
import { ConfigError, DataError } from '../base/errors.ts';
import { normaliseSamples, requireSamples, type SampledImage } from '../data/channels/normalise.ts';
import { MAX_PIXELS } from '../data/types.ts';
import type { ModelMetadata } from './metadata.ts';
import { readModelMetadata } from './modelFile.ts';
import {
  idsOf,
  requireBytes,
  resizeChannels,
  resizeIds,
  resizeImage,
  resizeMaps,
  sigmoidOf,
  softmaxOf,
  toInput,
  toPlanes,
} from './pixels.ts';

/** What is used of an ONNX runtime: onnxruntime-node and onnxruntime-web both are one. */
export interface OnnxRuntime<Options> {
  readonly InferenceSession: { create(model: Uint8Array, options?: Options): Promise<OnnxSession> };
  readonly Tensor: new (
    type: 'float32' | 'uint8',
    data: Float32Array | Uint8Array,
    shape: readonly number[],
    // biome-ignore lint/suspicious/noExplicitAny: the two runtimes give their own tensor types.
  ) => any;
}

/** A loaded model. */
export interface OnnxSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  run(feeds: Record<string, any>): Promise<Record<string, any>>;
  release(): Promise<void>;
}

/** The class of every pixel of an image, at the image's size. */
export interface ClassMap {
  readonly width: number;
  readonly height: number;
  /** `[height, width]`, ids into the classes of the model. */
  readonly ids: Uint8Array;
  /** Of a model of regions that gives scores: where each region is, `[regions, height, width]` of 0 and 1. */
  readonly masks?: Uint8Array;
  /** `[classes or regions, height, width]`, where they were asked for. */
  readonly probabilities?: Float32Array;
}

/** What is returned beside class maps. */
export interface Wanted {
  /** Also the probabilities of all classes, or regions; default false. */
  readonly withProbabilities?: boolean;
}

/** A model ready to segment images. */
export interface Segmenter {
  readonly metadata: ModelMetadata;
  /**
   * @param picture RGB or RGBA of bytes; for a model with `metadata.channels` samples of these channels and of their type
   * @throws ShapeError for an image of other channels or another type of samples; ConfigError when probabilities are asked of a model that gives class ids
   * only.
   */
  segment(picture: SampledImage, wanted?: Wanted): Promise<ClassMap>;
  /** Frees the model. */
  release(): Promise<void>;
}

/**
 * Loads a model from its bytes; `file` is named in errors.
 * @throws DataError when it is no model of images that espalier wrote.
 */
export async function createSegmenter<Options>(
  runtime: OnnxRuntime<Options>,
  bytes: Uint8Array,
  file: string,
  options: Options,
): Promise<Segmenter> {
  const metadata = readModelMetadata(bytes, file);
  const { size, sideMultiple = 1, preprocessing, result, regions = [] } = metadata;
  if ((size !== 'dynamic' && size.length !== 2) || !isOfImages(metadata))
    throw new DataError(`${file}: is no model of images`, 'volumes need their run: espalier predict run=');
  const session = await runtime.InferenceSession.create(bytes, options);
  const [input, output] = [session.inputNames[0], session.outputNames[0]];
  return {
    metadata,
    async segment(picture, { withProbabilities = false } = {}) {
      if (withProbabilities && result === 'argmax')
        throw new ConfigError(
          `${file}: gives class ids, no probabilities`,
          `export the run again with result=${metadata.regions ? 'sigmoid' : 'softmax'}, or predict with the run`,
        );
      const { width, height } = picture;
      // A size that the model does not take is brought to the nearest that it does, and the classes back.
      const space = size === 'dynamic' ? [height, width].map((side) => nearestMultiple(side, sideMultiple)) : size;
      if (space[0] * space[1] * Math.max(1, preprocessing.channels / 3) > MAX_PIXELS)
        throw new DataError(
          `${file}: an image of ${width}x${height} pixels would be read as ${space[1]}x${space[0]}`,
          `at most ${MAX_PIXELS} pixels of 3 channels are read, fewer of more: cut the image into parts`,
        );
      const isFitting = space[0] === height && space[1] === width;
      const pixels = inputOf(picture, space, metadata);
      const shape = preprocessing.layout === 'channelsLast' ? [1, ...space, 3] : [1, preprocessing.channels, ...space];
      const feeds = { [input]: new runtime.Tensor(preprocessing.dtype, pixels, shape) };
      const { data } = (await session.run(feeds))[output] as { data: Float32Array | Uint8Array };
      const { ids, masks } =
        result === 'argmax' ? { ids: Uint8Array.from(data) } : idsOf(data as Float32Array, metadata);
      const fitted = (map: Uint8Array) => (isFitting ? map : resizeIds(map, space, [height, width]));
      const map = {
        ...{ width, height, ids: fitted(ids) },
        ...(masks ? { masks: fittedMasks(masks, regions, fitted) } : {}),
      };
      if (!withProbabilities) return map;
      const probabilities = probabilitiesOf(data as Float32Array, metadata);
      return { ...map, probabilities: isFitting ? probabilities : resizeMaps(probabilities, space, [height, width]) };
    },
    release: () => session.release(),
  };
}

/** Whether a model reads images: 8-bit RGB, or channels with their normalisation, as planes of float32. */
const isOfImages = ({ preprocessing, channels }: ModelMetadata): boolean =>
  channels === undefined
    ? preprocessing.channels === 3
    : preprocessing.channels === channels.names.length &&
      preprocessing.layout === 'channelsFirst' &&
      preprocessing.dtype === 'float32';

/** The input of a model for an image that is brought to `[height, width]`. */
function inputOf(
  picture: SampledImage,
  space: readonly number[],
  { channels, preprocessing }: ModelMetadata,
): Float32Array | Uint8Array {
  const { width, height } = picture;
  const isFitting = space[0] === height && space[1] === width;
  if (channels === undefined) {
    const bytes = requireBytes(picture);
    return toInput(isFitting ? bytes : resizeImage(bytes, space), preprocessing);
  }
  requireSamples(picture, channels);
  const count = channels.names.length;
  const values = normaliseSamples(picture.data, channels.normalisation);
  return toPlanes(isFitting ? values : resizeChannels(values, count, [height, width], space), count);
}

const nearestMultiple = (side: number, multiple: number): number => multiple * Math.max(1, Math.round(side / multiple));

/** Scores of a model as probabilities. */
function probabilitiesOf(scores: Float32Array, { result, regions, classes }: ModelMetadata): Float32Array {
  if (result === 'softmax' || result === 'sigmoid') return scores;
  return regions ? sigmoidOf(scores) : softmaxOf(scores, classes.length);
}

/** Every mask at the size of the image. */
function fittedMasks(
  masks: Uint8Array,
  { length }: readonly unknown[],
  fitted: (map: Uint8Array) => Uint8Array,
): Uint8Array {
  const each = masks.length / length;
  const maps = Array.from({ length }, (_, i) => fitted(masks.subarray(i * each, (i + 1) * each)));
  const all = new Uint8Array(length * maps[0].length);
  for (const [i, map] of maps.entries()) all.set(map, i * map.length);
  return all;
}
