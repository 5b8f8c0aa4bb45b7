/**
 * @file Images as inputs of a model and scores as class maps: plain arrays, the same numbers in Node and in a browser.
 */
import { ShapeError } from '../base/errors.ts';
import { sampleTypeOf } from '../data/channels/format.ts';
import type { SampledImage } from '../data/channels/normalise.ts';
import { writeRegions } from '../data/regions/regions.ts';
import type { ModelMetadata, Preprocessing } from './metadata.ts';

/** An image of bytes, rows of interleaved samples: RGB, or RGBA whose alpha is ignored. An `ImageData` is one. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** The input of a model for normalised channels `[height, width, channels]`: the channels one after another. */
export function toPlanes(data: Float32Array, channels: number): Float32Array {
  const pixels = data.length / channels;
  const planes = new Float32Array(data.length);
  for (let c = 0; c < channels; c++)
    for (let i = 0, from = c; i < pixels; i++, from += channels) planes[c * pixels + i] = data[from];
  return planes;
}

/** Samples of a pixel: 3 or 4. */
export function channelsOfImage({ width, height, data }: Picture): 3 | 4 {
  const channels = data.length / (width * height);
  if (channels !== 3 && channels !== 4)
    throw new ShapeError(`expected an image of 3 or 4 samples a pixel, got ${data.length} for ${width}x${height}`);
  return channels;
}

/** An image of RGB or RGBA. @throws ShapeError for samples that are no bytes */
export function requireBytes({ width, height, data }: SampledImage): Picture {
  if (data instanceof Uint8Array || data instanceof Uint8ClampedArray) return { width, height, data };
  throw new ShapeError(`expected 8-bit RGB, got samples of ${sampleTypeOf(data)}`);
}

/** The input of a model for one image. */
export function toInput(
  picture: Picture,
  { layout, dtype, divisor, offset }: Preprocessing,
): Float32Array | Uint8Array {
  const { width, height, data } = picture;
  const channels = channelsOfImage(picture);
  const pixels = width * height;
  const input = new (dtype === 'uint8' ? Uint8Array : Float32Array)(3 * pixels);
  const [perPixel, perChannel] = layout === 'channelsLast' ? [3, 1] : [1, pixels];
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) input[i * perPixel + c * perChannel] = data[i * channels + c] / divisor - offset;
  }
  return input;
}

/** The class of largest score at every pixel; the first where several are. `scores` is `[classes, height, width]`. */
export function largestScores(scores: Float32Array, classes: number): Uint8Array {
  const pixels = scores.length / classes;
  const best = scores.slice(0, pixels);
  const ids = new Uint8Array(pixels);
  for (let id = 1; id < classes; id++) {
    const start = id * pixels;
    for (let i = 0; i < pixels; i++) {
      if (scores[start + i] <= best[i]) continue;
      best[i] = scores[start + i];
      ids[i] = id;
    }
  }
  return ids;
}

/** Where scores are above `threshold`: 0 or 1 for each. */
export const masksAbove = (scores: Float32Array, threshold: number): Uint8Array =>
  Uint8Array.from(scores, (score) => (score > threshold ? 1 : 0));

/** The class ids of scores: of the largest, or written from the regions whose probability is above 0.5. `masks` are `[regions, ...]`. */
export function idsOf(
  scores: Float32Array,
  { classes, regions, result }: Pick<ModelMetadata, 'classes' | 'regions' | 'result'>,
): { ids: Uint8Array; masks?: Uint8Array } {
  if (!regions) return { ids: largestScores(scores, classes.length) };
  // The sigmoid of a logit is above 0.5 where the logit is above 0.
  const masks = masksAbove(scores, result === 'sigmoid' ? 0.5 : 0);
  return { ids: writeRegions(masks, regions), masks };
}

/** The softmax of scores `[classes, height, width]` at every pixel. */
export function softmaxOf(scores: Float32Array, classes: number): Float32Array {
  const pixels = scores.length / classes;
  const result = new Float32Array(scores.length);
  for (let i = 0; i < pixels; i++) {
    let largest = Number.NEGATIVE_INFINITY;
    for (let at = i; at < scores.length; at += pixels) largest = Math.max(largest, scores[at]);
    let sum = 0;
    for (let at = i; at < scores.length; at += pixels) sum += result[at] = Math.exp(scores[at] - largest);
    for (let at = i; at < scores.length; at += pixels) result[at] /= sum;
  }
  return result;
}

