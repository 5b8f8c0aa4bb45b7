import fc from 'fast-check';
import { expect, it } from 'vitest';
import { toDType } from '../../src/engine/operators.ts';
import { fromArray } from '../../src/engine/tensor.ts';
import { toHalf } from '../../src/export/onnx/half.ts';

/** What libtorch makes of the same bits. */
const reference = (values: Float32Array) => toDType(fromArray(values, [values.length]), 'float16').data();

it('rounds as libtorch does: every exponent, ties, subnormal numbers, overflow, zeros', () => {
  const bits = new Uint32Array(fc.sample(fc.integer({ min: 0, max: 0xffffffff }), 20_000));
  // Patterns around the places where a half rounds, for every exponent.
  const edges = Array.from({ length: 256 }, (_, exponent) =>
    [0, 1, 0xfff, 0x1000, 0x1001, 0x2fff, 0x3000, 0x7ff000, 0x7fffff].flatMap((mantissa) =>
      [0, 1].map((sign) => ((sign << 31) | (exponent << 23) | mantissa) >>> 0),
    ),
  ).flat();
  for (const pattern of [bits, Uint32Array.from(edges)]) {
    const values = new Float32Array(pattern.buffer).map((value) => (Number.isNaN(value) ? 1 : value));
    expect(toHalf(values)).toEqual(reference(values));
  }
  expect(toHalf(Float32Array.of(Number.NaN))[0] & 0x7fff).toBeGreaterThan(0x7c00);
});
