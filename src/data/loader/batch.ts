/**
 * @file A batch of pixels or voxels as arrays: what loaders make and networks read.
 */

/** Images and their labels. */
export interface PixelBatch {
  /** `[batch, ...size, channels]`: channels last; those of pictures are RGB in [-1, 1]. */
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
