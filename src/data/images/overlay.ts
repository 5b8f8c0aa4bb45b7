/**
 * @file What a network sees, as pictures for people: image, label, prediction and error side by side; drawings as pixels.
 */
import { ShapeError } from '../../base/errors.ts';
import { IGNORE, type SegmentationClass } from '../types.ts';
import { encodePng } from './png.ts';
import { colourLabels, ERROR_COLOURS } from './visual.ts';

const GAP = 4;

/** One image with the truth and what a network said. */
export interface PredictedImage {
  readonly width: number;
  readonly height: number;
  /** `[height, width, 3]` RGB. */
  readonly image: Uint8Array;
  /** Class ids and `IGNORE`, `[height, width]`. */
  readonly label: Uint8Array;
  /** Class ids, `[height, width]`. */
  readonly prediction: Uint8Array;
  readonly classes: readonly SegmentationClass[];
}

/** Where a prediction is right (blue) and wrong (orange), over the image in grey; pixels of `IGNORE` are plain grey. `[height, width, 3]`. */
export function drawErrors({ image, label, prediction }: Omit<PredictedImage, 'classes'>): Uint8Array {
  const out = new Uint8Array(image.length);
  for (let i = 0; i < label.length; i++) {
    const luminance = 0.299 * image[3 * i] + 0.587 * image[3 * i + 1] + 0.114 * image[3 * i + 2];
    const ignored = label[i] === IGNORE;
    const colour = ERROR_COLOURS[ignored ? 'uncounted' : label[i] === prediction[i] ? 'right' : 'wrong'];
    // Errors stand out; what is right stays in the background.
    const strength = ignored ? 0.7 : label[i] === prediction[i] ? 0.35 : 0.85;
    for (let c = 0; c < 3; c++) out[3 * i + c] = Math.round(luminance + (colour[c] - luminance) * strength);
  }
  return out;
}

/**
 * Image, label, prediction and error side by side, 4 white pixels apart, as PNG.
 * @throws ShapeError when a part has not `width * height` pixels.
 */
export function samplePicture(picture: PredictedImage): Uint8Array {
  const { width, height, image, label, prediction, classes } = picture;
  requirePixels('picture', image.length, width * height * 3);
  requirePixels('label', label.length, width * height);
  requirePixels('prediction', prediction.length, width * height);
  const panels = [image, colourLabels(label, classes), colourLabels(prediction, classes), drawErrors(picture)];
  const across = panels.length * width + (panels.length - 1) * GAP;
  const data = new Uint8Array(across * height * 3).fill(255);
  for (const [p, panel] of panels.entries()) {
    for (let y = 0; y < height; y++) {
      const row = panel.subarray(y * width * 3, (y + 1) * width * 3);
      data.set(row, (y * across + p * (width + GAP)) * 3);
    }
  }
  return encodePng({ width: across, height, channels: 3, data });
}

/**
 * A drawing (SVG text) as PNG, for instance a confusion matrix.
 * @param scale pixels per unit of the drawing.
 */
export async function rasteriseDrawing(svg: string, scale = 1): Promise<Uint8Array> {
  // sharp is loaded by those who rasterise, not by everyone who writes an overlay.
  const { default: sharp } = await import('sharp');
  return new Uint8Array(
    await sharp(Buffer.from(svg), { density: 72 * scale })
      .png()
      .toBuffer(),
  );
}

function requirePixels(what: string, got: number, expected: number): void {
  if (got !== expected) throw new ShapeError(`expected a ${what} of ${expected} samples, got ${got}`);
}
