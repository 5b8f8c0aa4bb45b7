/**
 * @file Whether the images of a data set have an up: photographs of streets do, those of microscopes, satellites and eyes do not, and may be turned.
 */
import { loadSample, shownImage } from '../../data/sample.ts';
import type { ImageSet, LabelledImage, Sample } from '../../data/types.ts';

/** A difference between halves counts when it is this large on average, as a share of the pixels or of the brightness, ... */
const LARGE = 0.03;
/** ... and so many standard errors away from none. */
const ERRORS = 3;

/**
 * Whether top and bottom, or the two axes, differ in classes or brightness, over the samples given. Few samples show little: then the answer is false only
 * if nothing is seen in at least eight.
 */
export async function haveAnUp(dataset: ImageSet, samples: readonly Sample[]): Promise<boolean> {
  if (samples.length < 8) return true;
  const rows: number[][] = [];
  for (const sample of samples)
    rows.push(differences(await shown(dataset, sample), dataset.classes.length, dataset.ignore));
  return rows[0].some((_, i) => {
    const values = rows.map((row) => row[i]);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
    return Math.abs(mean) > LARGE && Math.abs(mean) > ERRORS * Math.sqrt(variance / values.length);
  });
}

/** As people see it: brightness is one of RGB. */
async function shown(dataset: ImageSet, sample: Sample): Promise<LabelledImage<Uint8Array>> {
  const { image, ...rest } = await loadSample(dataset, sample);
  return { ...rest, image: shownImage(image, dataset) };
}

/**
 * Of one image: the share of every class, and the brightness in [0, 1], in the upper minus the lower quarter, and in these two minus the left and the right
 * one; quarters lie between the diagonals.
 */
export function differences(
  { width, height, image, label }: LabelledImage<Uint8Array>,
  classes: number,
  ignore?: number,
): number[] {
  const quarters = Array.from({ length: 4 }, () => ({
    counts: new Float64Array(classes),
    labelled: 0,
    light: 0,
    pixels: 0,
  }));
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [across, down] = [(2 * x + 1) / width - 1, (2 * y + 1) / height - 1];
      const vertical = Math.abs(down) > Math.abs(across);
      const quarter = quarters[vertical ? (down < 0 ? 0 : 1) : across < 0 ? 2 : 3];
      const at = y * width + x;
      const value = label[at];
      quarter.light += (image[3 * at] + image[3 * at + 1] + image[3 * at + 2]) / 765;
      quarter.pixels++;
      if (value === ignore || value >= classes) continue;
      quarter.counts[value]++;
      quarter.labelled++;
    }
  const [top, bottom, left, right] = quarters.map(({ counts, labelled, light, pixels }) => [
    ...Array.from(counts, (count) => count / Math.max(1, labelled)),
    light / Math.max(1, pixels),
  ]);
  return [
    ...top.map((value, i) => value - bottom[i]),
    ...top.map((value, i) => (value + bottom[i] - left[i] - right[i]) / 2),
  ];
}
