/**
 * @file Augmentation of an image and its labels: one random transformation (scale, crop, flip, colour), drawn as plain numbers. `crop.ts` applies it.
 */
import { ConfigError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';

/** What may happen to a sample; strengths of 0 switch a change off. */
export interface Augmentation {
  /** Images are first brought to so many pixels on their longer side; default: they keep their size. */
  longSide?: number;
  /** Scales are drawn evenly from `min`, `min + step`, ..., `max`. */
  scale: { min: number; max: number; step: number };
  /** Probability of a horizontal flip. */
  flip: number;
  /** Any of the eight turns and mirrorings of a square, drawn evenly, for pictures without an up; it includes the horizontal flip. Default: none. */
  turns?: boolean;
  /** Brightness is multiplied by a number from [1 - s, 1 + s]; to channels about zero a number from [-s, s] is added, the same to all. */
  brightness: number;
  /**
   * Distance from the mean grey of the image, or from the mean of a channel, is multiplied by a number from [1 - s, 1 + s]: about middle grey, dark images
   * would turn black.
   */
  contrast: number;
  /** Distance from the pixel's own grey, or from the mean of its channels, is multiplied by a number from [1 - s, 1 + s]. */
  saturation: number;
}

/** The usual recipe of segmentation papers: scales 0.5 to 2 by 0.25, flips; mild colour changes. */
export const STANDARD_AUGMENTATION: Augmentation = {
  scale: { min: 0.5, max: 2, step: 0.25 },
  flip: 0.5,
  brightness: 0.2,
  contrast: 0.2,
  saturation: 0.2,
};

/** A random crop at the size of the file, and nothing else. */
export const NO_AUGMENTATION: Augmentation = {
  scale: { min: 1, max: 1, step: 1 },
  flip: 0,
  brightness: 0,
  contrast: 0,
  saturation: 0,
};

/** One drawn transformation. */
export interface Transformation {
  /** Size of the whole scaled image. */
  scaledWidth: number;
  scaledHeight: number;
  /** Place of the crop in the scaled image; negative where the image is smaller and gets padding. */
  left: number;
  top: number;
  /** Mirrors the crop from left to right. */
  flip: boolean;
  /** Mirrors it from top to bottom. */
  flipRows: boolean;
  /** Transposes the image before everything else: all sizes and places here are those of the transposed one. */
  transpose: boolean;
  brightness: number;
  contrast: number;
  saturation: number;
}

/** Throws a `ConfigError` when a field is out of range. */
export function checkAugmentation({ scale, flip, longSide = 1, turns: _, ...colour }: Augmentation): void {
  if (!(Number.isInteger(longSide) && longSide > 0))
    throw new ConfigError(`augmentation longSide ${longSide}`, 'expected a whole number from 1 on');
  if (!(scale.min > 0 && scale.max >= scale.min && scale.step > 0)) {
    throw new ConfigError(`augmentation scale ${JSON.stringify(scale)}`, 'expected 0 < min <= max and step > 0');
  }
  if (!(flip >= 0 && flip <= 1)) throw new ConfigError(`augmentation flip ${flip}`, 'a probability is from 0 to 1');
  for (const [name, value] of Object.entries(colour)) {
    if (!(value >= 0 && value < 1))
      throw new ConfigError(`augmentation ${name} ${value}`, 'a strength is from 0 to below 1');
  }
}

/** Draws a transformation for an image of `width` by `height` and a crop of `[height, width]`. */
export function drawTransformation(
  augmentation: Augmentation,
  width: number,
  height: number,
  crop: readonly [height: number, width: number],
  random: Random,
): Transformation {
  const { scale, flip, turns = false } = augmentation;
  const steps = Math.floor((scale.max - scale.min) / scale.step + 1e-6) + 1;
  const base = augmentation.longSide === undefined ? 1 : augmentation.longSide / Math.max(width, height);
  const factor = base * (scale.min + scale.step * random.integer(steps));
  const transpose = turns && random.uniform() < 0.5;
  const flipRows = turns && random.uniform() < 0.5;
  const [columns, rows] = transpose ? [height, width] : [width, height];
  const scaledWidth = Math.max(1, Math.round(columns * factor));
  const scaledHeight = Math.max(1, Math.round(rows * factor));
  const place = (room: number): number => Math.min(0, room) + random.integer(Math.abs(room) + 1);
  const around = (strength: number): number => 1 + strength * (2 * random.uniform() - 1);
  return {
    scaledWidth,
    scaledHeight,
    left: place(scaledWidth - crop[1]),
    top: place(scaledHeight - crop[0]),
    flip: random.uniform() < (turns ? 0.5 : flip),
    flipRows,
    transpose,
    brightness: around(augmentation.brightness),
    contrast: around(augmentation.contrast),
    saturation: around(augmentation.saturation),
  };
}
