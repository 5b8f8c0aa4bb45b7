/**
 * @file Probability maps as 16-bit grey PNG files, one a class: 0 is 0 and 65535 is 1.
 */
import { distinctNames } from '../base/names.ts';
import { encodePng } from '../data/images/png.ts';
import type { SegmentationClass } from '../data/types.ts';

/** The largest value of 16 bits, which stands for a probability of 1. */
const FULL = 65535;

/** What follows the name of an image in the file of each class, such as `_probability_sky.png`. */
export const probabilityEndings = (classes: readonly SegmentationClass[]): string[] =>
  distinctNames(classes.map(({ name }) => name)).map((name) => `_probability_${name}.png`);

/** The files of `[classes, height, width]`, in the order of the classes. */
export function encodeProbabilityMaps(
  { width, height }: { readonly width: number; readonly height: number },
  probabilities: Float32Array,
): Uint8Array[] {
  const pixels = width * height;
  return Array.from({ length: probabilities.length / pixels }, (_, id) => {
    const data = Uint16Array.from(probabilities.subarray(id * pixels, (id + 1) * pixels), (p) => Math.round(FULL * p));
    return encodePng({ width, height, channels: 1, data });
  });
}