/** The sigmoid of each score. */
export const sigmoidOf = (scores: Float32Array): Float32Array => scores.map((score) => 1 / (1 + Math.exp(-score)));

/** Maps `[count, height, width]` at another size, bilinear with the centres of the corner pixels aligned. Sizes are `[height, width]`. */
export function resizeMaps(maps: Float32Array, from: readonly number[], to: readonly number[]): Float32Array {
  const [rows, columns] = [0, 1].map((axis) => alignedPlaces(from[axis], to[axis]));
  const [pixels, wanted] = [from, to].map(([height, width]) => height * width);
  const count = maps.length / pixels;
  const out = new Float32Array(count * wanted);
  for (let m = 0; m < count; m++) {
    const at = (y: number, x: number) => maps[m * pixels + y * from[1] + x];
    rows.forEach(([top, bottom, fy], y) => {
      columns.forEach(([left, right, fx], x) => {
        const upper = at(top, left) * (1 - fx) + at(top, right) * fx;
        const lower = at(bottom, left) * (1 - fx) + at(bottom, right) * fx;
        out[m * wanted + y * to[1] + x] = upper * (1 - fy) + lower * fy;
      });
    });
  }
  return out;
}

/** An image at another size, bilinear with the centres of the corner pixels aligned, as the networks resize. RGB. */
export function resizeImage(picture: Picture, [height, width]: readonly number[]): Picture {
  const out = new Uint8Array(width * height * 3);
  resample({ ...picture, channels: channelsOfImage(picture) }, [height, width], 3, (at, value) => {
    out[at] = Math.round(value);
  });
  return { width, height, data: out };
}

/** Normalised channels `[height, width, channels]` at another size, in the same way. Sizes are `[height, width]`. */
export function resizeChannels(
  data: Float32Array,
  channels: number,
  [height, width]: readonly number[],
  to: readonly number[],
): Float32Array {
  const out = new Float32Array(to[0] * to[1] * channels);
  resample({ width, height, data, channels }, to, channels, (at, value) => {
    out[at] = value;
  });
  return out;
}

/** Gives every sample of an image at another size to `write`, with its place. */
function resample(
  image: { width: number; height: number; data: ArrayLike<number>; channels: number },
  [height, width]: readonly number[],
  kept: number,
  write: (at: number, value: number) => void,
): void {
  const { data, channels } = image;
  const [rows, columns] = [alignedPlaces(image.height, height), alignedPlaces(image.width, width)];
  const at = (y: number, x: number, c: number) => data[(y * image.width + x) * channels + c];
  rows.forEach(([top, bottom, fy], y) => {
    columns.forEach(([left, right, fx], x) => {
      for (let c = 0; c < kept; c++) {
        const upper = at(top, left, c) * (1 - fx) + at(top, right, c) * fx;
        const lower = at(bottom, left, c) * (1 - fx) + at(bottom, right, c) * fx;
        write((y * width + x) * kept + c, upper * (1 - fy) + lower * fy);
      }
    });
  });
}

/** A class map at another size: the nearest pixel. Sizes are `[height, width]`. */
export function resizeIds(ids: Uint8Array, from: readonly number[], to: readonly number[]): Uint8Array {
  const [rows, columns] = [0, 1].map((axis) =>
    alignedPlaces(from[axis], to[axis]).map(([low, high, fraction]) => (fraction < 0.5 ? low : high)),
  );
  const out = new Uint8Array(to[0] * to[1]);
  rows.forEach((row, y) => {
    columns.forEach((column, x) => {
      out[y * to[1] + x] = ids[row * from[1] + column];
    });
  });
  return out;
}

/** For each place of an axis of length `to`, the two neighbours on one of length `from` and how far it is between them. */
function alignedPlaces(from: number, to: number): [low: number, high: number, fraction: number][] {
  const step = to > 1 ? (from - 1) / (to - 1) : 0;
  return Array.from({ length: to }, (_, i) => {
    const low = Math.min(from - 1, Math.floor(i * step));
    return [low, Math.min(from - 1, low + 1), i * step - low];
  });
}
