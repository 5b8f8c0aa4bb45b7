/**
 * @file A folder of DICOM slices as a volume: slices in the order in which they lie along their normal, whatever the files are called.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { DataError } from '../../base/errors.ts';
import { countKinds } from '../../base/text.ts';
import type { Affine, Volume } from '../volume.ts';
import { type DicomSlice, parseDicomObject } from './slice.ts';

/** The distance between neighbouring slices may differ from the median by this share. */
const UNEVEN = 0.02;

/**
 * Reads the only series of a folder, one channel; objects without an image, such as reports and contours, are passed over. Throws a `DataError` that
 * names the folder or file and what is wrong.
 */
export async function readDicomSeries(folder: string): Promise<Volume> {
  const slices: DicomSlice[] = [];
  const others: string[] = [];
  for (const name of (await readdir(folder)).sort()) {
    if (name.startsWith('.') || name === 'DICOMDIR') continue;
    const file = join(folder, name);
    const bytes = await readSlice(file);
    const found = bytes && parseDicomObject(bytes, file);
    if (found === undefined) others.push(extname(name) === '' ? 'without an ending' : extname(name));
    else if ('pixels' in found) slices.push(found);
    else others.push(found.modality === '' ? 'DICOM without an image' : `DICOM ${found.modality}`);
  }
  if (slices.length > 0) return stackSlices(slices, folder);
  const there = others.length === 0 ? '' : ` among ${others.length} files (${countKinds(others)})`;
  throw new DataError(
    `${folder}: holds no image slices of DICOM${there}`,
    'give the folder of one series, or volumes as .nii or .nii.gz',
  );
}

/** A slice of 16,000 x 16,000 pixels of 16 bits, and room for its head. */
const MOST_SLICE_BYTES = 2 ** 29 + 2 ** 24;

/** The bytes of a file; undefined for what is none or cannot be read. @throws DataError for a file larger than any slice. */
async function readSlice(file: string): Promise<Buffer | undefined> {
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) return undefined;
  if (found.size > MOST_SLICE_BYTES)
    throw new DataError(
      `${file}: expected a slice of at most ${MOST_SLICE_BYTES} bytes, got ${found.size}`,
      'remove it',
    );
  return readFile(file).catch(() => undefined);
}

/** Slices as one volume; `folder` is for messages. */
export function stackSlices(slices: readonly DicomSlice[], folder: string): Volume {
  const [first] = slices;
  for (const slice of slices) requireLike(slice, first, folder);
  const normal = cross(first.rowDirection, first.columnDirection);
  const heightOf = ({ position }: DicomSlice): number => dot(position, normal);
  const sorted = [...slices].sort((a, b) => heightOf(a) - heightOf(b));
  const step = stepOf(sorted, normal, heightOf);
  const { rows, columns } = first;
  const data = new Float32Array(sorted.length * rows * columns);
  sorted.forEach(({ pixels }, z) => {
    data.set(pixels, z * rows * columns);
  });
  return { channels: 1, shape: [sorted.length, rows, columns], data, affine: affineOf(sorted[0], step) };
}

function requireLike(slice: DicomSlice, first: DicomSlice, folder: string): void {
  if (slice.series !== first.series) {
    throw new DataError(
      `${folder}: holds several series (${first.file} and ${slice.file})`,
      'put each series into its own folder',
    );
  }
  const grid = ({ rows, columns, spacing, rowDirection, columnDirection }: DicomSlice) => [
    rows,
    columns,
    ...spacing,
    ...rowDirection,
    ...columnDirection,
  ];
  const other = grid(first);
  if (grid(slice).some((value, i) => Math.abs(value - other[i]) > 1e-3)) {
    throw new DataError(
      `${slice.file}: its size, spacing or orientation is not that of ${first.file}`,
      'take it out of the series',
    );
  }
}

/** From a slice to the next, in millimetres (a tilted gantry shears it against the normal). */
function stepOf(
  sorted: readonly DicomSlice[],
  normal: readonly number[],
  heightOf: (slice: DicomSlice) => number,
): number[] {
  if (sorted.length === 1) return normal.map((part) => part * (sorted[0].thickness || 1));
  const gaps = sorted.slice(1).map((slice, i) => heightOf(slice) - heightOf(sorted[i]));
  const usual = [...gaps].sort((a, b) => a - b)[gaps.length >> 1];
  for (const [i, gap] of gaps.entries()) {
    const [before, after] = [sorted[i].file, sorted[i + 1].file];
    if (gap <= 1e-4)
      throw new DataError(`${before} and ${after} lie at one place`, 'a slice is there twice: take one out');
    if (Math.abs(gap - usual) <= Math.max(UNEVEN * usual, 1e-3)) continue;
    throw new DataError(
      `${after}: ${gap.toFixed(3)} mm after ${before}, where ${usual.toFixed(3)} mm are usual`,
      gap > usual ? 'a slice is missing between them' : 'they are slices of two series, or one is there twice',
    );
  }
  const last = sorted[sorted.length - 1];
  return last.position.map((part, axis) => (part - sorted[0].position[axis]) / (sorted.length - 1));
}

/** DICOM counts to the left and to the back, the affine to the right and to the front. */
function affineOf({ position, rowDirection, columnDirection, spacing }: DicomSlice, step: readonly number[]): Affine {
  const row = (axis: number): Affine[number] => {
    const sign = axis < 2 ? -1 : 1;
    return [
      sign * rowDirection[axis] * spacing[1],
      sign * columnDirection[axis] * spacing[0],
      sign * step[axis],
      sign * position[axis],
    ];
  };
  return [row(0), row(1), row(2), [0, 0, 0, 1]];
}

const dot = (a: readonly number[], b: readonly number[]): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

const cross = (a: readonly number[], b: readonly number[]): number[] => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];
