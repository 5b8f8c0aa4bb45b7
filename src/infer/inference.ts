/**
 * @file Logits or probabilities of whole inputs of any rank: a single pass, or the mean of probabilities over scales, mirrored views and windows.
 * Probabilities are the softmax over classes, or the sigmoid of each region.
 */
import { ConfigError } from '../base/errors.ts';
import type { Region } from '../data/types.ts';
import { noGrad } from '../engine/autograd.ts';
import * as op from '../engine/operators.ts';
import { scope, type Tensor } from '../engine/tensor.ts';
import { classMap, masksAbove } from './batch.ts';
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
  /** Present where the outputs of the network are regions, which may overlap. */
  readonly regions?: readonly Region[];
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

/** Logits as probabilities. */
const probabilitiesOf = ({ regions }: Pick<InferenceOptions, 'regions'>, logits: Tensor): Tensor =>
  regions ? op.sigmoid(logits) : op.softmax(logits, 1);

/** Scores `[batch, classes or regions, ...spatial]` at the size of `images`: logits for a single pass, else mean probabilities. */
export function infer(network: Infer, images: Tensor, options: InferenceOptions = SINGLE_SCALE): Tensor {
  const { scales, mirror, window } = options;
  return noGrad(() =>
    scope(() => {
      if (isSinglePass(options)) return network(images);
      const view = mirrored(network, mirror, options);
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

/** Probabilities `[batch, classes or regions, ...spatial]` on the device, to which the input is moved; with windows only these are. */
export const predictProbabilities = (
  network: Infer,
  images: Tensor,
  device: string,
  options: InferenceOptions = SINGLE_SCALE,
): Tensor =>
  scope(() => {
    const scores = infer((x) => network(op.toDevice(x, device)), images, options);
    return isSinglePass(options) ? noGrad(() => probabilitiesOf(options, scores)) : scores;
  });

/**
 * The class of every pixel or voxel of one input `[1, channels, ...spatial]`, as bytes. The input is moved to the device; with windows only
 * these are, and no more than a band of probabilities is ever in memory.
 */
export const predictClasses = (
  network: Infer,
  images: Tensor,
  device: string,
  options: InferenceOptions = SINGLE_SCALE,
): Uint8Array => predictMaps(network, images, device, options, 1, classMap);

/** The masks of the regions of one input, `[regions, ...spatial]` of 0 and 1: where the probability of a region is above 0.5. As {@link predictClasses}. */
export function predictRegions(
  network: Infer,
  images: Tensor,
  device: string,
  options: InferenceOptions & { readonly regions: readonly Region[] },
): Uint8Array {
  // The sigmoid of a logit is above 0.5 where the logit is above 0.
  const threshold = isSinglePass(options) ? 0 : 0.5;
  return predictMaps(network, images, device, options, options.regions.length, (scores) =>
    masksAbove(scores, threshold),
  );
}

/** Maps `[count, ...spatial]` of one input, from scores of the whole or of bands of rows: `mapsOf` gives `[count, rows, ...rest]`. */
function predictMaps(
  network: Infer,
  images: Tensor,
  device: string,
  options: InferenceOptions,
  count: number,
  mapsOf: (scores: Tensor) => Uint8Array,
): Uint8Array {
  const { scales, mirror, window } = options;
  if (!window || scales.length > 1 || scales[0] !== 1)
    return scope(() => mapsOf(infer(network, op.toDevice(images, device), options)));
  const [rows, ...rest] = images.shape.slice(2);
  const row = rest.reduce((product, side) => product * side, 1);
  const maps = new Uint8Array(count * rows * row);
  const view = mirrored(network, mirror, options);
  scope(() =>
    slidingBands(
      (x) => view(op.toDevice(x, device)),
      windowsOf(images),
      window,
      (first, probabilities) => {
        const band = scope(() => mapsOf(probabilities));
        const length = band.length / count;
        for (let map = 0; map < count; map++)
          maps.set(band.subarray(map * length, (map + 1) * length), (map * rows + first) * row);
        probabilities.free();
      },
    ),
  );
  return maps;
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

/** The masks of {@link predictRegions}, with the probabilities of the whole input, `[regions, ...spatial]`, each by itself. */
export const predictRegionProbabilities = (
  network: Infer,
  images: Tensor,
  device: string,
  options: InferenceOptions & { readonly regions: readonly Region[] },
): { readonly masks: Uint8Array; readonly probabilities: Float32Array } =>
  scope(() => {
    const scores = infer((x) => network(op.toDevice(x, device)), images, options);
    const isLogits = isSinglePass(options);
    const probabilities = isLogits ? noGrad(() => op.sigmoid(scores)) : scores;
    return {
      masks: masksAbove(scores, isLogits ? 0 : 0.5),
      probabilities: op.contiguous(probabilities).data() as Float32Array,
    };
  });

/** The network's probabilities, mean over the views mirrored along every set of the axes and turned back. */
export function mirrored(
  network: Infer,
  axes: readonly SpatialAxis[],
  options: Pick<InferenceOptions, 'regions'> = {},
): Infer {
  return (images) => {
    const rank = images.shape.length - 2;
    const views = subsets(axes.map((axis) => axisOf(axis, rank)));
    return meanOf(views, (along) => probabilitiesOf(options, turned(network(turned(images, along)), along)));
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
