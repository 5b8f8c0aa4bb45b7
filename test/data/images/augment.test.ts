/** @file Augmentation: the crop equals a plain computation, picture and label move together, colours stay in range. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/base/random.ts';
import {
  type Augmentation,
  checkAugmentation,
  drawTransformation,
  NO_AUGMENTATION,
  STANDARD_AUGMENTATION,
  type Transformation,
} from '../../../src/data/images/augment.ts';
import { applyTransformation, meanGrey } from '../../../src/data/images/crop.ts';
import { normaliseByte } from '../../../src/data/images/values.ts';
import type { LabelledImage as AnyImage } from '../../../src/data/types.ts';

type LabelledImage = AnyImage<Uint8Array>;

const sizes = fc.integer({ min: 1, max: 24 });
const cases = fc.record({ width: sizes, height: sizes, cropHeight: sizes, cropWidth: sizes, seed: fc.nat() });

function randomPicture(width: number, height: number, seed: number): LabelledImage {
  const random = createRandom(seed);
  const fill = (length: number, limit: number) => Uint8Array.from({ length }, () => random.integer(limit));
  return { width, height, image: fill(width * height * 3, 256), label: fill(width * height, 11) };
}

function apply(picture: LabelledImage, drawn: Transformation, crop: [number, number]) {
  const images = new Float32Array(crop[0] * crop[1] * 3);
  const labels = new Uint8Array(crop[0] * crop[1]);
  applyTransformation(picture, drawn, crop, images, labels);
  return { images, labels };
}

describe('channels about zero', () => {
  const channels = fc.integer({ min: 1, max: 6 });
  const about = (width: number, height: number, count: number, seed: number) => {
    const random = createRandom(seed);
    const image = Float32Array.from({ length: width * height * count }, () => 4 * random.uniform() - 2);
    const label = Uint8Array.from({ length: width * height }, () => random.integer(11));
    return { width, height, image, label };
  };
  const cropOf = (picture: AnyImage<Float32Array>, drawn: Transformation, crop: [number, number], count: number) => {
    const images = new Float32Array(crop[0] * crop[1] * count);
    const labels = new Uint8Array(crop[0] * crop[1]);
    applyTransformation(picture, drawn, crop, images, labels);
    return { images, labels };
  };

  it('without augmentation are the image itself', () => {
    fc.assert(
      fc.property(cases, channels, ({ width, height, seed }, count) => {
        const picture = about(width, height, count, seed);
        const drawn = drawTransformation(NO_AUGMENTATION, width, height, [height, width], createRandom(seed));
        const { images, labels } = cropOf(picture, drawn, [height, width], count);
        expect(labels).toEqual(picture.label);
        for (let i = 0; i < images.length; i++) expect(images[i]).toBeCloseTo(picture.image[i], 5);
      }),
    );
  });

  it('move as RGB does: the same places, and padding is their mean', () => {
    fc.assert(
      fc.property(cases, ({ width, height, cropHeight, cropWidth, seed }) => {
        const bytes = randomPicture(width, height, seed);
        const crop: [number, number] = [cropHeight, cropWidth];
        const random = createRandom(seed, 1);
        const augmentation = { ...STANDARD_AUGMENTATION, turns: true, brightness: 0, contrast: 0, saturation: 0 };
        const drawn = drawTransformation(augmentation, width, height, crop, random);
        const picture = { ...bytes, image: Float32Array.from(bytes.image, normaliseByte) };
        const [rgb, own] = [apply(bytes, drawn, crop), cropOf(picture, drawn, crop, 3)];
        expect(own.labels).toEqual(rgb.labels);
        const wide = readPadding(drawn, crop);
        for (let i = 0; i < own.images.length; i++)
          expect(own.images[i]).toBeCloseTo(wide(i / 3) ? 0 : rgb.images[i], 4);
      }),
    );
  });

  /** Whether a pixel of the crop lies outside of the scaled image. */
  function readPadding(
    { left, top, flip, flipRows, scaledWidth, scaledHeight }: Transformation,
    [rows, columns]: number[],
  ) {
    return (at: number) => {
      const [x, y] = [Math.floor(at) % columns, Math.floor(Math.floor(at) / columns)];
      const [across, down] = [left + (flip ? columns - 1 - x : x), top + (flipRows ? rows - 1 - y : y)];
      return across < 0 || down < 0 || across >= scaledWidth || down >= scaledHeight;
    };
  }

  it('get brightness, contrast and saturation in units of their deviation, whatever their number', () => {
    fc.assert(
      fc.property(channels, fc.nat(), (count, seed) => {
        const picture = about(5, 4, count, seed);
        const plain = drawTransformation(NO_AUGMENTATION, 5, 4, [4, 5], createRandom(seed));
        const [brightness, contrast, saturation] = [1.2, 0.8, 0.5];
        const { images } = cropOf(picture, { ...plain, brightness, contrast, saturation }, [4, 5], count);
        for (let pixel = 0; pixel < 20; pixel++) {
          const own = [...picture.image.subarray(pixel * count, (pixel + 1) * count)];
          const mean = own.reduce((sum, value) => sum + value, 0) / count;
          own.forEach((value, c) => {
            const expected = (mean + (value - mean) * saturation) * contrast + (brightness - 1);
            expect(images[pixel * count + c]).toBeCloseTo(expected, 4);
          });
        }
      }),
    );
  });
});

