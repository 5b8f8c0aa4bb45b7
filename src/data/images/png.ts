/**
 * @file PNG in and out, with the **raw** samples: no palette applied, no 1/2/4-bit sample stretched to 8 bits, no gamma, since in label
 * files the sample is the class. Strict: every checksum is checked and nothing is allocated on the word of a header.
 *
 * Our own and not fast-png: fast-png 8 refuses interlaced files below 8 bits (22 of the 160 valid files of PngSuite), and the repair needs
 * the inflated stream, which it keeps to itself. zlib of Node also inflates 3 times faster than its inflate in JavaScript (a CamVid image in 3.7 ms, not 6.5).
 * Ancillary chunks are skipped unread, but for their checksum.
 */
import { deflateSync, inflateSync } from 'node:zlib';
import { DataError } from '../../base/errors.ts';
import type { Colour, Raster } from '../types.ts';
import { requireDecodable } from './limits.ts';
import { type PngLayout, readRows, streamLength } from './pngRows.ts';

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** For each colour type: its channels and the bit depths it may have. */
const COLOUR_TYPES: Record<number, { channels: number; bitDepths: number[] }> = {
  0: { channels: 1, bitDepths: [1, 2, 4, 8, 16] },
  2: { channels: 3, bitDepths: [8, 16] },
  3: { channels: 1, bitDepths: [1, 2, 4, 8] },
  4: { channels: 2, bitDepths: [8, 16] },
  6: { channels: 4, bitDepths: [8, 16] },
};

/** Whether the bytes begin like a PNG. */
export function isPng(bytes: Uint8Array): boolean {
  return SIGNATURE.every((value, i) => bytes[i] === value);
}

/** What the header of a PNG says of its samples, before anything is checked; undefined where there is none, or none of its kinds. */
export function pngSamples(bytes: Uint8Array): { channels: number; bitDepth: number; isIndexed: boolean } | undefined {
  const [bitDepth, colourType] = bytes.subarray(24, 26);
  const kind = isPng(bytes) ? COLOUR_TYPES[colourType] : undefined;
  if (!kind?.bitDepths.includes(bitDepth)) return undefined;
  return { channels: kind.channels, bitDepth, isIndexed: colourType === 3 };
}

/** Decodes a PNG; throws a `DataError` that names `file` when it is damaged or larger than `MAX_PIXELS`. */
export function decodePng(bytes: Uint8Array, file: string): Raster {
  const fail = (what: string): never => {
    throw new DataError(`${file}: ${what}`, 'the PNG is damaged or cut off: fetch or write it again');
  };
  if (!isPng(bytes)) fail('no PNG: its first 8 bytes are not the signature');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let header: (PngLayout & { colourType: number }) | undefined;
  let palette: Uint8Array | undefined;
  const parts: Uint8Array[] = [];
  let ended = false;
  for (let at = 8; !ended; ) {
    if (at + 12 > bytes.length) fail('ends before its IEND chunk');
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (length > bytes.length - at - 12) fail(`chunk ${JSON.stringify(type)} is longer than the rest of the file`);
    if (crc32(bytes, at + 4, at + 8 + length) !== view.getUint32(at + 8 + length))
      fail(`checksum of chunk ${type} differs`);
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (header === undefined) {
      if (type !== 'IHDR' || length !== 13) fail('does not begin with a header chunk of 13 bytes');
      header = parseHeader(body, file);
    } else if (type === 'PLTE') {
      if (length === 0 || length % 3 !== 0 || length > 768) fail(`palette of ${length} bytes`);
      palette = body.slice();
    } else if (type === 'IDAT') {
      parts.push(body);
    } else if (type === 'IEND') {
      ended = true;
    } else if ((bytes[at + 4] & 0x20) === 0) {
      fail(`unknown critical chunk ${JSON.stringify(type)}`);
    }
    at += 12 + length;
  }
  const layout = header!;
  if (parts.length === 0) fail('holds no image data (IDAT)');
  if (layout.colourType === 3 && palette === undefined) fail('is indexed but has no palette');
  const needed = streamLength(layout);
  let stream: Uint8Array = new Uint8Array(0);
  try {
    // A little more than needed may come (some writers pad); a decompression bomb is stopped by the limit.
    stream = inflateSync(parts.length === 1 ? parts[0] : Buffer.concat(parts), { maxOutputLength: needed + 65536 });
  } catch (error) {
    fail(`its data does not inflate (${(error as Error).message})`);
  }
  if (stream.length < needed) fail(`holds ${stream.length} bytes of samples where ${needed} are expected`);
  const { width, height, channels, bitDepth, colourType } = layout;
  const raster: Raster = { width, height, channels, bitDepth, data: readRows(stream, layout, file) };
  return colourType === 3 ? { ...raster, palette } : raster;
}

