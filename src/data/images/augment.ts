/**
 * @file Augmentation of a picture and its labels: one random transformation (scale, crop, flip, colour), drawn first as plain numbers,
 * then applied in a single pass that resamples only the pixels of the crop. Output is what the network reads: channels last,
 * in [-1, 1].
 */
import { ConfigError, ShapeError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { IGNORE, type LabelledImage } from '../types.ts';
import { normaliseByte } from './values.ts';

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
  /** Brightness is multiplied by a number from [1 - s, 1 + s]. */
  brightness: number;
  /** Distance from the mean grey of the image is multiplied by a number from [1 - s, 1 + s]: about middle grey, dark images would turn black. */
  contrast: number;
  /** Distance from the pixel's own grey is multiplied by a number from [1 - s, 1 + s]. */
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

/** Padding of the image: middle grey. */
const MEAN = 127;

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

/**
 * Applies a transformation: writes the crop `[height, width, 3]` into `images` and `[height, width]` into `labels`, which hold exactly
 * one crop (subarrays of a batch). Images are resampled bilinearly (pixel centres aligned), labels take the nearest pixel;
 * outside the image the image is middle grey and the label `IGNORE`.
 */
export function applyTransformation(
  picture: LabelledImage,
  transformation: Transformation,
  crop: readonly [height: number, width: number],
  images: Float32Array,
  labels: Uint8Array,
): void {
  const [cropHeight, cropWidth] = crop;
  if (images.length !== cropHeight * cropWidth * 3 || labels.length !== cropHeight * cropWidth) {
    throw new ShapeError(
      `a crop of ${cropHeight}x${cropWidth} does not fill ${images.length} and ${labels.length} values`,
    );
  }
  const { width, height, image, label } = picture;
  const { scaledWidth, scaledHeight, left, top, flip, flipRows, transpose } = transformation;
  const columns = readAxis(transpose ? height : width, scaledWidth, left, cropWidth, flip);
  const rows = readAxis(transpose ? width : height, scaledHeight, top, cropHeight, flipRows);
  // From one pixel of the file to the next along a column and a row of the crop.
  const [down, right] = transpose ? [1, width] : [width, 1];
  const { own, shared, offset } = colourTransformation(transformation, picture);
  const pad = normaliseByte(MEAN);
  images.fill(pad);
  labels.fill(IGNORE);
  for (let y = 0; y < cropHeight; y++) {
    if (rows.nearest[y] < 0) continue;
    const upper = rows.lower[y] * down * 3;
    const lower = rows.upper[y] * down * 3;
    const fy = rows.fraction[y];
    const labelRow = rows.nearest[y] * down;
    let to = y * cropWidth * 3;
    for (let x = 0; x < cropWidth; x++, to += 3) {
      const nearest = columns.nearest[x];
      if (nearest < 0) continue;
      labels[y * cropWidth + x] = label[labelRow + nearest * right];
      const a = columns.lower[x] * right * 3;
      const b = columns.upper[x] * right * 3;
      const fx = columns.fraction[x];
      const wa = (1 - fx) * (1 - fy);
      const wb = fx * (1 - fy);
      const wc = (1 - fx) * fy;
      const wd = fx * fy;
      const [ua, ub, la, lb] = [upper + a, upper + b, lower + a, lower + b];
      const red = image[ua] * wa + image[ub] * wb + image[la] * wc + image[lb] * wd;
      const green = image[ua + 1] * wa + image[ub + 1] * wb + image[la + 1] * wc + image[lb + 1] * wd;
      const blue = image[ua + 2] * wa + image[ub + 2] * wb + image[la + 2] * wc + image[lb + 2] * wd;
      const grey = (0.299 * red + 0.587 * green + 0.114 * blue) * shared + offset;
      images[to] = clampUnit(red * own + grey);
      images[to + 1] = clampUnit(green * own + grey);
      images[to + 2] = clampUnit(blue * own + grey);
    }
  }
}

function clampUnit(value: number): number {
  return Math.min(1, Math.max(-1, value));
}

/**
 * Saturation, then contrast about the mean grey of the image, then brightness, then the scaling to [-1, 1], folded into
 * `value * own + grey * shared + offset`.
 */
function colourTransformation(
  { brightness, contrast, saturation }: Transformation,
  picture: LabelledImage,
): { own: number; shared: number; offset: number } {
  const gain = (brightness * contrast) / 127.5;
  const middle = contrast === 1 ? 0 : meanGrey(picture) / 127.5;
  return { own: gain * saturation, shared: gain * (1 - saturation), offset: brightness * (1 - contrast) * middle - 1 };
}

/** Rows and columns of pixels that the mean grey of an image is taken of, at most. */
const MEAN_SIDE = 64;

/** The mean grey of an image, of a grid of its pixels. */
export function meanGrey({ width, height, image }: Pick<LabelledImage, 'width' | 'height' | 'image'>): number {
  const [rows, columns] = [Math.min(MEAN_SIDE, height), Math.min(MEAN_SIDE, width)];
  let sum = 0;
  for (let i = 0; i < rows; i++) {
    const row = Math.floor(((i + 0.5) * height) / rows) * width;
    for (let j = 0; j < columns; j++) {
      const at = 3 * (row + Math.floor(((j + 0.5) * width) / columns));
      sum += 0.299 * image[at] + 0.587 * image[at + 1] + 0.114 * image[at + 2];
    }
  }
  return sum / (rows * columns);
}

/** For each place of the crop along one axis, where to read in the file: two neighbours and a fraction, and the nearest; -1 outside. */
function readAxis(
  size: number,
  scaled: number,
  start: number,
  count: number,
  flip: boolean,
): { lower: Int32Array; upper: Int32Array; fraction: Float32Array; nearest: Int32Array } {
  const lower = new Int32Array(count);
  const upper = new Int32Array(count);
  const fraction = new Float32Array(count);
  const nearest = new Int32Array(count);
  const ratio = size / scaled;
  for (let i = 0; i < count; i++) {
    const at = start + (flip ? count - 1 - i : i);
    if (at < 0 || at >= scaled) {
      nearest[i] = -1;
      continue;
    }
    const exact = Math.min(size - 1, Math.max(0, (at + 0.5) * ratio - 0.5));
    lower[i] = Math.floor(exact);
    upper[i] = Math.min(size - 1, lower[i] + 1);
    fraction[i] = exact - lower[i];
    nearest[i] = Math.min(size - 1, Math.floor((at + 0.5) * ratio));
  }
  return { lower, upper, fraction, nearest };
}
