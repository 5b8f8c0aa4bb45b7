/**
 * @file Settings of the commands as those of the loops: small translations, so that neither knows the other.
 */
import { ConfigError } from '../base/errors.ts';
import { checkDataSet } from '../data/check/check.ts';
import { type ClassWeighting, classWeights } from '../data/classWeights.ts';
import type { Augmentation } from '../data/images/augment.ts';
import { insideTable, outputsOf, regionShares } from '../data/regions/regions.ts';
import type { DataSet } from '../data/types.ts';
import { NO_VOLUME_AUGMENTATION, STANDARD_VOLUME_AUGMENTATION } from '../data/volumes/augment.ts';
import type { PatchSettings } from '../data/volumes/patches.ts';
import { toDevice } from '../engine/operators.ts';
import { fromArray, keepForever, type Tensor } from '../engine/tensor.ts';
import type { CrfOptions } from '../infer/crf/crf.ts';
import { noCrfOfRegions } from '../infer/crf/predict.ts';
import { type InferenceOptions, SINGLE_SCALE } from '../infer/inference.ts';
import type { Method } from '../method/method.ts';
import type { Network } from '../models/network.ts';
import { crossEntropy, diceCrossEntropy, hardPixelCrossEntropy, regionCrossEntropy, regionLoss } from '../nn/losses.ts';
import type { Parallel } from '../parallel/parallel.ts';
import type { EvaluateConfig } from '../run/config/schemas/evaluate.ts';
import type { PredictConfig } from '../run/config/schemas/predict.ts';
import type { SearchConfig } from '../run/config/schemas/search.ts';
import type { TrainConfig } from '../run/config/schemas/train.ts';
import type { TrainSettings } from '../train/retrain.ts';
import type { SearchSettings } from '../train/searchOptions.ts';
import type { NetworkDescription } from './network.ts';

/** The augmentation of a command; `reduction` shrinks every scale, so that a crop sees the reduced image. */
export function augmentationOf(
  settings: SearchConfig['augmentation'],
  reduction: number,
  longSide?: number,
): Augmentation {
  const { scale, step, flip, turns, colour } = settings;
  return {
    ...(longSide === undefined ? {} : { longSide }),
    scale: { min: scale[0] / reduction, max: scale[1] / reduction, step: (step > 0 ? step : 0.01) / reduction },
    flip: flip ? 0.5 : 0,
    ...(turns ? { turns } : {}),
    brightness: colour,
    contrast: colour,
    saturation: colour,
  };
}

/** Epochs of the warm-up: as given, or the share of all of them, of which at least one is left. */
export function warmupEpochsOf({ epochs, warmup = 0.5, warmupEpochs }: SearchConfig): number {
  return warmupEpochs ?? Math.min(epochs - 1, Math.round(warmup * epochs));
}

export function searchSettings(config: SearchConfig, rank: 2 | 3): SearchSettings {
  const crop = sidesOf(config.crop, rank);
  return {
    ...config,
    ...volumeSettings(config, crop, rank),
    crop,
    warmupEpochs: warmupEpochsOf(config),
    augmentation: augmentationOf(config.augmentation, config.scale),
    reduction: config.scale,
  };
}

/** @throws ConfigError that names the next valid side when a crop has one that a method cannot take. */
export function checkSides(crop: readonly number[], { name, sides: { multiple, remainder } }: Method): void {
  for (const side of crop) {
    if (side > remainder && side % multiple === remainder) continue;
    const next = multiple * Math.max(1, Math.ceil((side - remainder) / multiple)) + remainder;
    const rule =
      remainder === 0 ? `sides that are multiples of ${multiple}` : `sides of the form ${multiple}m + ${remainder}`;
    throw new ConfigError(`crop: method=${name} needs ${rule}, got ${side}`, `the next valid one is ${next}`);
  }
}

/** Default crop: the paper's for images, that of DiNTS for volumes. */
const STANDARD_CROP = { 2: 513, 3: 96 } as const;

/** The settings of all processes together, where those of one are given (`perProcess`). */
export const forProcesses = (config: TrainConfig, { size }: Pick<Parallel, 'size'>): TrainConfig =>
  config.perProcess ? { ...config, batch: config.batch * size, learningRate: config.learningRate * size } : config;

