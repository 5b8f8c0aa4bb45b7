/**
 * @file The loop for programs: the same settings as on the command line, as objects.
 */

import { ConfigError } from '../base/errors.ts';
import { normalisePicture } from '../data/images/augment.ts';
import { loadPicture, type RgbPicture } from '../data/images/image.ts';
import type { NiftiHeader } from '../data/nifti/header.ts';
import type { SegmentationClass } from '../data/types.ts';
import { toEvaluationVolume } from '../data/volumes/evaluation.ts';
import { loadImage } from '../data/volumes/load.ts';
import { Generator } from '../engine/device.ts';
import { scope } from '../engine/tensor.ts';
import { toTensors } from '../infer/batch.ts';
import { predictVolume, type ScoredVolume, toScored } from '../infer/evaluateVolumes.ts';
import { type Infer, type InferenceOptions, predictClasses, reduced, SINGLE_SCALE } from '../infer/inference.ts';
import type { Architecture, BuildOptions } from '../models/architecture.ts';
import type { Network } from '../models/network.ts';
import type { Layer } from '../run/config/config.ts';
import { openRunFolder } from '../run/folder.ts';
import { prepareMachine } from './machine.ts';
import { searchTrials as runTrials, type SearchTrials } from './many/trials.ts';
import { createDescribed, loadNetwork, type VolumeDescription } from './network.ts';
import { type SearchOutcome, searchJob } from './searchJob.ts';
import { type TrainOutcome, trainJob } from './trainJob.ts';
import type { RunWatcher } from './watcher.ts';

/** How a run of the library is made. */
export interface RunOptions {
  /** Goes on with the run of that `name`, or the newest. */
  readonly resume?: boolean;
  /** Is told how it goes on; nobody by default. */
  readonly watcher?: RunWatcher;
  /** Ends it after the step in progress when aborted: everything is saved, the promise rejects with a `StoppedError`, `resume` goes on. */
  readonly signal?: AbortSignal;
}

/** `espalier search`: settings as on the command line, nested or dotted, such as `{ data: 'street', preset: 'small' }`. */
export const search = (settings: Layer, { resume = false, watcher, signal }: RunOptions = {}): Promise<SearchOutcome> =>
  searchJob({ layers: [settings], resume, command: 'search() of the library' }, watcher, signal);

/** `espalier search trials=10`: several seeds and the choice among what they found, such as `{ data: 'street', trials: 10, name: 'ten' }`. */
export const searchTrials = (
  settings: Layer,
  { watcher, signal }: Omit<RunOptions, 'resume'> = {},
): Promise<SearchTrials> =>
  runTrials({ layers: [settings], command: 'searchTrials() of the library' }, watcher, signal);

/** `espalier train`: settings as on the command line, such as `{ data: 'street', arch: found.run, minutes: 30 }`. */
export const train = (settings: Layer, { resume = false, watcher, signal }: RunOptions = {}): Promise<TrainOutcome> =>
  trainJob({ layers: [settings], resume, command: 'train() of the library' }, watcher, signal);

/** The network of an architecture with fresh weights, as `train` would begin with. */
export function buildNetwork(
  architecture: Architecture,
  options: Omit<BuildOptions, 'inputs'> & { inputs?: number; seed?: number; device?: string },
): Network {
  const { seed = 0, device = 'cpu', inputs = 3, ...rest } = options;
  return createDescribed({ architecture, options: { ...rest, inputs } }, new Generator(seed), device);
}

/** A trained network ready to segment pictures or volumes. */
export interface OpenNetwork {
  readonly classes: readonly SegmentationClass[];
  /** For each class the value that a benchmark wants in a submission. */
  readonly submissionValues?: readonly number[];
  readonly device: string;
  /** Logits `[batch, classes, ...size]` of images `[batch, channels, ...size]`: pictures in [-1, 1], volumes as `volumes.preparation` says. */
  readonly forward: Infer;
  /** Present where the network reads volumes. */
  readonly volumes?: VolumeDescription;
}

/** The network of a run of `train`. Throws a `DataError` where there is none. */
export function openNetwork(
  run: string,
  options: { checkpoint?: 'best' | 'last'; device?: string; threads?: number } = {},
): OpenNetwork {
  const { checkpoint = 'best', device: wanted = 'auto', threads = 0 } = options;
  const device = prepareMachine({ device: wanted, threads });
  const { network, description } = loadNetwork(openRunFolder(run), checkpoint, new Generator(0), device);
  return {
    classes: description.classes,
    submissionValues: description.submissionValues,
    device,
    forward: reduced(
      (images) => network.forward(images, { training: false }),
      description.reduction,
      description.longSide,
    ),
    ...(description.volumes ? { volumes: description.volumes } : {}),
  };
}

/** A picture and the class of every pixel. */
export interface Segmentation {
  readonly width: number;
  readonly height: number;
  /** RGB, `[height, width, 3]`. */
  readonly image: Uint8Array;
  /** `[height, width]`, ids into `classes` of the network. */
  readonly ids: Uint8Array;
}

/** The classes of a picture, or of a picture file (PNG or JPEG). */
export async function segment(
  { forward, device }: OpenNetwork,
  picture: string | RgbPicture,
  options: InferenceOptions = SINGLE_SCALE,
): Promise<Segmentation> {
  const { width, height, data } = typeof picture === 'string' ? await loadPicture(picture) : picture;
  const images = new Float32Array(data.length);
  normalisePicture(data, images);
  const pixels = { images, labels: new Uint8Array(width * height), batch: 1, size: [height, width], channels: 3 };
  const ids = scope(() => predictClasses(forward, toTensors(pixels, 'cpu').images, device, options));
  return { width, height, image: data, ids };
}

/** A volume with the class of every voxel. */
export interface VolumeSegmentation {
  /** On the grid of the file, `[depth, height, width]`, ids into `classes` of the network. */
  readonly ids: Uint8Array;
  /** Header of the file; `labelHeader` makes it that of a class map. */
  readonly header: NiftiHeader;
  /** What the network saw and said, in RAS+, for pictures. */
  readonly view: ScoredVolume;
}

/**
 * The classes of a volume: one NIfTI file or folder of DICOM slices with every channel, or one a channel.
 * `options` default to windows as large as the patches of the training.
 * @throws ConfigError when the network reads pictures; DataError naming the file.
 */
export async function segmentVolume(
  { forward, device, volumes }: OpenNetwork,
  files: readonly string[],
  options?: InferenceOptions,
): Promise<VolumeSegmentation> {
  if (!volumes) throw new ConfigError(`${files[0]}: a volume, but the network reads pictures`, 'give it pictures');
  const { modalities, preparation, window, largestComponents } = volumes;
  const { image, header } = await loadImage(files, modalities);
  const volume = toEvaluationVolume({ image, header }, preparation, files[0]);
  const inference = options ?? { ...SINGLE_SCALE, window: { window } };
  const { prepared, restored } = predictVolume(forward, volume, { inference, device, largestComponents });
  return { ids: restored, header, view: toScored(volume, prepared) };
}
