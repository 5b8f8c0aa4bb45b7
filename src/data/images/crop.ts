/**
 * @file A drawn transformation applied to an image and its labels, in a single pass that resamples only the pixels of the crop. Output is what the network
 * reads: channels last, RGB in [-1, 1], other channels about zero.
 */
import { ShapeError } from '../../base/errors.ts';
import { IGNORE, type LabelledImage, type PreparedImage } from '../types.ts';
import type { Transformation } from './augment.ts';
import { normaliseByte } from './values.ts';

/** Padding of the image: middle grey. */
const MEAN = 127;

/**
 * Applies a transformation: writes the crop `[height, width, channels]` into `images` and `[height, width]` into `labels`, which hold exactly
 * one crop (subarrays of a batch). Images are resampled bilinearly (pixel centres aligned), labels take the nearest pixel;
 * outside the image the image is middle grey, or the mean of every channel, and the label `IGNORE`.
 */
export function applyTransformation(
  picture: PreparedImage,
  transformation: Transformation,
  crop: readonly [height: number, width: number],
  images: Float32Array,
  labels: Uint8Array,
): void {
  const [cropHeight, cropWidth] = crop;
  const { width, height, image } = picture;
  const channels = image.length / (width * height);
  if (images.length !== cropHeight * cropWidth * channels || labels.length !== cropHeight * cropWidth) {
    throw new ShapeError(
      `a crop of ${cropHeight}x${cropWidth} does not fill ${images.length} and ${labels.length} values`,
    );
  }
  const { scaledWidth, scaledHeight, left, top, flip, flipRows, transpose } = transformation;
  const columns = readAxis(transpose ? height : width, scaledWidth, left, cropWidth, flip);
  const rows = readAxis(transpose ? width : height, scaledHeight, top, cropHeight, flipRows);
  // From one pixel of the file to the next along a column and a row of the crop.
  const [down, right] = transpose ? [1, width] : [width, 1];
  labels.fill(IGNORE);
  const read = { columns, rows, down, right };
  if (image instanceof Float32Array) cropChannels({ ...picture, image }, transformation, crop, read, images, labels);
  else cropRgb({ ...picture, image }, transformation, crop, read, images, labels);
}

/** Where the crop is read in the file, and how far it is there from one pixel of its columns and rows to the next. */
interface CropPlaces {
  readonly columns: AxisPlaces;
  readonly rows: AxisPlaces;
  readonly down: number;
  readonly right: number;
}

function cropRgb(
  picture: LabelledImage<Uint8Array>,
  transformation: Transformation,
  [cropHeight, cropWidth]: readonly [height: number, width: number],
  { columns, rows, down, right }: CropPlaces,
  images: Float32Array,
  labels: Uint8Array,
): void {
  const { image, label } = picture;
  const { own, shared, offset } = colourTransformation(transformation, picture);
  images.fill(normaliseByte(MEAN));
  for (let y = 0; y < cropHeight; y++) {
    if (rows.nearest[y] < 0) continue;
    const upper = rows.lower[y] * down * 3;
    const lower = rows.upper[y] * down * 3;
    const fy = rows.fraction[y];
    const labelRow = rows.nearest[y] * down;
    let to = y * cropWidth * 3;
    for (let x = 0; x < cropWidth; x++, to += 3) {
      const nearest = columns.nearest[x];
      if (nearest < 0) continue;
      labels[y * cropWidth + x] = label[labelRow + nearest * right];
      const a = columns.lower[x] * right * 3;
      const b = columns.upper[x] * right * 3;
      const fx = columns.fraction[x];
      const wa = (1 - fx) * (1 - fy);
      const wb = fx * (1 - fy);
      const wc = (1 - fx) * fy;
      const wd = fx * fy;
      const [ua, ub, la, lb] = [upper + a, upper + b, lower + a, lower + b];
      const red = image[ua] * wa + image[ub] * wb + image[la] * wc + image[lb] * wd;
      const green = image[ua + 1] * wa + image[ub + 1] * wb + image[la + 1] * wc + image[lb + 1] * wd;
      const blue = image[ua + 2] * wa + image[ub + 2] * wb + image[la + 2] * wc + image[lb + 2] * wd;
      const grey = (0.299 * red + 0.587 * green + 0.114 * blue) * shared + offset;
      images[to] = clampUnit(red * own + grey);
      images[to + 1] = clampUnit(green * own + grey);
      images[to + 2] = clampUnit(blue * own + grey);
    }
  }
}

