/**
 * @file One image or volume, from a file to the class of every pixel.
 */
import { ConfigError } from '../base/errors.ts';
import { loadImage, type RgbImage } from '../data/images/image.ts';
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
  /** Logits `[batch, classes or regions, ...size]` of images `[batch, channels, ...size]`: RGB in [-1, 1], volumes as `volumes.preparation` says. */
  readonly forward: Infer;
  /** Present where the outputs of the network are regions. */
  readonly regions?: readonly Region[];
  /** Present where the network reads volumes. */
  readonly volumes?: VolumeDescription;
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
  /** RGB, `[height, width, 3]`. */
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

/** The classes of an image, or of an image file. */
export async function segment(
  { forward, device, regions }: Segmenter,
  picture: string | RgbImage,
  options: InferenceOptions = SINGLE_SCALE,
  wanted: Wanted = {},
): Promise<Segmentation> {
  const { width, height, data } = typeof picture === 'string' ? await loadImage(picture) : picture;
  const batch = imageBatch({ width, height, data });
  const inference = regions ? { ...options, regions } : options;
  const { ids, masks, probabilities } = scope(() =>
    predictSample(forward, toTensors(batch, 'cpu').images, device, inference, wanted),
  );
  return { width, height, image: data, ids, ...(masks ? { masks } : {}), ...(probabilities ? { probabilities } : {}) };
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
