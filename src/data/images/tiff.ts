/**
 * @file What the first directory of a TIFF, or of the EXIF data of a PNG, says of its samples: whether they are stored without loss, what they
 * mean, and how they are turned. Decoding is left to sharp, which does not report this.
 * @see https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf
 */

/** Tags of the first directory; undefined where the file does not state them. */
export interface TiffTags {
  compression?: number;
  photometric?: number;
  /** 1 to 8. */
  orientation?: number;
}

/** Compressions that keep every sample: none, CCITT, LZW, Deflate, PackBits, LZMA, Zstandard. */
const LOSSLESS: readonly number[] = [1, 2, 3, 4, 5, 8, 32773, 32946, 34925, 50000];

/** Meanings of samples. */
export const PHOTOMETRIC = { whiteIsZero: 0, blackIsZero: 1, rgb: 2, palette: 3 } as const;

const TAGS: Readonly<Record<number, keyof TiffTags>> = { 259: 'compression', 262: 'photometric', 274: 'orientation' };

/** Whether the bytes begin like a TIFF of either byte order. */
export function isTiff(bytes: Uint8Array): boolean {
  const [a, b, c, d] = bytes;
  return (a === 0x49 && b === 0x49 && c === 42 && d === 0) || (a === 0x4d && b === 0x4d && c === 0 && d === 42);
}

/** Whether the samples are as they were written. */
export const isLossless = ({ compression = 1 }: TiffTags): boolean => LOSSLESS.includes(compression);

/** Reads the tags of the first directory; what lies outside the file is left out. */
export function readTiffTags(bytes: Uint8Array): TiffTags {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = bytes[0] === 0x49;
  const tags: TiffTags = {};
  if (bytes.length < 8) return tags;
  const start = view.getUint32(4, little);
  if (start + 2 > bytes.length) return tags;
  const entries = view.getUint16(start, little);
  for (let entry = 0; entry < entries; entry++) {
    const at = start + 2 + 12 * entry;
    if (at + 12 > bytes.length) break;
    const name = TAGS[view.getUint16(at, little)];
    // Type 3 is a 16-bit number, which is stored in the entry itself.
    if (name !== undefined && view.getUint16(at + 2, little) === 3) tags[name] = view.getUint16(at + 8, little);
  }
  return tags;
}