/** Bytes of RGB stay between black and white; other channels have no such limits. */
function cropChannels(
  { width, height, image, label }: LabelledImage<Float32Array>,
  { brightness, contrast, saturation }: Transformation,
  [cropHeight, cropWidth]: readonly [height: number, width: number],
  { columns, rows, down, right }: CropPlaces,
  images: Float32Array,
  labels: Uint8Array,
): void {
  const channels = image.length / (width * height);
  const [own, shared, offset] = [contrast * saturation, contrast * (1 - saturation), brightness - 1];
  images.fill(0);
  for (let y = 0; y < cropHeight; y++) {
    if (rows.nearest[y] < 0) continue;
    const [upper, lower] = [rows.lower[y] * down * channels, rows.upper[y] * down * channels];
    const fy = rows.fraction[y];
    for (let x = 0, to = y * cropWidth; x < cropWidth; x++, to++) {
      if (columns.nearest[x] < 0) continue;
      labels[to] = label[rows.nearest[y] * down + columns.nearest[x] * right];
      const [a, b] = [columns.lower[x] * right * channels, columns.upper[x] * right * channels];
      const fx = columns.fraction[x];
      const first = to * channels;
      let sum = 0;
      for (let c = 0; c < channels; c++) {
        const above = image[upper + a + c] * (1 - fx) + image[upper + b + c] * fx;
        const below = image[lower + a + c] * (1 - fx) + image[lower + b + c] * fx;
        const value = above * (1 - fy) + below * fy;
        images[first + c] = value;
        sum += value;
      }
      const grey = (sum / channels) * shared + offset;
      for (let c = 0; c < channels; c++) images[first + c] = images[first + c] * own + grey;
    }
  }
}

function clampUnit(value: number): number {
  return Math.min(1, Math.max(-1, value));
}

/**
 * Saturation, then contrast about the mean grey of the image, then brightness, then the scaling to [-1, 1], folded into
 * `value * own + grey * shared + offset`.
 */
function colourTransformation(
  { brightness, contrast, saturation }: Transformation,
  picture: LabelledImage<Uint8Array>,
): { own: number; shared: number; offset: number } {
  const gain = (brightness * contrast) / 127.5;
  const middle = contrast === 1 ? 0 : meanGrey(picture) / 127.5;
  return { own: gain * saturation, shared: gain * (1 - saturation), offset: brightness * (1 - contrast) * middle - 1 };
}

/** Rows and columns of pixels that the mean grey of an image is taken of, at most. */
const MEAN_SIDE = 64;

/** The mean grey of an image, of a grid of its pixels. */
export function meanGrey({ width, height, image }: Omit<LabelledImage<Uint8Array>, 'label'>): number {
  const [rows, columns] = [Math.min(MEAN_SIDE, height), Math.min(MEAN_SIDE, width)];
  let sum = 0;
  for (let i = 0; i < rows; i++) {
    const row = Math.floor(((i + 0.5) * height) / rows) * width;
    for (let j = 0; j < columns; j++) {
      const at = 3 * (row + Math.floor(((j + 0.5) * width) / columns));
      sum += 0.299 * image[at] + 0.587 * image[at + 1] + 0.114 * image[at + 2];
    }
  }
  return sum / (rows * columns);
}

/** For each place of the crop along one axis, where it is read. */
interface AxisPlaces {
  readonly lower: Int32Array;
  readonly upper: Int32Array;
  readonly fraction: Float32Array;
  readonly nearest: Int32Array;
}

/** Two neighbours in the file and a fraction between them, and the nearest; -1 outside. */
function readAxis(size: number, scaled: number, start: number, count: number, flip: boolean): AxisPlaces {
  const lower = new Int32Array(count);
  const upper = new Int32Array(count);
  const fraction = new Float32Array(count);
  const nearest = new Int32Array(count);
  const ratio = size / scaled;
  for (let i = 0; i < count; i++) {
    const at = start + (flip ? count - 1 - i : i);
    if (at < 0 || at >= scaled) {
      nearest[i] = -1;
      continue;
    }
    const exact = Math.min(size - 1, Math.max(0, (at + 0.5) * ratio - 0.5));
    lower[i] = Math.floor(exact);
    upper[i] = Math.min(size - 1, lower[i] + 1);
    fraction[i] = exact - lower[i];
    nearest[i] = Math.min(size - 1, Math.floor((at + 0.5) * ratio));
  }
  return { lower, upper, fraction, nearest };
}