export function trainSettings(config: TrainConfig, rank: 2 | 3): TrainSettings {
  const { epochs, steps, minutes } = config;
  const crop = sidesOf(config.crop ?? STANDARD_CROP[rank], rank);
  return {
    ...config,
    ...volumeSettings(config, crop, rank),
    crop,
    budget: minutes !== undefined ? { minutes } : steps !== undefined ? { steps } : { epochs: epochs ?? 100 },
    augmentation: augmentationOf(config.augmentation, config.scale, config.longSide),
    reduction: config.scale,
    frozenNorms: config.norms === 'frozen',
    averageDecay: config.ema,
    keptEpochs: config.average > 1 ? config.average : 0,
  };
}

/** Patches of volumes, and windows as large as them for inference. */
function volumeSettings(
  config: Pick<TrainConfig, 'augmentation' | 'foregroundShare' | 'overlap'>,
  window: readonly number[],
  rank: 2 | 3,
): { patches?: PatchSettings; inference?: InferenceOptions } {
  if (rank === 2) return {};
  const { overlap } = config;
  return { patches: patchSettings(config), inference: { ...SINGLE_SCALE, window: { window, overlap } } };
}

/** Which patches of volumes are drawn and how they are changed. */
function patchSettings({
  augmentation,
  foregroundShare,
}: Pick<TrainConfig, 'augmentation' | 'foregroundShare'>): PatchSettings {
  const { flip, rotation, zoom, intensity } = augmentation;
  const standard = intensity ? STANDARD_VOLUME_AUGMENTATION : NO_VOLUME_AUGMENTATION;
  const { probability } = STANDARD_VOLUME_AUGMENTATION.rotation;
  return {
    foregroundShare,
    augmentation: {
      ...standard,
      flip: flip ? STANDARD_VOLUME_AUGMENTATION.flip : 0,
      rotation: { probability, radians: rotation },
      zoom: { probability, min: zoom[0], max: zoom[1] },
    },
  };
}

/** A crop or window as one side an axis. @throws ConfigError when it has another number of sides. */
export function sidesOf(crop: number | readonly number[], rank: 2 | 3): readonly number[] {
  if (typeof crop === 'number') return Array<number>(rank).fill(crop);
  if (crop.length === rank) return crop;
  const wanted = rank === 2 ? 'images take [height, width]' : 'volumes take [depth, height, width]';
  throw new ConfigError(`[${crop.join(', ')}] has ${crop.length} sides`, `${wanted}, or one number`);
}

/**
 * Test-time augmentation, windows and the CRF of a command for a network; one number is the side of a window along every axis.
 * @throws ConfigError for a CRF of regions
 */
export function inferenceOptions(
  config: Pick<EvaluateConfig, 'tta' | 'window' | 'overlap'> & Partial<Pick<PredictConfig, 'postprocess' | 'crf'>>,
  { volumes, regions, images }: Pick<NetworkDescription, 'volumes' | 'regions' | 'images'>,
): InferenceOptions {
  const { tta, window, overlap, postprocess, crf } = config;
  if (regions && postprocess === 'crf') throw noCrfOfRegions();
  const { scales, flip, mirror } = tta;
  const axes = new Set([...mirror, ...(flip ? (['width'] as const) : [])]);
  const rank = volumes ? 3 : 2;
  const sides = window === undefined ? volumes?.window : sidesOf(window, rank);
  return {
    scales,
    mirror: [...axes],
    ...(sides ? { window: { window: sides, overlap } } : {}),
    ...(regions ? { regions } : {}),
    ...(crf && postprocess === 'crf' ? { crf: crfOptions(crf, rank, intensityUnits({ volumes, images })) } : {}),
  };
}

/** Colours are read in [-1, 1], so many of the 255 levels a unit. */
const LEVELS_A_UNIT = 127.5;

/** Units of the settings of intensities in one of what a network reads: RGB in levels, volumes and other channels as they are normalised. */
export const intensityUnits = ({ volumes, images }: Pick<NetworkDescription, 'volumes' | 'images'>): number =>
  volumes || images ? 1 : LEVELS_A_UNIT;