/** The body of the first chunk of a type in a PNG that was decoded, such as `eXIf`; undefined when there is none. */
export function findChunk(bytes: Uint8Array, wanted: string): Uint8Array | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    if (length > bytes.length - at - 12) return undefined;
    if (String.fromCharCode(...bytes.subarray(at + 4, at + 8)) === wanted)
      return bytes.subarray(at + 8, at + 8 + length);
    at += 12 + length;
  }
  return undefined;
}

/** Encodes samples `[height, width, channels]` of 8 or 16 bits: 1 channel is grey, or of 8 bits indices when there is a `palette`; 3 is RGB. */
export function encodePng(
  picture: { width: number; height: number; channels: 1 | 3; data: Uint8Array | Uint16Array },
  palette?: readonly Colour[],
): Uint8Array {
  const { width, height, channels } = picture;
  const data = picture.data instanceof Uint16Array ? bigEndian(picture.data) : picture.data;
  const depth = picture.data.BYTES_PER_ELEMENT;
  const pixel = channels * depth;
  const row = width * pixel;
  if (width < 1 || height < 1 || data.length !== row * height) {
    throw new DataError(`cannot write a PNG of ${width}x${height}x${channels} from ${data.length} samples`);
  }
  if (palette !== undefined && (pixel !== 1 || palette.length < 1 || palette.length > 256)) {
    throw new DataError(
      `a palette has 1 to 256 colours over 1 channel of 8 bits, got ${palette.length} over ${channels} of ${8 * depth}`,
    );
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header[8] = 8 * depth;
  header[9] = palette !== undefined ? 3 : channels === 3 ? 2 : 0;
  // Photographs and maps of 16 bits shrink with the "up" filter; labels and palettes are best left alone.
  const filter = pixel > 1 ? 2 : 0;
  const stream = new Uint8Array((row + 1) * height);
  for (let y = 0; y < height; y++) {
    const to = y * (row + 1);
    stream[to] = filter;
    stream.set(data.subarray(y * row, (y + 1) * row), to + 1);
    if (filter === 2 && y > 0) for (let i = 0; i < row; i++) stream[to + 1 + i] -= data[(y - 1) * row + i];
  }
  const chunks = [chunk('IHDR', header)];
  if (palette !== undefined) chunks.push(chunk('PLTE', Uint8Array.from(palette.flat())));
  chunks.push(chunk('IDAT', deflateSync(stream, { level: 6 })), chunk('IEND', new Uint8Array(0)));
  return new Uint8Array(Buffer.concat([Uint8Array.from(SIGNATURE), ...chunks]));
}

/** 16-bit samples as bytes, the high one first. */
function bigEndian(samples: Uint16Array): Uint8Array {
  const bytes = new Uint8Array(2 * samples.length);
  for (let i = 0; i < samples.length; i++) {
    bytes[2 * i] = samples[i] >> 8;
    bytes[2 * i + 1] = samples[i] & 255;
  }
  return bytes;
}

function parseHeader(body: Uint8Array, file: string): PngLayout & { colourType: number } {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const width = view.getUint32(0);
  const height = view.getUint32(4);
  const [bitDepth, colourType, compression, filter, interlace] = body.subarray(8);
  const kind = COLOUR_TYPES[colourType];
  if (kind === undefined || !kind.bitDepths.includes(bitDepth)) {
    throw new DataError(
      `${file}: PNG of colour type ${colourType} with ${bitDepth} bits does not exist`,
      'the file is damaged',
    );
  }
  if (compression !== 0 || filter !== 0 || interlace > 1) {
    throw new DataError(`${file}: PNG with unknown compression, filter or interlace method`, 'the file is damaged');
  }
  requireDecodable({ width, height, channels: kind.channels, bytesPerSample: Math.max(1, bitDepth / 8) }, file);
  return { width, height, channels: kind.channels, bitDepth, interlaced: interlace === 1, colourType };
}

function chunk(type: string, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, body.length);
  for (let i = 0; i < 4; i++) bytes[4 + i] = type.charCodeAt(i);
  bytes.set(body, 8);
  view.setUint32(8 + body.length, crc32(bytes, 4, 8 + body.length));
  return bytes;
}

let crcTable: Uint32Array | undefined;

/** The checksum of chunks over `bytes[from, to)`; zlib's own is not in every Node 20. */
function crc32(bytes: Uint8Array, from: number, to: number): number {
  crcTable ??= Uint32Array.from({ length: 256 }, (_, n) => {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
    return c;
  });
  let c = -1;
  for (let i = from; i < to; i++) c = crcTable[(c ^ bytes[i]) & 255] ^ (c >>> 8);
  return (c ^ -1) >>> 0;
}
