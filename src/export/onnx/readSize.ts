/**
 * @file The size at which a network reads its input: smaller by a factor, or the longer side brought to a number of pixels; now, or when the model runs.
 */
import type { OnnxBuilder, SpatialSize } from './builder.ts';
import { fractionOf } from './fraction.ts';

/** `round(size factor)`, at least 1, with the factor `longSide / max(size) / reduction`. */
export function readSize(
  write: OnnxBuilder,
  size: SpatialSize,
  { reduction, longSide }: { readonly reduction: number; readonly longSide?: number },
): SpatialSize {
  if (typeof size !== 'string') {
    const factor = (longSide === undefined ? 1 : longSide / Math.max(...size)) / reduction;
    return size.map((length) => Math.max(1, Math.round(length * factor)));
  }
  const { numerator, denominator } = fractionOf(1 / reduction, 0.5);
  // round(a / b) is floor((2 a + b) / (2 b)).
  const scaled =
    longSide === undefined
      ? write.scaleSize(size, 2 * numerator, 2 * denominator, denominator)
      : scaleToSide(write, size, longSide * numerator, denominator);
  return write.node('Max', 'readSize', [scaled, write.integers(1)]);
}

/** `round(size numerator / (denominator max(size)))`. */
function scaleToSide(write: OnnxBuilder, size: string, numerator: number, denominator: number): string {
  const longest = write.node('ReduceMax', 'longest', [size], { keepdims: { int: 0 } });
  const once = write.node('Mul', 'longestOnce', [longest, write.integers(denominator)]);
  const twice = write.node('Mul', 'longestTwice', [longest, write.integers(2 * denominator)]);
  return write.scaleSize(size, 2 * numerator, twice, once);
}
