/**
 * @file Logits or probabilities of whole inputs of any rank: a single pass, or the mean of softmax over scales, mirrored views and windows.
 */
import { ConfigError } from '../base/errors.ts';
import { noGrad } from '../engine/autograd.ts';
import * as op from '../engine/operators.ts';
import { scope, type Tensor } from '../engine/tensor.ts';
import { classMap } from './batch.ts';
import type { CrfOptions } from './crf/crf.ts';
import { slidingBands, slidingWindow, type WindowOptions, windowsOf } from './slidingWindow.ts';

/** A network at inference: logits `[batch, classes, ...spatial]` at the size of its input. */
export type Infer = (images: Tensor) => Tensor;

/** Spatial axes by name; images have no depth. */
export type SpatialAxis = 'depth' | 'height' | 'width';

/** Test-time augmentation and windows. */
export interface InferenceOptions {
  /** Every scale is taken from the original input. */
  readonly scales: readonly number[];
  /** Axes along which inputs are also mirrored, in all combinations: n axes make 2^n views. */
  readonly mirror: readonly SpatialAxis[];
  /** Absent: inputs are read as a whole. */
  readonly window?: WindowOptions;
  /** Refines the probabilities of class maps (`crf/predict.ts`); `infer` and `predictClasses` are of the network alone. */
  readonly crf?: CrfOptions;
}

export const SINGLE_SCALE: InferenceOptions = { scales: [1], mirror: [] };

/** The network on images at 1 / `reduction` of their size, or of the size with `longSide` pixels on the longer side; logits have the full size. */
export function reduced(network: Infer, reduction: number, longSide?: number): Infer {
  if (reduction === 1 && longSide === undefined) return network;
  return (images) => {
    const size = images.shape.slice(2);
    const factor = (longSide === undefined ? 1 : longSide / Math.max(...size)) / reduction;
    return op.resize(
      network(
        op.resize(
          images,
          size.map((length) => Math.max(1, Math.round(length * factor))),
        ),
      ),
      size,
    );
  };
}

/** Whether the network reads an input once and as it is, so that what it gives are logits. */
const isSinglePass = ({ scales, mirror, window }: InferenceOptions): boolean =>
  scales.length === 1 && scales[0] === 1 && mirror.length === 0 && !window;

/** Class scores `[batch, classes, ...spatial]` at the size of `images`: logits for a single pass, else mean probabilities. */
export function infer(network: Infer, images: Tensor, options: InferenceOptions = SINGLE_SCALE): Tensor {
  const { scales, mirror, window } = options;
  return noGrad(() =>
    scope(() => {
      if (isSinglePass(options)) return network(images);
      const view = mirrored(network, mirror);
      const whole = window ? (x: Tensor) => slidingWindow(view, x, window) : view;
      const size = images.shape.slice(2);
      return meanOf(scales, (factor) => {
        // Sizes follow int((d - 1) s + 1), as everywhere with aligned corners.
        const scaled = op.resize(
          images,
          size.map((length) => Math.floor((length - 1) * factor + 1)),
        );
        return op.resize(whole(scaled), size);
      });
    }),
  );
}

/** Class probabilities `[batch, classes, ...spatial]` on the device, to which the input is moved; with windows only these are. */
export const predictProbabilities = (
  network: Infer,
  images: Tensor,
  device: string,
  options: InferenceOptions = SINGLE_SCALE,
): Tensor =>
  scope(() => {
    const scores = infer((x) => network(op.toDevice(x, device)), images, options);
    return isSinglePass(options) ? noGrad(() => op.softmax(scores, 1)) : scores;
  });

/**
 * The class of every pixel or voxel of one input `[1, channels, ...spatial]`, as bytes. The input is moved to the device; with windows only
 * these are, and no more than a band of probabilities is ever in memory.
 */
export function predictClasses(
  network: Infer,
  images: Tensor,
  device: string,
  options: InferenceOptions = SINGLE_SCALE,
): Uint8Array {
  const { scales, mirror, window } = options;
  if (!window || scales.length > 1 || scales[0] !== 1)
    return scope(() => classMap(infer(network, op.toDevice(images, device), options)));
  const [rows, ...rest] = images.shape.slice(2);
  const row = rest.reduce((product, side) => product * side, 1);
  const ids = new Uint8Array(rows * row);
  const view = mirrored(network, mirror);
  scope(() =>
    slidingBands(
      (x) => view(op.toDevice(x, device)),
      windowsOf(images),
      window,
      (first, probabilities) => {
        ids.set(
          scope(() => classMap(probabilities)),
          first * row,
        );
        probabilities.free();
      },
    ),
  );
  return ids;
}

/** A class map, and the probabilities that it is made of. */
export interface ClassesWithProbabilities {
  /** `[...spatial]`. */
  readonly ids: Uint8Array;
  /** `[classes, ...spatial]`, which sum to 1 at every pixel or voxel. */
  readonly probabilities: Float32Array;
}

/** As {@link predictClasses}, with the probabilities of the whole input, which are in memory at once: 4 bytes a class and voxel. */
export function predictWithProbabilities(
  network: Infer,
  images: Tensor,
  device: string,
  options: InferenceOptions = SINGLE_SCALE,
): ClassesWithProbabilities {
  return scope(() => {
    const scores = infer((x) => network(op.toDevice(x, device)), images, options);
    const probabilities = isSinglePass(options) ? noGrad(() => op.softmax(scores, 1)) : scores;
    return { ids: classMap(scores), probabilities: op.contiguous(probabilities).data() as Float32Array };
  });
}

/** The network's softmax, mean over the views mirrored along every set of the axes and turned back. */
export function mirrored(network: Infer, axes: readonly SpatialAxis[]): Infer {
  return (images) => {
    const rank = images.shape.length - 2;
    const views = subsets(axes.map((axis) => axisOf(axis, rank)));
    return meanOf(views, (along) => op.softmax(turned(network(turned(images, along)), along), 1));
  };
}

const turned = (x: Tensor, along: readonly number[]): Tensor => (along.length === 0 ? x : op.flip(x, along));

const FROM_LAST: Record<SpatialAxis, number> = { width: 1, height: 2, depth: 3 };

/** The tensor's axis of a name. */
function axisOf(axis: SpatialAxis, rank: number): number {
  if (FROM_LAST[axis] > rank) throw new ConfigError(`mirror: an image has no ${axis}`, 'mirror height or width');
  return rank + 2 - FROM_LAST[axis];
}

function subsets(items: readonly number[]): number[][] {
  return Array.from({ length: 2 ** items.length }, (_, bits) => items.filter((_, i) => (bits >> i) & 1));
}

/** The mean of the terms of some items. One term at a time is in memory. */
export function meanOf<Item>(items: readonly Item[], term: (item: Item) => Tensor): Tensor {
  let sum: Tensor | undefined;
  for (const item of items) {
    const before: Tensor | undefined = sum;
    sum = scope(() => (before ? op.add(before, term(item)) : term(item)));
    before?.free();
  }
  return items.length === 1 ? (sum as Tensor) : op.scale(sum as Tensor, 1 / items.length);
}
