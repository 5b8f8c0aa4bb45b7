/**
 * @file Numbers of 32 bits as those of 16 (IEEE 754 binary16), rounded to the nearest, ties to even.
 */

/** The bits of each value; beyond 65504 they are those of infinity, a NaN stays one. */
export function toHalf(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(bits, halfOf);
}

function halfOf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // Half of the last place above 65504 and more is infinite.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  // Below 2^-14 a half has a fixed step of 2^-24; below half of it, it is zero.
  if (magnitude < 0x38800000) {
    const exponent = magnitude >>> 23;
    if (exponent < 102) return sign;
    return sign | rounded((magnitude & 0x7fffff) | 0x800000, 126 - exponent);
  }
  return sign | rounded(magnitude - 0x38000000, 13);
}

/** `value / 2^places`, to the nearest whole number, ties to even; a carry runs into the exponent, as it must. */
function rounded(value: number, places: number): number {
  const whole = value >>> places;
  const rest = value & ((1 << places) - 1);
  const middle = 1 << (places - 1);
  return rest > middle || (rest === middle && (whole & 1) === 1) ? whole + 1 : whole;
}
