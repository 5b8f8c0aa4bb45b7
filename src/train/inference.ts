/**
 * @file Logits or probabilities of whole pictures: single scale, or the mean of softmax over scales and flips.
 */
import { noGrad } from '../engine/autograd.ts';
import * as op from '../engine/operators.ts';
import { scope, type Tensor } from '../engine/tensor.ts';

/** A network at inference: logits `[batch, classes, ...spatial]` at the size of its input. */
export type Infer = (images: Tensor) => Tensor;

/** Test-time augmentation: every scale is taken from the original picture, each also mirrored if `flip`. */
export interface InferenceOptions {
  readonly scales: readonly number[];
  readonly flip: boolean;
}

export const SINGLE_SCALE: InferenceOptions = { scales: [1], flip: false };

/** The network on pictures at 1 / `reduction` of their size, or of the size with `longSide` pixels on the longer side; logits have the full size. */
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

/** Class scores `[batch, classes, height, width]` at the size of `images`: logits for a single pass, else mean probabilities. */
export function infer(network: Infer, images: Tensor, options: InferenceOptions = SINGLE_SCALE): Tensor {
  const { scales, flip } = options;
  return noGrad(() =>
    scope(() => {
      if (scales.length === 1 && scales[0] === 1 && !flip) return network(images);
      const size = images.shape.slice(2);
      const lastAxis = images.shape.length - 1;
      let total: Tensor | undefined;
      for (const factor of scales) {
        // Sizes follow int((d - 1) s + 1), as everywhere with aligned corners.
        const scaled = op.resize(
          images,
          size.map((length) => Math.floor((length - 1) * factor + 1)),
        );
        const views = flip ? [false, true] : [false];
        for (const mirrored of views) {
          const logits = network(mirrored ? op.flip(scaled, [lastAxis]) : scaled);
          const straight = mirrored ? op.flip(logits, [lastAxis]) : logits;
          const probability = op.resize(op.softmax(straight, 1), size);
          total = total === undefined ? probability : op.add(total, probability);
        }
      }
      return op.scale(total as Tensor, 1 / (scales.length * (flip ? 2 : 1)));
    }),
  );
}
