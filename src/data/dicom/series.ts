/**
 * @file A folder of DICOM slices as a volume: slices in the order in which they lie along their normal, whatever the files are called.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError } from '../../base/errors.ts';
import type { Affine, Volume } from '../volume.ts';
import { type DicomSlice, isDicom, parseDicomSlice } from './slice.ts';

/** Distances between neighbouring slices may differ by this share. */
const UNEVEN = 0.02;

/** Reads the only series of a folder, one channel. Throws a `DataError` that names the folder or file and what is wrong. */
export async function readDicomSeries(folder: string): Promise<Volume> {
  const slices: DicomSlice[] = [];
  for (const name of (await readdir(folder)).sort()) {
    if (name.startsWith('.') || name === 'DICOMDIR') continue;
    const file = join(folder, name);
    const bytes = await readFile(file).catch(() => undefined);
    if (bytes !== undefined && isDicom(bytes)) slices.push(parseDicomSlice(bytes, file));
  }
  if (slices.length === 0) throw new DataError(`${folder}: holds no DICOM files`, 'give the folder of one series');
  return stackSlices(slices, folder);
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
  const last = sorted[sorted.length - 1];
  const step = last.position.map((part, axis) => (part - sorted[0].position[axis]) / (sorted.length - 1));
  const even = dot(step, normal);
  for (let i = 1; i < sorted.length; i++) {
    const gap = heightOf(sorted[i]) - heightOf(sorted[i - 1]);
    if (Math.abs(gap - even) <= Math.max(UNEVEN * even, 1e-3) && gap > 1e-4) continue;
    throw new DataError(
      `${sorted[i].file}: ${gap.toFixed(3)} mm after ${sorted[i - 1].file}, where ${even.toFixed(3)} mm are usual`,
      'a slice is missing or there twice',
    );
  }
  return step;
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
