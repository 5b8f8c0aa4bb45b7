/**
 * @file What sharp is given to decode, and within which bounds. It chooses a decoder by the bytes, and has more than are meant: one for SVG, which
 * computes for as long as the drawing asks. A file must therefore begin exactly as one of three formats, and sharp must read it as that one.
 * libvips could block its other decoders only for the whole process, with everything else in it that uses sharp.
 */
import type { Metadata, Sharp } from 'sharp';
import { DataError } from '../../base/errors.ts';
import { MAX_CHANNELS } from '../channels/format.ts';
import { MAX_PIXELS } from '../types.ts';
import { MAX_PROGRESSIVE_PIXELS, MAX_SCANNED_PIXELS, requireDecodable } from './limits.ts';
import { isTiff } from './tiff.ts';

/** The formats that sharp decodes here. */
export type SharpFormat = 'jpeg' | 'webp' | 'tiff';

/** Whether the bytes begin like a GIF: read for masks, which have few colours, and for nothing else. */
export const isGif = (bytes: Uint8Array): boolean =>
  ['GIF87a', 'GIF89a'].includes(Buffer.from(bytes.subarray(0, 6)).toString('latin1'));

/** An image that takes longer to decode is refused. */
const MOST_SECONDS = 30;

/** Bytes of a sample by the name that libvips has for its kind. */
const BYTES: Readonly<Record<string, number>> = {
  uchar: 1,
  char: 1,
  ushort: 2,
  short: 2,
  uint: 4,
  int: 4,
  float: 4,
  double: 8,
};

/** Which of the formats the bytes begin as; undefined for any other. */
export function sharpFormat(bytes: Uint8Array): SharpFormat | undefined {
  const begins = (offset: number, text: string): boolean =>
    Buffer.from(bytes.subarray(offset, offset + text.length)).toString('latin1') === text;
  if (begins(0, '\xff\xd8\xff')) return 'jpeg';
  if (begins(0, 'RIFF') && begins(8, 'WEBP')) return 'webp';
  return isTiff(bytes) ? 'tiff' : undefined;
}

/**
 * An image to be decoded, with what its header says: nothing of it is decoded yet. `file` is named in errors.
 * @param ignoreIcc keep the samples as they are, whatever colour profile the file has
 * @throws DataError where sharp would read another format, or for more than `MAX_PIXELS` pixels or too many scans; sharp's own errors for a damaged
 * header.
 */
export async function openWithSharp(
  bytes: Uint8Array,
  format: SharpFormat | 'gif',
  file: string,
  ignoreIcc = false,
): Promise<{ image: Sharp; metadata: Metadata }> {
  const { default: sharp } = await import('sharp');
  const limits = { limitInputPixels: MAX_PIXELS, limitInputChannels: MAX_CHANNELS };
  const image = sharp(bytes, { ...limits, ignoreIcc }).timeout({ seconds: MOST_SECONDS });
  const metadata = await image.metadata();
  if (metadata.format !== format)
    throw new DataError(`${file}: begins as ${format} and continues as ${metadata.format}`, 'write the image again');
  const { width, height, channels = 4, depth } = metadata;
  requireDecodable({ width, height, channels, bytesPerSample: BYTES[depth ?? 'uchar'] ?? 8 }, file);
  if (format === 'jpeg' && metadata.isProgressive) {
    const scans = countScans(bytes);
    if (width * height > MAX_PROGRESSIVE_PIXELS || scans * width * height > MAX_SCANNED_PIXELS)
      throw new DataError(
        `${file}: expected a progressive JPEG of at most ${MAX_PROGRESSIVE_PIXELS} pixels and about ten scans, got ${scans} of ${width}x${height} pixels`,
        'write the image again as an ordinary JPEG',
      );
  }
  return { image, metadata };
}

/** The scans of a JPEG, with those of its thumbnails: the marker occurs in no compressed data. */
function countScans(bytes: Uint8Array): number {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let scans = 0;
  for (let at = buffer.indexOf(SCAN); at !== -1; at = buffer.indexOf(SCAN, at + 2)) scans++;
  return scans;
}

const SCAN = Uint8Array.of(0xff, 0xda);
