/** @file What tests of the fused kernels share: instruction sets, distances. */
import { requireGradient } from '../../src/engine/autograd.ts';
import { operator } from '../../src/engine/call.ts';
import * as op from '../../src/engine/operators.ts';
import type { Tensor } from '../../src/engine/tensor.ts';

export const INSTRUCTION_SETS = ['portable', 'avx2', 'avx512'] as const;

/** Makes the kernels run on an instruction set; false where the machine has none. */
export function use(set: (typeof INSTRUCTION_SETS)[number] | 'best'): boolean {
  try {
    return operator('espalier::instruction_set').plain(set) !== null;
  } catch {
    return false;
  }
}

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
