/**
 * @file The EXIF orientation of an image, applied to what was drawn on its stored pixels.
 * @see https://www.cipa.jp/std/documents/e/DC-008-2012_E.pdf tag 274
 */
import type { Raster } from '../types.ts';

/** What is turned: samples of any type. */
interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Uint8Array | Uint16Array | Float32Array;
}

/** Where a pixel of the upright image lies among the stored ones, for orientations 1 to 8; `right` and `bottom` are the last stored column and row. */
const STORED_AT: readonly ((x: number, y: number, right: number, bottom: number) => readonly [x: number, y: number])[] =
  [
    (x, y) => [x, y],
    (x, y, right) => [right - x, y],
    (x, y, right, bottom) => [right - x, bottom - y],
    (x, y, _, bottom) => [x, bottom - y],
    (x, y) => [y, x],
    (x, y, _, bottom) => [y, bottom - x],
    (x, y, right, bottom) => [right - y, bottom - x],
    (x, y, right) => [right - y, x],
  ];

/** Whether an orientation swaps width and height. */
export const swapsSides = (orientation: number): boolean => orientation >= 5;

/**
 * A raster turned upright.
 * @param orientation 1 to 8, as in EXIF; 1 leaves everything as it is.
 */
export function turnUpright<Of extends Pixels>(raster: Of, orientation: number): Of {
  const locate = STORED_AT[orientation - 1];
  if (locate === undefined || orientation === 1) return raster;
  const { width, height, channels, data } = raster;
  const [across, down] = swapsSides(orientation) ? [height, width] : [width, height];
  const out = data.slice();
  for (let y = 0; y < down; y++) {
    for (let x = 0; x < across; x++) {
      const [fromX, fromY] = locate(x, y, width - 1, height - 1);
      const from = (fromY * width + fromX) * channels;
      const to = (y * across + x) * channels;
      for (let c = 0; c < channels; c++) out[to + c] = data[from + c];
    }
  }
  return { ...raster, width: across, height: down, data: out };
}

/**
 * Labels in the orientation of their image, which was turned upright: labels of the size of the stored image were drawn on the stored
 * pixels and are turned like it; others are left as they are.
 * @param image the upright size, and the orientation that the file states.
 */
export function turnLabels(
  labels: Raster,
  image: { width: number; height: number; orientation: number },
): { labels: Raster; turned: boolean } {
  const { width, height, orientation } = image;
  const [storedWidth, storedHeight] = swapsSides(orientation) ? [height, width] : [width, height];
  const turned = orientation !== 1 && labels.width === storedWidth && labels.height === storedHeight;
  return { labels: turned ? turnUpright(labels, orientation) : labels, turned };
}
