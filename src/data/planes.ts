/**
 * @file A segmented volume as one picture for people: its axial, coronal and sagittal slices through the middle of what was labelled, with the
 * outlines of label and prediction. Right is the patient's left, up is the front or the head, as radiologists look.
 */
import { ShapeError } from '../base/errors.ts';
import { encodePng } from './images/png.ts';
import { greyLevels, paletteOf } from './images/visual.ts';
import { isForeground, middleOf, PLANES, type PredictedVolume, placeAlong } from './slices.ts';
import type { Colour } from './types.ts';

/** Pixels of the longest side of the volume in the image. */
const LONGEST = 288;
const GAP = 6;

/**
 * Three slices side by side as PNG; every voxel as large as its spacing says. Colours of the classes: the outline of the label is one pixel wide
 * and pale, that of the prediction three wide and strong; where both agree the pale one runs inside the strong one.
 * @throws ShapeError when a part has not as many voxels as the shape.
 */
export function planesPicture(volume: PredictedVolume): Uint8Array {
  const { shape, spacingMm, label, prediction } = volume;
  const voxels = shape.reduce((product, side) => product * side, 1);
  const parts = { image: volume.image.length / volume.channels, label: label.length, prediction: prediction.length };
  for (const [what, count] of Object.entries(parts))
    if (count !== voxels) throw new ShapeError(`expected a ${what} of ${voxels} voxels, got ${count}`);
  const pixelsPerMm = LONGEST / Math.max(...shape.map((side, axis) => side * spacingMm[axis]));
  const pixels = shape.map((side, axis) => Math.max(1, Math.round(side * spacingMm[axis] * pixelsPerMm)));
  const centre = middleOf(volume);
  const grey = greyLevels(volume.image, volume.channels);
  const palette = paletteOf(volume.classes);
  const panels = PLANES.map(({ down, right }) => {
    const [height, width] = [pixels[down], pixels[right]];
    const panel = { width, height, data: new Uint8Array(width * height * 3) };
    const voxelAt = (x: number, y: number): number => {
      const place = [...centre];
      place[down] = placeAlong((y + 0.5) / height, shape[down]);
      place[right] = placeAlong((x + 0.5) / width, shape[right]);
      return (place[0] * shape[1] + place[1]) * shape[2] + place[2];
    };
    const lookUp = Int32Array.from({ length: width * height }, (_, i) => voxelAt(i % width, Math.floor(i / width)));
    for (const [i, voxel] of lookUp.entries()) panel.data.fill(grey[voxel], 3 * i, 3 * i + 3);
    outline(panel, lookUp, prediction, (id) => palette[id], 1);
    outline(panel, lookUp, label, (id) => pale(palette[id]), 0);
    return panel;
  });
  return encodePng({ ...sideBySide(panels), channels: 3 });
}

interface Panel {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

const pale = (colour: Colour): Colour => colour.map((part) => Math.round(part + (255 - part) * 0.65)) as Colour;

/** Colours the pixels of a class whose right or lower neighbour is of another, and `reach` pixels around them. */
function outline(
  panel: Panel,
  lookUp: Int32Array,
  ids: Uint8Array,
  colourOf: (id: number) => Colour,
  reach: number,
): void {
  const { width, height, data } = panel;
  const idAt = (x: number, y: number): number => ids[lookUp[Math.min(height - 1, y) * width + Math.min(width - 1, x)]];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const own = idAt(x, y);
      const other = [idAt(x + 1, y), idAt(x, y + 1)].find((id) => id !== own);
      if (other === undefined) continue;
      const shown = isForeground(own) ? own : other;
      if (!isForeground(shown)) continue;
      const colour = colourOf(shown);
      for (let v = Math.max(0, y - reach); v <= Math.min(height - 1, y + reach); v++)
        for (let u = Math.max(0, x - reach); u <= Math.min(width - 1, x + reach); u++)
          data.set(colour, (v * width + u) * 3);
    }
  }
}

function sideBySide(panels: readonly Panel[]): Panel {
  const width = panels.reduce((sum, panel) => sum + panel.width, (panels.length - 1) * GAP);
  const height = Math.max(...panels.map((panel) => panel.height));
  const data = new Uint8Array(width * height * 3);
  let left = 0;
  for (const panel of panels) {
    const top = Math.floor((height - panel.height) / 2);
    for (let y = 0; y < panel.height; y++)
      data.set(panel.data.subarray(y * panel.width * 3, (y + 1) * panel.width * 3), ((top + y) * width + left) * 3);
    left += panel.width + GAP;
  }
  return { width, height, data };
}
