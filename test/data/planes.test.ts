/** @file Slices of a volume as a picture: which slices, which way round, to scale, with their outlines. */
import { describe, expect, it } from 'vitest';
import { decodePng } from '../../src/data/images/png.ts';
import { planesPicture } from '../../src/data/planes.ts';
import type { SegmentationClass } from '../../src/data/types.ts';

const classes: SegmentationClass[] = [
  { name: 'background', colour: [0, 0, 0] },
  { name: 'organ', colour: [255, 0, 0] },
];
const SHAPE = [8, 16, 12];
const at = (z: number, y: number, x: number) => (z * SHAPE[1] + y) * SHAPE[2] + x;
const empty = () => new Uint8Array(SHAPE[0] * SHAPE[1] * SHAPE[2]);

function draw(parts: { image?: Float32Array; label?: Uint8Array; prediction?: Uint8Array; spacingMm?: number[] }) {
  const {
    image = new Float32Array(empty().length),
    label = empty(),
    prediction = empty(),
    spacingMm = [1, 1, 1],
  } = parts;
  const png = decodePng(
    planesPicture({ shape: SHAPE, spacingMm, channels: 1, image, label, prediction, classes }),
    'p',
  );
  const pixel = (x: number, y: number) => [...png.data.subarray((y * png.width + x) * 3, (y * png.width + x) * 3 + 3)];
  return { ...png, pixel };
}

describe('planesPicture', () => {
  it('shows axial, coronal and sagittal slices side by side, to the scale of the spacing', () => {
    // The longest side, 16 mm, has 288 pixels: 18 a millimetre.
    expect([draw({}).width, draw({}).height]).toEqual([12 * 18 + 6 + 12 * 18 + 6 + 16 * 18, 288]);
    // With slices of 4 mm depth is the longest side: 32 mm, 9 pixels a millimetre.
    const thick = draw({ spacingMm: [4, 1, 1] });
    expect([thick.width, thick.height]).toEqual([12 * 9 + 6 + 12 * 9 + 6 + 16 * 9, 288]);
  });

  it('has the front and the head up, and the right of the patient to the left', () => {
    const image = new Float32Array(empty().length);
    // In the slice through the middle of the volume: front right, in the coronal one head right.
    image[at(4, 15, 11)] = 1;
    image[at(7, 8, 11)] = 1;
    const { pixel } = draw({ image });
    const coronalTop = (288 - 8 * 18) / 2;
    expect(pixel(5, 5)).toEqual([255, 255, 255]);
    expect(pixel(12 * 18 - 5, 5)).toEqual([0, 0, 0]);
    expect(pixel(12 * 18 + 6 + 5, coronalTop + 5)).toEqual([255, 255, 255]);
    expect(pixel(12 * 18 + 6 + 5, coronalTop + 8 * 18 - 5)).toEqual([0, 0, 0]);
  });

  it('cuts through the middle of the label, and outlines label and prediction in their own tones', () => {
    const label = empty();
    const prediction = empty();
    for (let y = 2; y < 6; y++)
      for (let x = 2; x < 6; x++) {
        label[at(1, y, x)] = 1;
        prediction[at(1, y, x + 4)] = 1;
      }
    const { data } = draw({ label, prediction });
    const count = (colour: number[]) => {
      let found = 0;
      for (let i = 0; i < data.length; i += 3) if (colour.every((part, c) => data[i + c] === part)) found++;
      return found;
    };
    const pale = [255, Math.round(255 * 0.65), Math.round(255 * 0.65)];
    // Around 72 x 72 pixels in the axial slice, and in the other two around what they cut.
    expect(count(pale)).toBeGreaterThan(4 * 71);
    expect(count([255, 0, 0])).toBeGreaterThan(3 * 4 * 60);
    // Without a label the prediction says where to cut.
    expect(draw({ label: empty().fill(255), prediction }).data).not.toEqual(draw({ label: empty().fill(255) }).data);
  });

  it('clips the darkest and brightest half per cent', () => {
    const image = Float32Array.from(empty(), (_, i) => (i % 400 === 0 ? 1e6 : i % 2));
    const { data } = draw({ image });
    expect(new Set(data)).toEqual(new Set([0, 255]));
  });

  it('refuses parts of other sizes', () => {
    expect(() => draw({ label: new Uint8Array(3) })).toThrow(/label of 1536 voxels, got 3/);
  });
});
