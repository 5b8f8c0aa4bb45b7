/**
 * @file One image or volume, from a file to the class of every pixel.
 */
import { ConfigError, ShapeError } from '../base/errors.ts';
import type { MeasuredChannels } from '../data/channels/format.ts';
import { normaliseSamples, requireSamples } from '../data/channels/normalise.ts';
import { type ChannelImage, type InputImage, loadInput, withShown } from '../data/channels/read.ts';
import type { RgbImage } from '../data/images/image.ts';
import { imageBatch } from '../data/loader/batch.ts';
import type { NiftiHeader } from '../data/nifti/header.ts';
import type { Region } from '../data/types.ts';
import { toEvaluationVolume } from '../data/volumes/evaluation.ts';
import { loadModalities } from '../data/volumes/load.ts';
import type { Preparation } from '../data/volumes/preparation.ts';
import { scope } from '../engine/tensor.ts';
import { toTensors } from './batch.ts';
import { predictSample } from './crf/predict.ts';
import { predictVolume, type ScoredVolume, toScored } from './evaluateVolumes.ts';
import { type Infer, type InferenceOptions, SINGLE_SCALE } from './inference.ts';

/** A network ready to segment images or volumes. */
export interface Segmenter {
  readonly device: string;
  /** Logits `[batch, classes or regions, ...size]` of images `[batch, channels, ...size]`: RGB in [-1, 1], others as `images` or `volumes.preparation` says. */
  readonly forward: Infer;
  /** Present where the outputs of the network are regions. */
  readonly regions?: readonly Region[];
  /** Present where the network reads volumes. */
  readonly volumes?: VolumeDescription;
  /** Present where the network reads images of other channels than 8-bit RGB. */
  readonly images?: MeasuredChannels;
}

/** What a network for volumes expects of them, and what is done to its predictions. */
export interface VolumeDescription {
  readonly modalities: readonly string[];
  readonly preparation: Preparation;
  /** The patch of the training, which is the window of inference. */
  readonly window: readonly number[];
  /** Classes, or regions by their place, of which only the largest connected component is kept. */
  readonly largestComponents: readonly number[];
}

/** An image and the class of every pixel. */
export interface Segmentation {
  readonly width: number;
  readonly height: number;
  /** RGB, `[height, width, 3]`; of other channels those that people are shown. */
  readonly image: Uint8Array;
  /** `[height, width]`, ids into `classes` of the network. */
  readonly ids: Uint8Array;
  /** Where each region is, `[regions, height, width]` of 0 and 1. */
  readonly masks?: Uint8Array;
  /** `[classes or regions, height, width]`, where they were asked for. */
  readonly probabilities?: Float32Array;
}

/** What is returned beside class maps. */
export interface Wanted {
  /** Also the probabilities of all classes, or regions; default false. */
  readonly withProbabilities?: boolean;
}

/**
 * The classes of an image, or of an image file.
 * @param picture a file, or samples: 8-bit RGB, or those of the channels that the network reads
 * @throws ShapeError for samples of other channels; DataError naming the file.
 */
export async function segment(
  { forward, device, regions, images }: Segmenter,
  picture: string | RgbImage | ChannelImage,
  options: InferenceOptions = SINGLE_SCALE,
  wanted: Wanted = {},
): Promise<Segmentation> {
  const { width, height, data, shown } =
    typeof picture === 'string' ? await loadInput(picture, images) : inMemory(picture, images);
  const pixels = images ? normaliseSamples(data, images.normalisation) : (data as Uint8Array);
  const batch = imageBatch({ width, height, data: pixels });
  const inference = regions ? { ...options, regions } : options;
  const { ids, masks, probabilities } = scope(() =>
    predictSample(forward, toTensors(batch, 'cpu').images, device, inference, wanted),
  );
  return {
    ...{ width, height, image: shown, ids },
    ...(masks ? { masks } : {}),
    ...(probabilities ? { probabilities } : {}),
  };
}

function inMemory(picture: RgbImage | ChannelImage, channels: MeasuredChannels | undefined): InputImage {
  const { width, height, data } = picture;
  if (channels) {
    requireSamples(picture, channels);
    return withShown(picture, channels);
  }
  if (!(data instanceof Uint8Array) || data.length !== width * height * 3)
    throw new ShapeError(`expected 8-bit RGB of ${width}x${height} pixels, got ${data.length} samples`);
  return { width, height, data, shown: data };
}

/** A volume with the class of every voxel. */
export interface VolumeSegmentation {
  /** On the grid of the file, `[depth, height, width]`, ids into `classes` of the network. */
  readonly ids: Uint8Array;
  /** Where each region is, on the grid of the file: `[regions, depth, height, width]` of 0 and 1. */
  readonly masks?: Uint8Array;
  /**
   * On the same grid, `[classes or regions, depth, height, width]`, where they were asked for: before components are removed, and outside of what was
   * read background.
   */
  readonly probabilities?: Float32Array;
  /** Header of the file; `labelHeader` makes it that of a class map. */
  readonly header: NiftiHeader;
  /** Input and prediction of the network, in RAS+, for images. */
  readonly view: ScoredVolume;
}

/**
 * The classes of a volume: one NIfTI file or folder of DICOM slices with every channel, or one a channel.
 * `options` default to windows as large as the patches of the training.
 * @throws ConfigError when the network reads images; DataError naming the file.
 */
export async function segmentVolume(
  { forward, device, regions, volumes }: Segmenter,
  files: readonly string[],
  options?: InferenceOptions,
  wanted: Wanted = {},
): Promise<VolumeSegmentation> {
  if (!volumes) throw new ConfigError(`${files[0]}: a volume, but the network reads images`, 'give it images');
  const { modalities, preparation, window, largestComponents } = volumes;
  const { image, header } = await loadModalities(files, modalities);
  const volume = toEvaluationVolume({ image, header }, preparation, files[0]);
  const given = options ?? { ...SINGLE_SCALE, window: { window } };
  const inference = regions ? { ...given, regions } : given;
  const task = { inference, device, largestComponents, ...wanted };
  const { prepared, restored, masks, probabilities } = predictVolume(forward, volume, task);
  const view = toScored(volume, { ids: prepared, masks: masks?.prepared });
  return {
    ids: restored,
    ...(masks ? { masks: masks.restored } : {}),
    ...(probabilities ? { probabilities } : {}),
    header,
    view,
  };
}
