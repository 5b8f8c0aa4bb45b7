/**
 * @file Batches of the loader as tensors of the engine.
 */
import type { PixelBatch } from '../data/loader/batch.ts';
import { operator } from '../engine/call.ts';
import * as op from '../engine/operators.ts';
import { fromArray, type Tensor } from '../engine/tensor.ts';

/** A batch in the engine: images `[batch, channels, ...size]` in channels-last memory and labels `[batch, ...size]` int64. */
export interface Inputs {
  readonly images: Tensor;
  readonly labels: Tensor;
}

/** A batch as tensors. The arrays must not be reused while the tensors live. */
export function toTensors(pixels: PixelBatch, device: string): Inputs {
  const { images, labels, batch, size, channels } = pixels;
  const interleaved = fromArray(images, [batch, ...size, channels], 'float32', { share: true });
  const spatial = size.map((_, axis) => axis + 1);
  return {
    // A permuted view of interleaved pixels is channels-last already: nothing is moved.
    images: op.toDevice(op.permute(interleaved, [0, size.length + 1, ...spatial]), device),
    labels: op.toDevice(op.toDType(fromArray(labels, [batch, ...size], 'uint8', { share: true }), 'int64'), device),
  };
}

/** A batch in `parts` of nearly the same number of samples, as views; fewer where it has not so many. */
export function splitBatch(pixels: PixelBatch, parts: number): PixelBatch[] {
  const { batch, labels, images } = pixels;
  const count = Math.min(batch, parts);
  return Array.from({ length: count }, (_, part) => {
    const [start, end] = [part, part + 1].map((i) => Math.round((i * batch) / count));
    const view = <A extends Float32Array | Uint8Array>(all: A) =>
      all.subarray((start * all.length) / batch, (end * all.length) / batch) as A;
    return { ...pixels, batch: end - start, images: view(images), labels: view(labels) };
  });
}

/** Pixels that are not `ignore`. */
export function countPixels(labels: Uint8Array, ignore: number): number {
  let count = 0;
  for (const label of labels) if (label !== ignore) count++;
  return count;
}

/** The class of largest logit at every pixel or voxel, `[batch, ...size]` as bytes. */
export function classMap(logits: Tensor): Uint8Array {
  return op.toDType(op.argmax(logits, 1), 'uint8').data() as Uint8Array;
}

/** Where the score of each output is above `threshold`, `[batch, outputs, ...size]` of 0 and 1 as bytes. */
export const masksAbove = (scores: Tensor, threshold: number): Uint8Array =>
  op.contiguous(op.toDType(operator('aten::gt.Scalar').one(scores, threshold), 'uint8')).data() as Uint8Array;
