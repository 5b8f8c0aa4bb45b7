/**
 * @file Runs of pixels, down columns or along rows, and how they are read from the runs that files hold.
 */
import { DataError } from '../../base/errors.ts';

/** Pixels of an image `[height, width]`: span `i` begins at `starts[i]` and has `lengths[i]` pixels, each `step` after the one before. */
export interface Spans {
  starts: number[];
  lengths: number[];
  /** 1 along a row; the width of the image down a column. */
  step: number;
}

/** The spans inside, of lengths of runs outside and inside in turn. */
export function spansOfColumns(counts: readonly number[], width: number, height: number): Spans {
  return cut(counts, height, width, (column, row) => row * width + column);
}

/** As {@link spansOfColumns}, along the rows of a box, which may leave the image. */
export function spansOfRows(
  counts: readonly number[],
  [left, top, across]: readonly [number, number, number, number],
  width: number,
  height: number,
): Spans {
  const boxed = cut(counts, across, 1, (row, column) => row * across + column);
  const spans: Spans = { starts: [], lengths: [], step: 1 };
  for (let i = 0; i < boxed.starts.length; i++) {
    const y = top + Math.floor(boxed.starts[i] / across);
    const from = Math.max(0, left + (boxed.starts[i] % across));
    const to = Math.min(width, left + (boxed.starts[i] % across) + boxed.lengths[i]);
    if (y < 0 || y >= height || to <= from) continue;
    spans.starts.push(y * width + from);
    spans.lengths.push(to - from);
  }
  return spans;
}

/** Cuts runs at the ends of lines of `side` pixels. */
function cut(
  counts: readonly number[],
  side: number,
  step: number,
  placeOf: (line: number, at: number) => number,
): Spans {
  const spans: Spans = { starts: [], lengths: [], step };
  let at = 0;
  for (let i = 0; i < counts.length; i++) {
    const end = at + counts[i];
    if (i % 2 === 1) {
      for (let from = at; from < end; ) {
        const line = Math.floor(from / side);
        const to = Math.min(end, (line + 1) * side);
        spans.starts.push(placeOf(line, from - line * side));
        spans.lengths.push(to - from);
        from = to;
      }
    }
    at = end;
  }
  return spans;
}

/** The spans of an ellipse: the pixels whose middles lie inside. */
export function spansOfEllipse(
  { centre, radii, degrees }: { centre: readonly number[]; radii: readonly number[]; degrees: number },
  width: number,
  height: number,
): Spans {
  const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  const [rx, ry] = radii;
  const spans: Spans = { starts: [], lengths: [], step: 1 };
  // Of a x^2 + 2 b x y + c y^2 <= 1 about the centre.
  const a = (cos / rx) ** 2 + (sin / ry) ** 2;
  const b = cos * sin * (1 / rx ** 2 - 1 / ry ** 2);
  const c = (sin / rx) ** 2 + (cos / ry) ** 2;
  const reach = Math.sqrt(a) * rx * ry;
  const first = Math.max(0, Math.ceil(centre[1] - reach - 0.5));
  for (let row = first; row < height && row + 0.5 <= centre[1] + reach; row++) {
    const y = row + 0.5 - centre[1];
    const root = (b * y) ** 2 - a * (c * y * y - 1);
    if (root < 0) continue;
    const [middle, half] = [centre[0] - (b * y) / a, Math.sqrt(root) / a];
    const from = Math.max(0, Math.ceil(middle - half - 0.5));
    const to = Math.min(width - 1, Math.floor(middle + half - 0.5));
    if (to < from) continue;
    spans.starts.push(row * width + from);
    spans.lengths.push(to - from + 1);
  }
  return spans;
}

/** The spans of what is not 0 in a mask `[height, width]` at a place of an image. */
export function spansOfMask(
  mask: { width: number; height: number; isInside: (pixel: number) => boolean },
  [left, top]: readonly [number, number],
  width: number,
  height: number,
): Spans {
  const spans: Spans = { starts: [], lengths: [], step: 1 };
  for (let y = Math.max(0, -top); y < mask.height && top + y < height; y++) {
    let from = -1;
    const last = Math.min(mask.width, width - left);
    for (let x = Math.max(0, -left); x <= last; x++) {
      const inside = x < last && mask.isInside(y * mask.width + x);
      if (inside && from < 0) from = x;
      else if (!inside && from >= 0) {
        spans.starts.push((top + y) * width + left + from);
        spans.lengths.push(x - from);
        from = -1;
      }
    }
  }
  return spans;
}

/** Number of pixels; one that lies in two spans counts twice. */
export const countPixels = ({ lengths }: Spans): number => lengths.reduce((sum, length) => sum + length, 0);

/** Gives every pixel of the spans a value. */
export function paintSpans({ starts, lengths, step }: Spans, value: number, out: Uint8Array): void {
  for (let i = 0; i < starts.length; i++) {
    if (step === 1) out.fill(value, starts[i], starts[i] + lengths[i]);
    else for (let k = 0, at = starts[i]; k < lengths[i]; k++, at += step) out[at] = value;
  }
}

/**
 * Lengths of runs as numbers, which fill `pixels`.
 * @param counts numbers, or the text of the COCO API: numbers of five bits a character, from the third on as differences to the one two before.
 * @throws DataError
 */
export function readCounts(counts: readonly number[] | string, pixels: number, file: string): readonly number[] {
  const lengths = typeof counts === 'string' ? decodeCounts(counts) : counts;
  let sum = 0;
  for (const length of lengths) {
    if (!Number.isInteger(length) || length < 0 || length > pixels)
      throw new DataError(`${file}: expected run lengths from 0 to ${pixels}, got ${length}`, EXPORT_AGAIN);
    sum += length;
  }
  if (sum !== pixels)
    throw new DataError(`${file}: expected runs of ${pixels} pixels in all, got ${sum}`, EXPORT_AGAIN);
  return lengths;
}

/** What helps where a file of annotations is damaged. */
export const EXPORT_AGAIN = 'export the annotations again';

function decodeCounts(text: string): number[] {
  const lengths: number[] = [];
  for (let at = 0; at < text.length; ) {
    let value = 0;
    let bits = 1;
    for (let more = true; more; bits *= 32) {
      const code = text.charCodeAt(at++) - 48;
      // A text that ends too early, or holds other characters, gives NaN or a number out of range, which is refused.
      if (!(code >= 0 && code < 64) || bits > 2 ** 40) return [Number.NaN];
      value += (code & 31) * bits;
      more = (code & 32) !== 0;
      if (!more && (code & 16) !== 0) value -= 32 * bits;
    }
    lengths.push(lengths.length > 2 ? value + lengths[lengths.length - 2] : value);
  }
  return lengths;
}