/** Deviations of intensities where nothing is said: of colours in levels, of others as they are normalised. */
const INTENSITY = { levels: 3, normalised: 0.1 } as const;

/**
 * A CRF in the units of what a network of `rank` reads.
 * @param units those of the settings in one of these, `intensityUnits`
 * @throws ConfigError when a deviation is given for another number of axes.
 */
export function crfOptions(crf: PredictConfig['crf'], rank: 2 | 3, units = rank === 2 ? LEVELS_A_UNIT : 1): CrfOptions {
  const { iterations, exact, appearance, smoothness } = crf;
  const { intensity = units === 1 ? INTENSITY.normalised : INTENSITY.levels } = appearance;
  return {
    iterations,
    exact,
    appearance: {
      weight: appearance.weight,
      position: sidesOf(appearance.position, rank),
      intensity: intensity / units,
    },
    smoothness: { weight: smoothness.weight, position: sidesOf(smoothness.position, rank) },
  };
}

/** Whether every step does the same: no operators are left out at random, and no loss waits for a value to pick its pixels. */
export const isSteady = ({ graph }: Network, { dropPathKeep, ohem }: TrainConfig): boolean =>
  ohem === 0 && (dropPathKeep === 1 || graph.nodes.every(({ kind }) => kind !== 'dropPath'));

/**
 * The weights of the classes, or of the regions: as they are stated, or measured on up to 200 training samples; null where all weigh alike. Those of
 * regions follow from the shares of the pixels inside.
 * @throws ConfigError when their number is not that of the classes, or the regions
 */
export async function weightsOfClasses(
  dataset: DataSet,
  weighting: ClassWeighting | readonly number[],
): Promise<number[] | null> {
  if (weighting === 'none') return null;
  if (typeof weighting !== 'string') {
    const [outputs, one] = [outputsOf(dataset).length, dataset.regions ? 'region' : 'class'];
    if (weighting.length === outputs) return [...weighting];
    throw new ConfigError(
      `classWeights has ${weighting.length} numbers for ${outputs} ${one === 'class' ? 'classes' : 'regions'}`,
      `give one for each ${one}`,
    );
  }
  const { classFrequencies, classShares } = await checkDataSet(
    { ...dataset, splits: { ...dataset.splits, val: [] } },
    { limit: 200 },
  );
  const { regions } = dataset;
  return classWeights(regions ? regionShares(regions, classShares) : classFrequencies, weighting);
}

/**
 * The loss on logits that the settings ask for; class weights are measured on up to 200 training images. Of regions it is Dice + binary cross-entropy,
 * whose parts the weights are of; with `loss=cross-entropy` the second alone.
 */
export async function createLoss(
  dataset: DataSet,
  config: { classWeights: ClassWeighting | readonly number[]; ohem?: number; loss?: TrainConfig['loss'] },
  device: string,
): Promise<(logits: Tensor, labels: Tensor) => Tensor> {
  const weights = await weightsOfClasses(dataset, config.classWeights);
  const weight = weights && keepForever(toDevice(fromArray(weights, [weights.length]), device));
  const fraction = config.ohem ?? 0;
  const { loss = 'auto' } = config;
  const { regions, classes } = dataset;
  if (regions) {
    if (fraction > 0)
      throw new ConfigError(
        'ohem picks pixels of classes, got regions',
        'leave it out: Dice weighs rare regions up already',
      );
    const table = fromArray(insideTable(regions, classes.length), [classes.length, regions.length]);
    const options = { inside: keepForever(toDevice(table, device)), weight };
    const lossOf = loss === 'cross-entropy' ? regionCrossEntropy : regionLoss;
    return (logits, labels) => lossOf(logits, labels, options);
  }
  const dice = loss === 'dice-cross-entropy' || (loss === 'auto' && dataset.rank === 3);
  if (dice && fraction > 0)
    throw new ConfigError('ohem belongs to loss=cross-entropy', 'leave it out: Dice weighs rare classes up already');
  if (dice) return (logits, labels) => diceCrossEntropy(logits, labels, { weight });
  if (fraction > 0) return (logits, labels) => hardPixelCrossEntropy(logits, labels, { fraction, weight });
  return (logits, labels) => crossEntropy(logits, labels, { weight });
}
