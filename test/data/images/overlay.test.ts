/** @file Pictures for people: exact colours at the ends, each panel in its place, sizes checked. */
import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../../src/base/errors.ts';
import { drawErrors, rasteriseDrawing, samplePicture } from '../../../src/data/images/overlay.ts';
import { decodePng } from '../../../src/data/images/png.ts';
import { colourLabels, overlayLabels } from '../../../src/data/images/visual.ts';
import { IGNORE, type SegmentationClass } from '../../../src/data/types.ts';

const classes: SegmentationClass[] = [
  { name: 'road', colour: [200, 0, 100] },
  { name: 'sky', colour: [0, 90, 255] },
];
const width = 3;
const height = 2;
const image = Uint8Array.from({ length: 18 }, (_, i) => i * 14);
const label = Uint8Array.from([0, 1, IGNORE, 1, 0, 0]);
const prediction = Uint8Array.from([0, 0, 1, 1, 1, 0]);

describe('overlayLabels', () => {
  it('is the picture at opacity 0 and the colours at 1, but where the label is ignored', () => {
    expect(overlayLabels(image, label, classes, 0)).toEqual(image);
    const full = overlayLabels(image, label, classes, 1);
    const colours = colourLabels(label, classes);
    for (let i = 0; i < label.length; i++) {
      const expected = label[i] === IGNORE ? image : colours;
      expect(full.subarray(3 * i, 3 * i + 3)).toEqual(expected.subarray(3 * i, 3 * i + 3));
    }
  });

  it('mixes in between and leaves its inputs alone', () => {
    const before = image.slice();
    expect([...overlayLabels(image, label, classes, 0.5).subarray(0, 3)]).toEqual([100, 7, 64]);
    expect(image).toEqual(before);
  });

  it('refuses a picture of another size', () => {
    expect(() => overlayLabels(image.subarray(3), label, classes, 0.5)).toThrow(ShapeError);
  });
});

describe('drawErrors', () => {
  it('has three looks: right, wrong, ignored', () => {
    const grey = new Uint8Array(18).fill(100);
    const out = drawErrors({ width, height, image: grey, label, prediction });
    const looks = Array.from({ length: 6 }, (_, i) => out.subarray(3 * i, 3 * i + 3).join());
    expect(looks[0]).toBe(looks[3]);
    expect(looks[0]).toBe(looks[5]);
    expect(looks[1]).toBe(looks[4]);
    expect(new Set(looks).size).toBe(3);
  });
});

describe('samplePicture', () => {
  it('shows picture, label, prediction and error side by side', () => {
    const png = decodePng(samplePicture({ width, height, image, label, prediction, classes }), 'sample.png');
    expect([png.width, png.height, png.channels]).toEqual([4 * width + 12, height, 3]);
    const panel = (at: number) =>
      Uint8Array.from({ length: 18 }, (_, i) => {
        const [y, rest] = [Math.floor(i / 9), i % 9];
        return png.data[(y * png.width + at * (width + 4)) * 3 + rest];
      });
    expect(panel(0)).toEqual(image);
    expect(panel(1)).toEqual(colourLabels(label, classes));
    expect(panel(2)).toEqual(colourLabels(prediction, classes));
    expect(panel(3)).toEqual(drawErrors({ width, height, image, label, prediction }));
    expect([...png.data.subarray(9, 9 + 12)]).toEqual(Array(12).fill(255));
  });

  it.each(['image', 'label', 'prediction'] as const)('refuses a %s of another size', (part) => {
    const picture = { width, height, image, label, prediction, classes };
    expect(() => samplePicture({ ...picture, [part]: new Uint8Array(5) })).toThrow(ShapeError);
  });
});

describe('rasteriseDrawing', () => {
  it('gives a PNG at the scale asked for', async () => {
    const svg =
      '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="6"><rect width="10" height="6" fill="red"/></svg>';
    for (const scale of [1, 2]) {
      const png = decodePng(await rasteriseDrawing(svg, scale), 'drawing.png');
      expect([png.width, png.height]).toEqual([10 * scale, 6 * scale]);
      expect([...png.data.subarray(0, 3)]).toEqual([255, 0, 0]);
    }
  });
});
