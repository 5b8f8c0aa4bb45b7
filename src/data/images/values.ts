/**
 * @file Colours of images as networks read them: bytes 0 to 255 as values in [-1, 1], and back.
 */

/** 0..255 to [-1, 1]. */
export const normaliseByte = (value: number): number => value / 127.5 - 1;

/** Values in [-1, 1] as bytes. */
export const toBytes = (pixels: Float32Array): Uint8Array =>
  Uint8Array.from(pixels, (value) => Math.round((value + 1) * 127.5));

/** The nearest values that bytes can have. */
export const onBytes = (values: Float32Array): Float32Array => Float32Array.from(toBytes(values), normaliseByte);
