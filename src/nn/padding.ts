/**
 * @file Inputs whose sides a network cannot read as they are.
 */
import * as op from '../engine/operators.ts';
import type { Tensor } from '../engine/tensor.ts';

/**
 * Runs `network` on `images` with zeros at the end of every axis up to the next multiple of `multiple`, and cuts its logits back to the size of `images`.
 * Zero is the mean of a normalised input.
 */
export function withPaddedSides(network: (images: Tensor) => Tensor, images: Tensor, multiple = 1): Tensor {
  const size = images.shape.slice(2);
  const missing = size.map((length) => (multiple - (length % multiple)) % multiple);
  if (missing.every((length) => length === 0)) return network(images);
  // Pairs (before, after), from the last axis backwards.
  const logits = network(
    op.pad(
      images,
      missing.toReversed().flatMap((length) => [0, length]),
    ),
  );
  return size.reduce((value, length, axis) => op.slice(value, axis + 2, 0, length), logits);
}