describe('applyTransformation', () => {
  it('equals scaling, jitter, crop and flip done one after another', () => {
    fc.assert(
      fc.property(cases, ({ width, height, cropHeight, cropWidth, seed }) => {
        const picture = randomPicture(width, height, seed);
        const crop: [number, number] = [cropHeight, cropWidth];
        const drawn = drawTransformation(STANDARD_AUGMENTATION, width, height, crop, createRandom(seed, 1));
        const { images, labels } = apply(picture, drawn, crop);
        for (let y = 0; y < cropHeight; y++) {
          for (let x = 0; x < cropWidth; x++) {
            const want = slowPixel(picture, drawn, drawn.left + (drawn.flip ? cropWidth - 1 - x : x), drawn.top + y);
            const at = y * cropWidth + x;
            expect(labels[at]).toBe(want.label);
            for (let c = 0; c < 3; c++) expect(images[at * 3 + c]).toBeCloseTo(want.rgb[c], 4);
          }
        }
      }),
    );
  });

  it('without augmentation and with the crop of the picture, is the normalised picture itself', () => {
    fc.assert(
      fc.property(cases, ({ width, height, seed }) => {
        const picture = randomPicture(width, height, seed);
        const drawn = drawTransformation(NO_AUGMENTATION, width, height, [height, width], createRandom(seed));
        const { images, labels } = apply(picture, drawn, [height, width]);
        const whole = new Float32Array(images.length);
        whole.set(Float32Array.from(picture.image, normaliseByte));
        expect(labels).toEqual(picture.label);
        for (let i = 0; i < whole.length; i++) expect(images[i]).toBeCloseTo(whole[i], 5);
      }),
    );
  });

  it('moves picture and label alike: a picture of its own labels stays one', () => {
    fc.assert(
      fc.property(cases, fc.constantFrom(1, 2), ({ width, height, cropHeight, cropWidth, seed }, scale) => {
        const picture = randomPicture(width, height, seed);
        for (let i = 0; i < picture.label.length; i++) picture.image.fill(picture.label[i], i * 3, i * 3 + 3);
        const crop: [number, number] = [cropHeight, cropWidth];
        const drawn = drawTransformation(NO_AUGMENTATION, width, height, crop, createRandom(seed));
        const { images, labels } = apply(picture, { ...drawn, flip: scale === 2 }, crop);
        for (let i = 0; i < labels.length; i++) {
          expect(Math.round((images[i * 3] + 1) * 127.5)).toBe(labels[i] === 255 ? 127 : labels[i]);
        }
      }),
    );
  });

  it('flipped twice is not flipped', () => {
    const picture = randomPicture(9, 7, 3);
    const drawn = drawTransformation(NO_AUGMENTATION, 9, 7, [5, 6], createRandom(1));
    const plain = apply(picture, drawn, [5, 6]);
    const flipped = apply(picture, { ...drawn, flip: true }, [5, 6]);
    for (let y = 0; y < 5; y++) {
      for (let x = 0; x < 6; x++) expect(flipped.labels[y * 6 + x]).toBe(plain.labels[y * 6 + 5 - x]);
    }
  });
});

