/**
 * @file Settings of the commands as those of the loops: small translations, so that neither knows the other.
 */

import { ConfigError } from '../base/errors.ts';
import type { Augmentation } from '../data/augment.ts';
import { checkDataSet } from '../data/check.ts';
import { type ClassWeighting, classWeights } from '../data/classWeights.ts';
import type { DataSet } from '../data/types.ts';
import { toDevice } from '../engine/operators.ts';
import { fromArray, keepForever, type Tensor } from '../engine/tensor.ts';
import { crossEntropy, hardPixelCrossEntropy } from '../nn/losses.ts';
import type { SearchConfig, TrainConfig } from '../run/schemas.ts';
import type { Method } from './method.ts';
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

export function searchSettings(config: SearchConfig, rank: 2 | 3): SearchSettings {
  return {
    ...config,
    crop: sidesOf(config.crop, rank),
    augmentation: augmentationOf(config.augmentation, config.scale),
    reduction: config.scale,
  };
}

/** A crop as one side an axis. @throws ConfigError when it has another number of sides. */
export function sidesOf(crop: number | readonly number[], rank: 2 | 3): readonly number[] {
  if (typeof crop === 'number') return Array<number>(rank).fill(crop);
  if (crop.length === rank) return crop;
  const wanted = rank === 2 ? 'pictures take [height, width]' : 'volumes take [depth, height, width]';
  throw new ConfigError(`crop: [${crop.join(', ')}] has ${crop.length} sides`, `${wanted}, or one number`);
}

/** @throws ConfigError that names the next valid side when a crop has one that a method cannot take. */
export function checkSides(crop: readonly number[], { name, sides: { multiple, remainder } }: Method): void {
  for (const side of crop) {
    if (side > remainder && side % multiple === remainder) continue;
    const next = multiple * Math.max(1, Math.ceil((side - remainder) / multiple)) + remainder;
    const rule = remainder === 0 ? `multiples of ${multiple}` : `${multiple} m + ${remainder}`;
    throw new ConfigError(
      `crop: method=${name} takes sides that are ${rule}, came ${side}`,
      `the next valid one is ${next}`,
    );
  }
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
