/** @file Pictures for people: exact colours at the ends, each panel in its place, sizes checked. */
import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../../src/base/errors.ts';
import { drawErrors, rasteriseDrawing, samplePicture } from '../../../src/data/images/overlay.ts';
import { decodePng } from '../../../src/data/images/png.ts';
import { classColour, colourLabels, isBackground, overlayLabels } from '../../../src/data/images/visual.ts';
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

describe('colours of classes without their own', () => {
  /** What an eye without one kind of cones sees, in linear light: Machado, Oliveira and Fernandes 2009, severity 1. */
  const EYES = {
    all: [1, 0, 0, 0, 1, 0, 0, 0, 1],
    protan: [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
    deutan: [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
    tritan: [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039],
  };
  const linear = (byte: number) => (byte <= 10 ? byte / 255 / 12.92 : ((byte / 255 + 0.055) / 1.055) ** 2.4);
  const lab = (colour: readonly number[], eye: readonly number[]): number[] => {
    const rgb = colour.map(linear);
    const seen = [0, 1, 2].map((row) =>
      Math.min(
        1,
        Math.max(
          0,
          rgb.reduce((sum, value, c) => sum + eye[3 * row + c] * value, 0),
        ),
      ),
    );
    const [r, g, b] = seen;
    const xyz = [
      (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505,
      0.2126 * r + 0.7152 * g + 0.0722 * b,
      (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089,
    ].map((t) => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116));
    return [116 * xyz[1] - 16, 500 * (xyz[0] - xyz[1]), 200 * (xyz[1] - xyz[2])];
  };

  it.each(Object.entries(EYES))('differ for eyes with %s', (_, eye) => {
    const colours = Array.from({ length: 7 }, (__, id) => lab(classColour(id, `class ${id}`), eye));
    for (const [i, a] of colours.entries())
      for (const b of colours.slice(i + 1))
        expect(Math.hypot(...a.map((value, k) => value - b[k]))).toBeGreaterThan(10);
  });

  it('are all different, and a background is black and lets the image through', () => {
    const all = Array.from({ length: 256 }, (_, id) => classColour(id, 'thing').join());
    expect(new Set(all).size).toBeGreaterThan(250);
    for (const name of ['background', 'Background', '_background_', 'bg', 'unlabeled', 'unlabelled'])
      expect([isBackground({ name }), classColour(0, name)]).toEqual([true, [0, 0, 0]]);
    for (const name of ['road', 'backgrounds of cells', 'void']) expect(isBackground({ name })).toBe(false);
    const two = [
      { name: 'background', colour: [0, 0, 0] as const },
      { name: 'disc', colour: [255, 0, 0] as const },
    ];
    const image = Uint8Array.of(10, 20, 30, 10, 20, 30);
    expect([...overlayLabels(image, Uint8Array.of(0, 1), two as never, 1)]).toEqual([10, 20, 30, 255, 0, 0]);
  });
});