describe('turns', () => {
  const turning = { ...STANDARD_AUGMENTATION, turns: true };
  const transposed = ({ width, height, image, label }: LabelledImage): LabelledImage => {
    const at = (i: number) => (i % height) * width + Math.floor(i / height);
    return {
      width: height,
      height: width,
      image: Uint8Array.from(image, (_, i) => image[3 * at(Math.floor(i / 3)) + (i % 3)]),
      label: Uint8Array.from(label, (_, i) => label[at(i)]),
    };
  };

  it('are the transposed picture, and the crop upside down', () => {
    fc.assert(
      fc.property(cases, ({ width, height, cropHeight, cropWidth, seed }) => {
        const picture = randomPicture(width, height, seed);
        const crop: [number, number] = [cropHeight, cropWidth];
        const drawn = drawTransformation(turning, width, height, crop, createRandom(seed, 1));
        const { transpose, flipRows } = drawn;
        const plain = { ...drawn, transpose: false, flipRows: false };
        const wanted = apply(transpose ? transposed(picture) : picture, plain, crop);
        const got = apply(picture, drawn, crop);
        for (let y = 0; y < cropHeight; y++) {
          const from = (flipRows ? cropHeight - 1 - y : y) * cropWidth;
          const rowOf = <T extends Float32Array | Uint8Array>(values: T, row: number, of: number) => [
            ...values.subarray(row * of, (row + cropWidth) * of),
          ];
          expect(rowOf(got.labels, y * cropWidth, 1)).toEqual(rowOf(wanted.labels, from, 1));
          expect(rowOf(got.images, y * cropWidth, 3)).toEqual(rowOf(wanted.images, from, 3));
        }
      }),
    );
  });

  it('are all eight, about equally often, and none without the setting', () => {
    const random = createRandom(3);
    const drawn = (augmentation: Augmentation) => {
      const { flip, flipRows, transpose } = drawTransformation(augmentation, 8, 8, [8, 8], random);
      return `${flip} ${flipRows} ${transpose}`;
    };
    const counts = new Map<string, number>();
    for (let i = 0; i < 1600; i++) {
      const key = drawn(turning);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.size).toBe(8);
    for (const count of counts.values()) expect(Math.abs(count - 200)).toBeLessThan(60);
    for (let i = 0; i < 100; i++) expect(drawn(STANDARD_AUGMENTATION)).toMatch(/ false false$/);
  });
});

