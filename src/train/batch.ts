/**
 * @file The way of a batch from the loader into the engine.
 */
import * as op from '../engine/operators.ts';
import { fromArray, type Tensor } from '../engine/tensor.ts';

/** What a loader gives: pixels `[batch, height, width, 3]` in [-1, 1] and labels `[batch, height, width]`. */
export interface PixelBatch {
  readonly images: Float32Array;
  readonly labels: Uint8Array;
  readonly batch: number;
  readonly height: number;
  readonly width: number;
}

/** Images `[batch, 3, height, width]` in channels-last memory and labels `[batch, height, width]` int64. The arrays must not be reused while the tensors live. */
export function toTensors(pixels: PixelBatch, device: string): { images: Tensor; labels: Tensor } {
  const { images, labels, batch, height, width } = pixels;
  const interleaved = fromArray(images, [batch, height, width, 3], 'float32', { share: true });
  return {
    // A permuted view of interleaved pixels is channels-last already: nothing is moved.
    images: op.toDevice(op.permute(interleaved, [0, 3, 1, 2]), device),
    labels: op.toDevice(
      op.toDType(fromArray(labels, [batch, height, width], 'uint8', { share: true }), 'int64'),
      device,
    ),
  };
}

/** The class of largest logit at every pixel, `[batch, height, width]` as bytes. */
export function classMap(logits: Tensor): Uint8Array {
  return op.toDType(op.argmax(logits, 1), 'uint8').data() as Uint8Array;
}
