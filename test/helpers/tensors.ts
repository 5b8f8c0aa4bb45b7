/** @file How far tensors are from each other, as tests measure it. */
import { expect } from 'vitest';
import { requireGradient } from '../../src/engine/autograd.ts';
import { operator } from '../../src/engine/call.ts';
import * as op from '../../src/engine/operators.ts';
import type { Tensor } from '../../src/engine/tensor.ts';

/** The distance as a share of the length. */
export function distance(a: Tensor, b: Tensor): number {
  const length = (x: Tensor) => Math.sqrt(op.sum(op.multiply(x, x)).item());
  return length(op.subtract(a, b)) / Math.max(1e-6, length(b));
}

/** The largest difference, as a share of the largest value. */
export function difference(a: Tensor, b: Tensor): number {
  const largest = (x: Tensor) => operator('aten::max').one(op.abs(x)).item();
  return largest(op.subtract(a, b)) / Math.max(1e-3, largest(b));
}

/** The same numbers in float64, as a leaf. */
export const exact = (x: Tensor): Tensor => requireGradient(op.toDType(op.detach(x), 'float64'));

/** The largest difference of two lists of numbers of the same length. */
export function largestDifference(a: readonly number[], b: readonly number[]): number {
  expect(b).toHaveLength(a.length);
  return largestOf(a.map((value, i) => value - b[i]));
}

/** The largest absolute value; lists may be longer than a call takes arguments. */
export const largestOf = (values: readonly number[]): number =>
  values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
