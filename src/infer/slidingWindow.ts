/**
 * @file Inference by a sliding window: probabilities of inputs of any size from a network that reads windows, averaged where windows overlap.
 * Memory is bounded: a band as high as the window is held at a time, and its rows are handed out when no later window reaches them.
 *
 * Softmax is averaged, not logits, and voxels count by a Gaussian around the centre of the window, where a network sees most of their
 * surroundings: the rule of nnU-Net (Isensee et al. 2021).
 */
import { ConfigError, ShapeError } from '../base/errors.ts';
import { noGrad } from '../engine/autograd.ts';
import { operator } from '../engine/call.ts';
import * as op from '../engine/operators.ts';
import { fromArray, scope, type Tensor } from '../engine/tensor.ts';
import { type Parallel, shareOf } from '../parallel/parallel.ts';

/** How windows lie. */
export interface WindowOptions {
  /** Sides of the window, one a spatial axis: `[depth, height, width]` or `[height, width]`. */
  readonly window: readonly number[];
  /** Share of a window that its neighbour along an axis sees too, at least; in [0, 1), default 0.5. */
  readonly overlap?: number;
  /** Processes that share out the windows of one input, which all of them read; each gets the whole result. */
  readonly among?: Pick<Parallel, 'rank' | 'size' | 'average'>;
}

/** An input that is read in parts, so that it need not be in the engine as a whole. */
export interface WindowSource {
  /** Spatial sizes. */
  readonly size: readonly number[];
  /** `[batch, channels, ...size]` of the part that begins at `start`. */
  read(start: readonly number[], size: readonly number[]): Tensor;
}

/** A tensor `[batch, channels, ...spatial]` as a source. */
export const windowsOf = (images: Tensor): WindowSource => ({
  size: images.shape.slice(2),
  read: (start, size) => size.reduce((x, side, i) => op.slice(x, i + 2, start[i], start[i] + side), images),
});

/** Probabilities `[batch, classes, ...window]` of `[batch, channels, ...window]`. */
export type WindowNetwork = (images: Tensor) => Tensor;

/** Probabilities `[batch, classes, ...spatial]` of images `[batch, channels, ...spatial]`. Where one window holds all they are the network's own. */
export function slidingWindow(network: WindowNetwork, images: Tensor, options: WindowOptions): Tensor {
  return scope(() => {
    const bands: Tensor[] = [];
    slidingBands(network, windowsOf(images), options, (_, probabilities) => bands.push(probabilities));
    return bands.length === 1 ? bands[0] : op.concat(bands, 2);
  });
}

/**
 * As `slidingWindow`, in bands of rows of the first spatial axis, first to last: `receive` is given the first row and
 * `[batch, classes, rows, ...rest]`, which belong to the scope around the call.
 */
