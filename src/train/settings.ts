/**
 * @file Settings of the commands as those of the loops: small translations, so that neither knows the other.
 */
import type { Augmentation } from '../data/augment.ts';
import { checkDataSet } from '../data/check.ts';
import { type ClassWeighting, classWeights } from '../data/classWeights.ts';
import type { DataSet } from '../data/types.ts';
import { toDevice } from '../engine/operators.ts';
import { fromArray, keepForever, type Tensor } from '../engine/tensor.ts';
import { crossEntropy, hardPixelCrossEntropy } from '../nn/losses.ts';
import type { EvaluateConfig, SearchConfig, TrainConfig } from '../run/schemas.ts';
import type { InferenceOptions } from './inference.ts';
import type { TrainSettings } from './retrain.ts';
import type { SearchSettings } from './search.ts';

/** The augmentation of a command; `reduction` shrinks every scale, so that a crop sees the reduced picture. */
export function augmentationOf(
  settings: SearchConfig['augmentation'],
  reduction: number,
  longSide?: number,
): Augmentation {
  const { scale, step, flip, colour } = settings;
  return {
    ...(longSide === undefined ? {} : { longSide }),
    scale: { min: scale[0] / reduction, max: scale[1] / reduction, step: (step > 0 ? step : 0.01) / reduction },
    flip: flip ? 0.5 : 0,
    brightness: colour,
    contrast: colour,
    saturation: colour,
  };
}

export function searchSettings(config: SearchConfig): SearchSettings {
  return { ...config, augmentation: augmentationOf(config.augmentation, config.scale), reduction: config.scale };
}

export function trainSettings(config: TrainConfig): TrainSettings {
  const { epochs, steps, minutes } = config;
  return {
    ...config,
    budget: minutes !== undefined ? { minutes } : steps !== undefined ? { steps } : { epochs: epochs ?? 100 },
    augmentation: augmentationOf(config.augmentation, config.scale, config.longSide),
    reduction: config.scale,
    frozenNorms: config.norms === 'frozen',
    average: config.ema,
  };
}

/** Test-time augmentation and windows of a command for inputs of a rank; one number is the side of a window along every axis. */
export function inferenceOptions(
  { tta, window, overlap }: Pick<EvaluateConfig, 'tta' | 'window' | 'overlap'>,
  rank: 2 | 3,
): InferenceOptions {
  const { scales, flip, mirror } = tta;
  const axes = new Set([...mirror, ...(flip ? (['width'] as const) : [])]);
  const sides = typeof window === 'number' ? Array<number>(rank).fill(window) : window;
  return { scales, mirror: [...axes], ...(sides ? { window: { window: sides, overlap } } : {}) };
}

/** The loss on logits that the settings ask for; class weights are measured on up to 200 training pictures. */
export async function createLoss(
  dataset: DataSet,
  config: { classWeights: ClassWeighting; ohem?: number },
  device: string,
): Promise<(logits: Tensor, labels: Tensor) => Tensor> {
  let weight: Tensor | null = null;
  if (config.classWeights !== 'none') {
    const { classFrequencies } = await checkDataSet(
      { ...dataset, splits: { ...dataset.splits, val: [] } },
      { limit: 200 },
    );
    const weights = classWeights(classFrequencies, config.classWeights);
    weight = keepForever(toDevice(fromArray(weights, [weights.length]), device));
  }
  const fraction = config.ohem ?? 0;
  if (fraction > 0) return (logits, labels) => hardPixelCrossEntropy(logits, labels, { fraction, weight });
  return (logits, labels) => crossEntropy(logits, labels, { weight });
}
