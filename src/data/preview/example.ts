/**
 * @file One sample of any data set as two small images: the image, and the colours of its labels over it. Of a volume the axial slice through the middle
 * of what is labelled, right way round as radiologists look.
 */
import { greyLevels, overlayLabels, paletteOf } from '../images/visual.ts';
import { loadSample, shownImage } from '../sample.ts';
import { middleOf, PLANES, placeAlong } from '../slices.ts';
import { type Colour, type DataSet, IGNORE, type Sample, type SegmentationClass, type VolumeSet } from '../types.ts';
import { spacingOf } from '../volume.ts';
import { loadVolume } from '../volumes/load.ts';
import { orientationOf, turn, turnedShape } from '../volumes/orientation.ts';

/** A sample as images of one size. */
export interface Example {
  readonly id: string;
  readonly width: number;
  readonly height: number;
  /** `[height, width, 3]` RGB. */
  readonly image: Uint8Array;
  readonly overlay: Uint8Array;
  /** Pixels or voxels of each class and, as the last, ignored ones, of the whole sample. */
  readonly counts: Float64Array;
}

/** How strongly colours cover the image. */
const OPACITY = 0.5;

/** The grey of what does not count. */
const UNCOUNTED: Colour = [200, 200, 200];

/** Whether a class is shown: black is that of a background, and would only darken it. */
export const isVisible = ({ colour }: SegmentationClass): boolean => colour.some((part) => part > 0);

/** Loads a sample and brings it to at most `side` pixels a side. @throws DataError that names the file */
export async function exampleOf(dataset: DataSet, sample: Sample, side: number): Promise<Example> {
  const { classes } = dataset;
  const { width, height, image, label, all } =
    dataset.rank === 2 ? await photograph(dataset, sample) : await slice(dataset, sample);
  const factor = Math.min(side / width, side / height);
  const [across, down] = [width, height].map((length) => Math.max(1, Math.round(length * factor)));
  const kernel = factor > 1 ? 'nearest' : 'lanczos3';
  const { default: sharp } = await import('sharp');
  const scaled = await sharp(image, { raw: { width, height, channels: 3 } })
    .resize(across, down, { fit: 'fill', kernel })
    .raw()
    .toBuffer();
  const small = new Uint8Array(scaled.buffer, scaled.byteOffset, scaled.byteLength);
  const ids = new Uint8Array(across * down);
  for (let y = 0; y < down; y++)
    for (let x = 0; x < across; x++)
      ids[y * across + x] =
        label[Math.floor(((y + 0.5) * height) / down) * width + Math.floor(((x + 0.5) * width) / across)];
  const counts = new Float64Array(classes.length + 1);
  for (const id of all) counts[id === IGNORE ? classes.length : id]++;
  return {
    id: sample.id,
    width: across,
    height: down,
    image: small,
    overlay: drawOver(small, ids, across, classes),
    counts,
  };
}

/** Colours over an image, stronger along their outlines. */
function drawOver(
  image: Uint8Array,
  ids: Uint8Array,
  width: number,
  classes: readonly SegmentationClass[],
): Uint8Array {
  const shown = (id: number): boolean => classes[id] !== undefined && isVisible(classes[id]);
  const out = overlayLabels(image, ids, classes, OPACITY, shown);
  const palette = paletteOf(classes);
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i];
    if (id === IGNORE) for (let c = 0; c < 3; c++) out[3 * i + c] = Math.round((image[3 * i + c] + UNCOUNTED[c]) / 2);
    const neighbours = [i % width === 0 ? id : ids[i - 1], i < width ? id : ids[i - width]];
    if (shown(id) && neighbours.some((other) => other !== id)) out.set(palette[id], 3 * i);
  }
  return out;
}

interface Picture {
  width: number;
  height: number;
  image: Uint8Array;
  label: Uint8Array;
  /** The labels of the whole sample. */
  all: Uint8Array;
}

async function photograph(dataset: DataSet & { rank: 2 }, sample: Sample): Promise<Picture> {
  const { width, height, image, label } = await loadSample(dataset, sample);
  return { width, height, image: shownImage(image, dataset), label, all: label };
}

/** The axial slice, every voxel as large as its spacing says. */
async function slice(dataset: VolumeSet, sample: Sample): Promise<Picture> {
  const loaded = await loadVolume(dataset, sample);
  const { image: stored, label: truth } = loaded;
  const orientation = orientationOf(stored.affine);
  const shape = turnedShape(stored.shape, orientation);
  const spacing = turnedShape(spacingOf(stored.affine), orientation);
  const voxels = stored.data.length / stored.channels;
  const first = turn(stored.data.subarray(0, voxels), stored.shape, orientation);
  const label = truth ? turn(truth.data, stored.shape, orientation) : new Uint8Array(voxels).fill(IGNORE);
  const [{ down, right, through }] = PLANES;
  const centre = middleOf({ shape, label, prediction: label });
  const finest = Math.min(spacing[down], spacing[right]);
  const [height, width] = [down, right].map((axis) =>
    Math.min(2048, Math.max(1, Math.round((shape[axis] * spacing[axis]) / finest))),
  );
  const grey = greyLevels(
    Float32Array.from(first, (value) => (Number.isNaN(value) ? 0 : value)),
    1,
  );
  const image = new Uint8Array(width * height * 3);
  const ids = new Uint8Array(width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const place = [0, 0, 0];
      place[through] = centre[through];
      place[down] = placeAlong((y + 0.5) / height, shape[down]);
      place[right] = placeAlong((x + 0.5) / width, shape[right]);
      const voxel = (place[0] * shape[1] + place[1]) * shape[2] + place[2];
      const pixel = y * width + x;
      image.fill(grey[voxel], 3 * pixel, 3 * pixel + 3);
      ids[pixel] = label[voxel];
    }
  return { width, height, image, label: ids, all: label };
}
