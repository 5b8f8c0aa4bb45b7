/**
 * @file A batch of pixels or voxels as arrays: what loaders make and networks read.
 */
import { normaliseByte } from '../images/values.ts';

/** Images and their labels. */
export interface PixelBatch {
  /** `[batch, ...size, channels]`: channels last; RGB in [-1, 1], other channels about zero. */
  readonly images: Float32Array;
  /** Class ids and 255, `[batch, ...size]`. */
  readonly labels: Uint8Array;
  readonly batch: number;
  /** `[height, width]` or `[depth, height, width]`. */
  readonly size: readonly number[];
  readonly channels: number;
}

/** A batch of a loader: it says which samples it holds. */
export interface LoadedBatch extends PixelBatch {
  readonly ids: readonly string[];
}

/**
 * One whole image `[height, width, channels]` as a batch of 1, as the loader makes it without augmentation: bytes of RGB become [-1, 1], float32 stays; every
 * label is 0 where there is none.
 */
export const imageBatch = (
  {
    width,
    height,
    data,
  }: { readonly width: number; readonly height: number; readonly data: Uint8Array | Float32Array },
  id = '',
  labels: Uint8Array = new Uint8Array(width * height),
): LoadedBatch => ({
  images: data instanceof Float32Array ? data : Float32Array.from(data, normaliseByte),
  labels,
  ids: [id],
  batch: 1,
  size: [height, width],
  channels: data.length / (width * height),
});

/** Values `[batch, ...size, channels]` as a batch; every label is 0 where there is none. */
export const batchOf = (
  images: Float32Array,
  size: readonly number[],
  channels: number,
  labels: Uint8Array = new Uint8Array(images.length / channels),
): PixelBatch => ({
  images,
  labels,
  batch: images.length / (channels * size.reduce((product, side) => product * side, 1)),
  size,
  channels,
});
