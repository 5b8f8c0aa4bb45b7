/**
 * @file How large an image may be, checked by its header before anything is decoded: what an image costs follows from its pixels, and the largest one
 * that is read has a price that was measured (docs/reliability.md).
 */
import { DataError } from '../../base/errors.ts';
import { MAX_PIXELS } from '../types.ts';

/** Bytes of the samples as they are stored: 11,585 x 11,585 pixels of RGB, 10,033 x 10,033 of RGBA, or 8,191 x 8,191 of RGB with 16 bits. */
export const MAX_SAMPLE_BYTES = 3 * 2 ** 27;

/** Pixels of a progressive JPEG: its decoder holds the coefficients of all of them, six bytes a pixel. */
export const MAX_PROGRESSIVE_PIXELS = 2 ** 26;

/** A progressive JPEG is decoded as a whole for each of its scans, of which encoders write about ten. */
export const MAX_SCANNED_PIXELS = 2 ** 30;

/** What the header of an image says. */
export interface ImageSize {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly bytesPerSample: number;
}

/** @throws DataError naming `file` for an image that is too large to be decoded, or has no pixel. */
export function requireDecodable({ width, height, channels, bytesPerSample }: ImageSize, file: string): void {
  const pixels = width * height;
  const samples = Math.ceil(pixels * channels * bytesPerSample);
  if (pixels >= 1 && pixels <= MAX_PIXELS && samples <= MAX_SAMPLE_BYTES) return;
  throw new DataError(
    `${file}: expected 1 to ${MAX_PIXELS} pixels and at most ${MAX_SAMPLE_BYTES} bytes of samples, got ${width}x${height} pixels of ${channels * bytesPerSample} bytes`,
    'cut the image into parts',
  );
}