export function slidingBands(
  network: WindowNetwork,
  source: WindowSource,
  options: WindowOptions,
  receive: (firstRow: number, probabilities: Tensor) => void,
): void {
  const { size } = source;
  const { window, overlap = 0.5, among } = options;
  if (window.length !== size.length)
    throw new ShapeError(`a window of ${window.length} sides over an input of ${size.length} axes`);
  const [firstRows, ...otherStarts] = size.map((length, axis) => windowStarts(length, window[axis], overlap));
  /** What of every window lies inside the input; the rest is padding. */
  const inside = window.map((side, axis) => Math.min(side, size[axis]));
  const predict = (start: readonly number[]) => predictPadded(network, source.read(start, inside), window);
  noGrad(() => {
    if (inside.every((side, axis) => side === size[axis])) {
      receive(0, predict(size.map(() => 0)));
      return;
    }
    const gaussian = fromArray(gaussianWeights(inside), [1, 1, ...inside]);
    const places = product(otherStarts);
    // Fewer windows in a band than processes are computed by all of them.
    const sharers = among && places.length >= among.size ? among : undefined;
    const own = sharers ? shareOf(places, sharers) : places;
    let band: Tensor | null = null;
    for (const [i, row] of firstRows.entries()) {
      const rows = (firstRows[i + 1] ?? size[0]) - row;
      const carried: Tensor | null = band;
      const [finished, rest] = scope(() => {
        const sum = own.reduce<Tensor | null>((into, others) => {
          return scope(() => {
            const probabilities = predict([row, ...others]);
            const weights = op.toDevice(gaussian, probabilities.device);
            const [batch, classes] = probabilities.shape;
            // The weights are summed as one more class.
            const whole =
              into ?? op.zeros([batch, classes + 1, inside[0], ...size.slice(1)], 'float32', weights.device);
            const place = others.reduce((x, start, k) => op.slice(x, k + 3, start, start + inside[k + 1]), whole);
            const all = op.expand(weights, [batch, 1, ...inside]);
            operator('aten::add_.Tensor').one(place, op.concat([op.multiply(probabilities, all), all], 1));
            return whole;
          });
        }, carried) as Tensor;
        const done = op.slice(sum, 2, 0, rows);
        // Means of sums: that they are of so many ranks cancels in what they are divided by.
        sharers?.average([done]);
        return [divided(done), i + 1 < firstRows.length ? movedUp(sum, rows) : null];
      });
      carried?.free();
      band = rest;
      receive(row, finished as Tensor);
    }
    gaussian.free();
  });
}

/** Where windows begin along an axis: the fewest that overlap by the given share, spread evenly, the last one flush with the end. */
export function windowStarts(length: number, window: number, overlap: number): number[] {
  if (!(overlap >= 0 && overlap < 1)) throw new ConfigError(`overlap ${overlap}`, 'expected a number from 0 below 1');
  if (window >= length) return [0];
  const step = Math.max(1, window * (1 - overlap));
  const count = Math.ceil((length - window) / step) + 1;
  return Array.from({ length: count }, (_, i) => Math.round((i * (length - window)) / (count - 1)));
}

/** A Gaussian over a window, row by row: 1 at the centre, sigma an eighth of each side, positive everywhere. */
export function gaussianWeights(window: readonly number[]): Float32Array {
  let weights: number[] = [1];
  for (const side of window) {
    const line = Array.from({ length: side }, (_, i) => Math.exp(-0.5 * ((i - (side - 1) / 2) / (side / 8)) ** 2));
    weights = weights.flatMap((weight) => line.map((value) => weight * value));
  }
  return Float32Array.from(weights);
}

/** Zeros around what is smaller than the window, as much before as behind; they are cut off the result. */
function predictPadded(network: WindowNetwork, images: Tensor, window: readonly number[]): Tensor {
  const missing = window.map((side, axis) => side - images.shape[axis + 2]);
  if (missing.every((count) => count === 0)) return network(images);
  return scope(() => {
    const before = missing.map((count) => Math.floor(count / 2));
    const pairs = missing.flatMap((count, axis) => [count - before[axis], before[axis]]).reverse();
    const probabilities = network(op.pad(images, pairs));
    return op.pad(
      probabilities,
      pairs.map((count) => -count),
    );
  });
}

/** Sums by the sum of their weights, which is the last channel. */
function divided(sum: Tensor): Tensor {
  const classes = sum.shape[1] - 1;
  return op.divide(op.slice(sum, 1, 0, classes), op.slice(sum, 1, classes, classes + 1));
}

/** Without the first `rows` of axis 2, as many zeros behind. */
function movedUp(x: Tensor, rows: number): Tensor {
  const kept = op.slice(x, 2, rows, x.shape[2]);
  return op.pad(kept, [...x.shape.slice(3).flatMap(() => [0, 0]), 0, rows]);
}

/** All ways to take one of each list; the last list varies fastest. */
function product(lists: readonly (readonly number[])[]): number[][] {
  return lists.reduce<number[][]>((ways, list) => ways.flatMap((way) => list.map((item) => [...way, item])), [[]]);
}
