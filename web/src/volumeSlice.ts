/** @file The slices of a scored volume for a page: their pixels, and where keys lead. Pure. */

import { ERROR_COLOURS } from '../../src/data/images/visual.ts';
import type { SampleVolume } from '../../src/data/sampleVolume.ts';
import { isForeground, type Plane, placeAlong } from '../../src/data/slices.ts';
import { type Colour, IGNORE } from '../../src/data/types.ts';

/** What lies over the image. */
export type Over = 'label' | 'prediction' | 'error';

/** A voxel: places along `[depth, height, width]`. */
export type Place = readonly [number, number, number];

/** Colours over an image. */
export interface Overlay {
  /** A number for each voxel of the volume. */
  readonly ids: Uint8Array;
  /** The colour of each number; undefined where the image is seen as it is. */
  readonly colours: readonly (Colour | undefined)[];
}

/** What lies over a volume: classes in the colours of `palette`, or what was found (blue), wrong (orange) and not counted (grey). */
export function overlayOf({ label, prediction }: SampleVolume, over: Over, palette: readonly Colour[]): Overlay {
  if (over !== 'error') {
    const colours = palette.map((colour, id) => (isForeground(id) ? colour : undefined));
    return { ids: over === 'label' ? label : prediction, colours };
  }
  const { right, wrong, uncounted } = ERROR_COLOURS;
  const ids = label.map((id, i) => (id === IGNORE ? 3 : id !== prediction[i] ? 2 : isForeground(id) ? 1 : 0));
  return { ids, colours: [undefined, right, wrong, uncounted] };
}

/** The slice through `place` as RGBA, a pixel a voxel: the grey image, and the colours as opaque as `opacity` says. */
export function slicePixels(
  { shape, image }: SampleVolume,
  { down, right }: Plane,
  place: Place,
  { ids, colours }: Overlay,
  opacity: number,
): { width: number; height: number; data: Uint8ClampedArray<ArrayBuffer> } {
  const [height, width] = [shape[down], shape[right]];
  const data = new Uint8ClampedArray(4 * width * height);
  const voxel = [...place];
  for (let y = 0, to = 0; y < height; y++) {
    voxel[down] = placeAlong((y + 0.5) / height, height);
    for (let x = 0; x < width; x++, to += 4) {
      voxel[right] = placeAlong((x + 0.5) / width, width);
      const at = (voxel[0] * shape[1] + voxel[1]) * shape[2] + voxel[2];
      const colour = colours[ids[at]];
      for (let c = 0; c < 3; c++)
        data[to + c] = colour === undefined ? image[at] : image[at] + (colour[c] - image[at]) * opacity;
      data[to + 3] = 255;
    }
  }
  return { width, height, data };
}

/** The place `steps` further along an axis, inside the volume. */
export function stepped(place: Place, axis: 0 | 1 | 2, steps: number, { shape }: Pick<SampleVolume, 'shape'>): Place {
  const next: [number, number, number] = [...place];
  next[axis] = Math.max(0, Math.min(shape[axis] - 1, place[axis] + steps));
  return next;
}

/** The axis of a plane and the direction along it in which a key leads; undefined for other keys. */
export function keyStep(key: string, { through, down, right }: Plane): [axis: 0 | 1 | 2, step: 1 | -1] | undefined {
  switch (key) {
    case 'ArrowUp':
      return [down, 1];
    case 'ArrowDown':
      return [down, -1];
    case 'ArrowLeft':
      return [right, 1];
    case 'ArrowRight':
      return [right, -1];
    case 'PageUp':
      return [through, 1];
    case 'PageDown':
      return [through, -1];
    default:
      return undefined;
  }
}

/** Where a voxel is among all. */
export const voxelAt = ({ shape }: Pick<SampleVolume, 'shape'>, [z, y, x]: Place): number =>
  (z * shape[1] + y) * shape[2] + x;

/** A step is 100 pixels or 3 lines, no more than one notch of a mouse wheel: in units of which both are whole. */
const [UNITS_OF_PIXEL, UNITS_OF_LINE, UNITS_OF_STEP] = [3, 100, 300];

/** Counts whole steps of a wheel down; what a touchpad leaves over is kept for the next event, until it turns round. */
export function wheelSteps(): (event: { readonly deltaY: number; readonly deltaMode: number }) => number {
  let rest = 0;
  return ({ deltaY, deltaMode }) => {
    if (deltaY * rest < 0) rest = 0;
    // Modes are pixels, lines and pages.
    rest +=
      deltaMode > 1 ? Math.sign(deltaY) * UNITS_OF_STEP : deltaY * (deltaMode === 1 ? UNITS_OF_LINE : UNITS_OF_PIXEL);
    const steps = Math.trunc(rest / UNITS_OF_STEP);
    rest -= steps * UNITS_OF_STEP;
    return steps;
  };
}
