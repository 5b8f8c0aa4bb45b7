/**
 * @file Factors of sizes as fractions, so that a model computes sizes in whole numbers and gets those of the engine.
 */
import { ArchitectureError } from '../../base/errors.ts';

/** Sizes up to this one are checked. */
const LARGEST_SIZE = 8192;
const LARGEST_DENOMINATOR = 1024;

/** A number as the quotient of two whole ones. */
export interface Fraction {
  readonly numerator: number;
  readonly denominator: number;
}

/**
 * The fraction with `floor(size numerator / denominator + offset) = floor(size factor + offset)` for every size.
 * @param offset 0 rounds sizes down, 0.5 to the nearest.
 * @throws ArchitectureError where there is none, since the engine multiplies in floating point: 90 * 0.7 is a little less than 63.
 */
export function fractionOf(factor: number, offset: 0 | 0.5): Fraction {
  for (let denominator = 1; denominator <= LARGEST_DENOMINATOR; denominator++) {
    const numerator = Math.round(factor * denominator);
    if (
      Math.abs(numerator / denominator - factor) < 1e-12 * factor &&
      isExact({ numerator, denominator }, factor, offset)
    )
      return { numerator, denominator };
  }
  throw new ArchitectureError(
    `sizes times ${factor} cannot be computed in whole numbers as the engine rounds them`,
    'export with a fixed size',
  );
}

function isExact({ numerator, denominator }: Fraction, factor: number, offset: 0 | 0.5): boolean {
  for (let size = 1; size <= LARGEST_SIZE; size++) {
    const whole = Math.floor((2 * size * numerator + 2 * offset * denominator) / (2 * denominator));
    if (whole !== Math.floor(size * factor + offset)) return false;
  }
  return true;
}
