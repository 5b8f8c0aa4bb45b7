/**
 * @file The inside of a PNG's data stream: undoing the row filters, unpacking samples and Adam7 interlacing. Knows nothing of chunks.
 * @see https://www.w3.org/TR/png-3/ sections 7 to 9
 */
import { DataError } from '../../base/errors.ts';

/** What the header says of the samples. */
export interface PngLayout {
  width: number;
  height: number;
  channels: number;
  bitDepth: number;
  interlaced: boolean;
}

/** First column and row, and the steps, of the seven passes. */
const ADAM7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

interface Pass {
  x: number;
  y: number;
  stepX: number;
  stepY: number;
  width: number;
  height: number;
}

/** Length of the inflated data stream in bytes: every row with its filter byte. */
export function streamLength(layout: PngLayout): number {
  return passesOf(layout).reduce((sum, pass) => sum + pass.height * (1 + rowBytes(layout, pass.width)), 0);
}

/** Turns an inflated stream of at least `streamLength` bytes into samples, `[height, width, channels]`. */
export function readRows(stream: Uint8Array, layout: PngLayout, file: string): Uint8Array | Uint16Array {
  const { width, height, channels, bitDepth } = layout;
  if (!layout.interlaced) {
    const bytes = unfilter(stream, 0, layout, width, height, file);
    return unpack(bytes, layout, width, height);
  }
  const samples = width * height * channels;
  const data = bitDepth === 16 ? new Uint16Array(samples) : new Uint8Array(samples);
  let offset = 0;
  for (const pass of passesOf(layout)) {
    const part = unpack(
      unfilter(stream, offset, layout, pass.width, pass.height, file),
      layout,
      pass.width,
      pass.height,
    );
    offset += pass.height * (1 + rowBytes(layout, pass.width));
    let from = 0;
    for (let row = 0; row < pass.height; row++) {
      for (let column = 0; column < pass.width; column++) {
        let to = ((pass.y + row * pass.stepY) * width + pass.x + column * pass.stepX) * channels;
        for (let c = 0; c < channels; c++) data[to++] = part[from++];
      }
    }
  }
  return data;
}

function passesOf(layout: PngLayout): Pass[] {
  const { width, height } = layout;
  if (!layout.interlaced) return [{ x: 0, y: 0, stepX: 1, stepY: 1, width, height }];
  return ADAM7.map(([x, y, stepX, stepY]) => ({
    x,
    y,
    stepX,
    stepY,
    width: Math.max(0, Math.ceil((width - x) / stepX)),
    height: Math.max(0, Math.ceil((height - y) / stepY)),
  })).filter((pass) => pass.width > 0 && pass.height > 0);
}

function rowBytes(layout: PngLayout, width: number): number {
  return Math.ceil((width * layout.channels * layout.bitDepth) / 8);
}

/** Undoes the filters of `height` rows from `offset` on; the result has no filter bytes. */
function unfilter(
  stream: Uint8Array,
  offset: number,
  layout: PngLayout,
  width: number,
  height: number,
  file: string,
): Uint8Array {
  const length = rowBytes(layout, width);
  const step = Math.max(1, (layout.channels * layout.bitDepth) >> 3);
  const out = new Uint8Array(length * height);
  let from = offset;
  for (let y = 0; y < height; y++) {
    const filter = stream[from++];
    const row = y * length;
    const up = row - length; // Only read when y > 0.
    const head = Math.min(step, length);
    if (filter === 0 || (filter === 2 && y === 0)) {
      out.set(stream.subarray(from, from + length), row);
    } else if (filter === 1 || (filter === 4 && y === 0)) {
      // Paeth in the first row: above and above-left are zero, so the predictor is the left sample.
      for (let i = 0; i < head; i++) out[row + i] = stream[from + i];
      for (let i = step; i < length; i++) out[row + i] = stream[from + i] + out[row + i - step];
    } else if (filter === 2) {
      for (let i = 0; i < length; i++) out[row + i] = stream[from + i] + out[up + i];
    } else if (filter === 3) {
      for (let i = 0; i < length; i++) {
        const left = i < step ? 0 : out[row + i - step];
        const above = y === 0 ? 0 : out[up + i];
        out[row + i] = stream[from + i] + ((left + above) >> 1);
      }
    } else if (filter === 4) {
      for (let i = 0; i < head; i++) out[row + i] = stream[from + i] + out[up + i];
      for (let i = step; i < length; i++) {
        const a = out[row + i - step];
        const b = out[up + i];
        const c = out[up + i - step];
        const toA = Math.abs(b - c);
        const toB = Math.abs(a - c);
        const toC = Math.abs(a + b - 2 * c);
        out[row + i] = stream[from + i] + (toA <= toB && toA <= toC ? a : toB <= toC ? b : c);
      }
    } else {
      throw new DataError(
        `${file}: row ${y} of the PNG has filter ${filter}, which does not exist`,
        'the file is damaged',
      );
    }
    from += length;
  }
  return out;
}

/** Bytes to samples: 16-bit pairs are joined, samples below 8 bits get a byte each, unscaled. */
function unpack(bytes: Uint8Array, layout: PngLayout, width: number, height: number): Uint8Array | Uint16Array {
  const { bitDepth, channels } = layout;
  if (bitDepth === 8) return bytes;
  if (bitDepth === 16) {
    const out = new Uint16Array(bytes.length >> 1);
    for (let i = 0; i < out.length; i++) out[i] = (bytes[2 * i] << 8) | bytes[2 * i + 1];
    return out;
  }
  const perRow = width * channels;
  const length = rowBytes(layout, width);
  const mask = (1 << bitDepth) - 1;
  const out = new Uint8Array(perRow * height);
  for (let y = 0; y < height; y++) {
    for (let i = 0; i < perRow; i++) {
      const bit = i * bitDepth;
      out[y * perRow + i] = (bytes[y * length + (bit >> 3)] >> (8 - bitDepth - (bit & 7))) & mask;
    }
  }
  return out;
}
