/**
 * @file Colours for classes that have none, and label maps as images. For people only: no network sees these.
 */
import { ShapeError } from '../../base/errors.ts';
import { type Colour, IGNORE, type SegmentationClass } from '../types.ts';

/** The colour of class `id` in the palette of PASCAL VOC: the bits of the id spread over the high bits of red, green and blue. */
export function paletteColour(id: number): Colour {
  const colour: Colour = [0, 0, 0];
  for (let bit = 0, rest = id; bit < 8 && rest > 0; bit++, rest >>= 3) {
    for (let c = 0; c < 3; c++) colour[c] |= ((rest >> c) & 1) << (7 - bit);
  }
  return colour;
}

/**
 * Colours for overlays on photos, distinct for every kind of colour vision: those of Okabe and Ito without black, then of the muted scheme of
 * Paul Tol.
 */
const OVERLAY_COLOURS: readonly Colour[] = [
  ...([
    [230, 159, 0],
    [86, 180, 233],
    [0, 158, 115],
    [240, 228, 66],
    [0, 114, 178],
    [213, 94, 0],
  ] as Colour[]),
  ...([
    [204, 121, 167],
    [51, 34, 136],
    [136, 34, 85],
    [153, 153, 51],
    [68, 170, 153],
    [204, 102, 119],
  ] as Colour[]),
];

/** The colour of a class that has none of its own: black for a background, else one made for overlays; beyond those the palette of VOC. */
export const classColour = (id: number, name: string): Colour =>
  isBackground({ name }) ? [0, 0, 0] : ([...(OVERLAY_COLOURS[id] ?? paletteColour(id))] as Colour);

/** Whether a class is what is left when nothing is there: overlays show the image through it. */
export const isBackground = ({ name }: { readonly name: string }): boolean =>
  /^_*(back ?ground|bg|unlabell?ed)_*$/i.test(name);

/** Where a prediction is right, wrong or does not count. Blue and orange differ for every kind of colour vision. */
export const ERROR_COLOURS = {
  right: [33, 102, 172],
  wrong: [230, 97, 1],
  uncounted: [128, 128, 128],
} as const satisfies Record<string, Colour>;

/** Share of the darkest and of the brightest samples that become black and white. */
const CLIPPED = 0.005;

/** Their values are estimated from about this many samples. */
const MEASURED = 2 ** 20;

/** The first channel of `[..., channels]` as grey levels between its outer percentiles. */
export function greyLevels(image: Float32Array, channels: number): Uint8Array {
  const voxels = image.length / channels;
  const every = Math.max(1, Math.floor(voxels / MEASURED));
  const measured = Float32Array.from(
    { length: Math.ceil(voxels / every) },
    (_, i) => image[i * every * channels],
  ).sort();
  const [low, high] = [CLIPPED, 1 - CLIPPED].map((share) => measured[Math.round(share * (measured.length - 1))]);
  const scale = 255 / (high - low || 1);
  // Stored in bytes that stop at 0 and 255.
  const levels = new Uint8ClampedArray(voxels);
  for (let i = 0; i < voxels; i++) levels[i] = (image[i * channels] - low) * scale;
  return new Uint8Array(levels.buffer);
}

/** 256 colours to write a label map as an indexed PNG: those of the classes, then those of VOC; `IGNORE` is black. */
export function paletteOf(classes: readonly SegmentationClass[]): Colour[] {
  return Array.from({ length: 256 }, (_, id) =>
    id === IGNORE ? [0, 0, 0] : (classes[id]?.colour ?? paletteColour(id)),
  );
}

/** Labels `[height, width]` as RGB, `[height, width, 3]`. */
export function colourLabels(label: Uint8Array, classes: readonly SegmentationClass[]): Uint8Array {
  const palette = paletteOf(classes);
  const out = new Uint8Array(label.length * 3);
  for (let i = 0; i < label.length; i++) out.set(palette[label[i]], i * 3);
  return out;
}

/**
 * The colours of the classes over an image; pixels of `IGNORE` and of classes that are hidden, by default those of a
 * background, show the image alone.
 * @param image `[height, width, 3]` RGB, or `[height, width, 4]` RGBA whose alpha stays.
 * @param label class ids and `IGNORE`, `[height, width]`.
 * @param opacity 0 is the image, 1 the colours.
 * @returns an image like `image`.
 * @throws ShapeError when the two have not the same size.
 */
export function overlayLabels<Pixels extends Uint8Array | Uint8ClampedArray>(
  image: Pixels,
  label: Uint8Array,
  classes: readonly SegmentationClass[],
  opacity: number,
  isShown: (id: number) => boolean = (id) => classes[id] === undefined || !isBackground(classes[id]),
): Pixels {
  const channels = image.length / label.length;
  if (channels !== 3 && channels !== 4)
    throw new ShapeError(`expected an image of ${label.length} pixels, got ${image.length} samples`);
  const palette = paletteOf(classes);
  const shown = palette.map((_, id) => id !== IGNORE && isShown(id));
  const out = image.slice() as Pixels;
  for (let i = 0; i < label.length; i++) {
    if (!shown[label[i]]) continue;
    const colour = palette[label[i]];
    for (let c = 0; c < 3; c++) {
      const k = channels * i + c;
      out[k] = Math.round(image[k] + (colour[c] - image[k]) * opacity);
    }
  }
  return out;
}