describe('drawTransformation', () => {
  it('places the crop inside the picture, or the picture inside the crop', () => {
    fc.assert(
      fc.property(cases, ({ width, height, cropHeight, cropWidth, seed }) => {
        const crop: [number, number] = [cropHeight, cropWidth];
        const drawn = drawTransformation(STANDARD_AUGMENTATION, width, height, crop, createRandom(seed));
        const inside = (start: number, size: number, room: number) =>
          size >= room ? start >= 0 && start + room <= size : start <= 0 && start + room >= size;
        expect(inside(drawn.left, drawn.scaledWidth, cropWidth)).toBe(true);
        expect(inside(drawn.top, drawn.scaledHeight, cropHeight)).toBe(true);
      }),
    );
  });

  it('keeps what is in a dark image at any contrast', () => {
    const side = 100;
    const image = new Uint8Array(3 * side * side).fill(6).fill(18, 0, 3 * side * 20);
    const picture = { width: side, height: side, image, label: new Uint8Array(side * side) };
    expect(meanGrey(picture)).toBeCloseTo(8.4, 0);
    const drawn = drawTransformation(NO_AUGMENTATION, side, side, [side, side], createRandom(0));
    for (const contrast of [0.7, 1.3]) {
      const { images } = apply(picture, { ...drawn, contrast }, [side, side]);
      // About middle grey, both were black.
      expect((images[0] - (images.at(-1) as number)) * 127.5).toBeCloseTo(12 * contrast, 1);
    }
  });

  it('draws every scale of the range', () => {
    const random = createRandom(0);
    const seen = new Set<number>();
    for (let i = 0; i < 300; i++)
      seen.add(drawTransformation(STANDARD_AUGMENTATION, 100, 100, [9, 9], random).scaledWidth);
    expect([...seen].sort((a, b) => a - b)).toEqual([50, 75, 100, 125, 150, 175, 200]);
  });

  it('refuses settings out of range', () => {
    expect(() => checkAugmentation({ ...STANDARD_AUGMENTATION, flip: 2 })).toThrow(/flip 2/);
    expect(() => checkAugmentation({ ...STANDARD_AUGMENTATION, scale: { min: 2, max: 1, step: 1 } })).toThrow(/scale/);
  });
});

/** One pixel of the scaled picture by the definition. */
function slowPixel(picture: LabelledImage, drawn: Transformation, x: number, y: number) {
  const { width, height, image, label } = picture;
  if (x < 0 || y < 0 || x >= drawn.scaledWidth || y >= drawn.scaledHeight) {
    return { label: 255, rgb: [127, 127, 127].map((value) => value / 127.5 - 1) };
  }
  const clamp = (value: number, size: number) => Math.min(size - 1, Math.max(0, value));
  const sx = clamp(((x + 0.5) * width) / drawn.scaledWidth - 0.5, width);
  const sy = clamp(((y + 0.5) * height) / drawn.scaledHeight - 0.5, height);
  const rgb = [0, 1, 2].map((c) => {
    let sum = 0;
    for (let j = 0; j < height; j++) {
      for (let i = 0; i < width; i++) {
        const weight = Math.max(0, 1 - Math.abs(i - sx)) * Math.max(0, 1 - Math.abs(j - sy));
        if (weight > 0) sum += weight * image[(j * width + i) * 3 + c];
      }
    }
    return sum;
  });
  const grey = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
  const nx = clamp(Math.floor((x + 0.5) * (width / drawn.scaledWidth)), width);
  const ny = clamp(Math.floor((y + 0.5) * (height / drawn.scaledHeight)), height);
  return {
    label: label[ny * width + nx],
    rgb: rgb.map((value) => {
      const saturated = grey + (value - grey) * drawn.saturation;
      const middle = meanGrey(picture);
      const contrasted = middle + (saturated - middle) * drawn.contrast;
      return Math.min(1, Math.max(-1, (contrasted * drawn.brightness) / 127.5 - 1));
    }),
  };
}

describe('the longer side', () => {
  it('is brought to a length before the scale is drawn', () => {
    const augmentation = { ...NO_AUGMENTATION, longSide: 100, scale: { min: 0.5, max: 0.5, step: 1 } };
    for (const [width, height] of [
      [400, 200],
      [20, 40],
    ]) {
      const { scaledWidth, scaledHeight } = drawTransformation(augmentation, width, height, [10, 10], createRandom(1));
      expect([scaledWidth, scaledHeight]).toEqual(width > height ? [50, 25] : [25, 50]);
    }
    expect(() => checkAugmentation({ ...augmentation, longSide: 0 })).toThrow(/longSide 0/);
  });
});
