/**
 * @file What the first directory of a TIFF, or of the EXIF data of a PNG, says of its samples: whether they are stored without loss, how many a pixel has,
 * what they mean, and how they are turned. Decoding is left to sharp, which does not report all of this.
 * @see https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf
 */

/** Tags of the first directory; undefined where the file does not state them. */
export interface TiffTags {
  compression?: number;
  photometric?: number;
  /** 1 to 8. */
  orientation?: number;
  /** Bits of a sample, those of the first channel. */
  bits?: number;
  /** Samples of a pixel. */
  samples?: number;
  /** Of the first channel: 1 unsigned, 2 signed, 3 floating point. */
  format?: number;
  /** What the samples beyond grey or RGB are: 0 unspecified, 1 and 2 alpha. */
  extra?: readonly number[];
}

/** Compressions that keep every sample: none, CCITT, LZW, Deflate, PackBits, LZMA, Zstandard. */
const LOSSLESS: readonly number[] = [1, 2, 3, 4, 5, 8, 32773, 32946, 34925, 50000];

/** Meanings of samples. */
export const PHOTOMETRIC = { whiteIsZero: 0, blackIsZero: 1, rgb: 2, palette: 3 } as const;

const PHOTOMETRIC_TAG = 262;
const TAGS: Readonly<Record<number, Exclude<keyof TiffTags, 'extra'>>> = {
  258: 'bits',
  259: 'compression',
  [PHOTOMETRIC_TAG]: 'photometric',
  274: 'orientation',
  277: 'samples',
  339: 'format',
};
const EXTRA_SAMPLES = 338;

/** Values of a tag that are looked at; the rest are further channels. */
const MOST_VALUES = 1024;

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
  for (const at of entriesOf(view, little)) {
    const tag = view.getUint16(at, little);
    const name = TAGS[tag];
    // Type 3 is a 16-bit number.
    if (view.getUint16(at + 2, little) !== 3) continue;
    if (name !== undefined) tags[name] = shortsAt(view, at, little, 1)[0];
    else if (tag === EXTRA_SAMPLES) tags.extra ??= shortsAt(view, at, little, MOST_VALUES);
  }
  return tags;
}

/** The first 16-bit numbers of an entry: up to two are stored in it, more elsewhere in the file. At most `most`; none where they lie outside the file. */
function shortsAt(view: DataView, entry: number, little: boolean, most: number): number[] {
  const stored = view.getUint32(entry + 4, little);
  const count = Math.min(most, Math.max(1, stored));
  const at = stored <= 2 ? entry + 8 : view.getUint32(entry + 8, little);
  if (at + 2 * count > view.byteLength) return [];
  return Array.from({ length: count }, (_, i) => view.getUint16(at + 2 * i, little));
}

/** A copy of a TIFF whose samples mean something else; the bytes themselves where it does not state what they mean. */
export function withPhotometric(bytes: Uint8Array, value: number): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = bytes[0] === 0x49;
  const at = entriesOf(view, little).find((entry) => view.getUint16(entry, little) === PHOTOMETRIC_TAG);
  if (at === undefined) return bytes;
  const copy = new Uint8Array(bytes);
  new DataView(copy.buffer).setUint16(at + 8, value, little);
  return copy;
}

/** Where the entries of the first directory lie that are inside the file. */
function entriesOf(view: DataView, little: boolean): number[] {
  if (view.byteLength < 8) return [];
  const start = view.getUint32(4, little);
  if (start + 2 > view.byteLength) return [];
  const count = Math.min(view.getUint16(start, little), Math.floor((view.byteLength - start - 2) / 12));
  return Array.from({ length: count }, (_, entry) => start + 2 + 12 * entry);
}
