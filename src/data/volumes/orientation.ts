/**
 * @file Which way the axes of a volume point, and turning volumes so that they point to the right, the front and up (RAS+): a permutation
 * and flips, exact and reversible. Directions that lie between are taken to the nearest.
 */
import type { Affine, VolumeShape } from '../volume.ts';

/** Where each axis of the world lies among the axes of a file. Indices count x, y, z. */
export interface Orientation {
  /** For each axis of the file (x, y, z) where it points: `R L A P S I`; `LPS` is the usual order of DICOM. */
  readonly code: string;
  /** `axes[w]` is the axis of the file that runs along axis w of the world. */
  readonly axes: readonly [number, number, number];
  /** `flips[w]` is true where it runs against it. */
  readonly flips: readonly [boolean, boolean, boolean];
}

const ORDERS = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
] as const;

const POSITIVE = 'RAS';
const NEGATIVE = 'LPI';

/** The orientation of an affine: the assignment of axes with the largest sum of direction cosines. */
export function orientationOf(affine: Affine): Orientation {
  const cosine = (world: number, axis: number): number =>
    affine[world][axis] / Math.hypot(affine[0][axis], affine[1][axis], affine[2][axis]);
  const agreement = (order: readonly number[]): number =>
    order.reduce((sum, axis, world) => sum + Math.abs(cosine(world, axis)), 0);
  const axes = ORDERS.reduce((best, order) => (agreement(order) > agreement(best) ? order : best), ORDERS[0]);
  const flips = [0, 1, 2].map((world) => cosine(world, axes[world]) < 0) as [boolean, boolean, boolean];
  const letter = (axis: number): string => {
    const world = axes.indexOf(axis as 0 | 1 | 2);
    return (flips[world] ? NEGATIVE : POSITIVE)[world];
  };
  return { code: [0, 1, 2].map(letter).join(''), axes, flips };
}

/** Shape after turning. */
export function turnedShape(shape: VolumeShape, { axes }: Orientation): VolumeShape {
  const side = (world: number): number => shape[2 - axes[world]];
  return [side(2), side(1), side(0)];
}

/** The affine of the turned volume: the same voxels at the same places. */
export function turnedAffine(affine: Affine, shape: VolumeShape, { axes, flips }: Orientation): Affine {
  return affine.map((row, i): Affine[number] => {
    if (i === 3) return row;
    const column = (world: number): number => (flips[world] ? -row[axes[world]] : row[axes[world]]);
    const start = [0, 1, 2].reduce(
      (sum, world) => (flips[world] ? sum + row[axes[world]] * (shape[2 - axes[world]] - 1) : sum),
      row[3],
    );
    return [column(0), column(1), column(2), start];
  });
}

/** Turns one channel `[depth, height, width]` to RAS+. */
export function turn<Data extends Float32Array | Uint8Array>(
  data: Data,
  shape: VolumeShape,
  orientation: Orientation,
): Data {
  return gather(data, shape, orientation, 'toWorld');
}

/** Turns one channel of a RAS+ volume back to the axes of its file; `shape` is that of the file. */
export function turnBack<Data extends Float32Array | Uint8Array>(
  data: Data,
  shape: VolumeShape,
  orientation: Orientation,
): Data {
  return gather(data, shape, orientation, 'toFile');
}

/** Walks the turned volume in order and the file by steps; copies one way or the other. */
function gather<Data extends Float32Array | Uint8Array>(
  data: Data,
  shape: VolumeShape,
  orientation: Orientation,
  direction: 'toWorld' | 'toFile',
): Data {
  const { axes, flips } = orientation;
  const strides = [1, shape[2], shape[2] * shape[1]];
  const [depth, height, width] = turnedShape(shape, orientation);
  const step = (world: number): number => (flips[world] ? -strides[axes[world]] : strides[axes[world]]);
  const first = (world: number): number => (flips[world] ? strides[axes[world]] * (shape[2 - axes[world]] - 1) : 0);
  const [stepX, stepY, stepZ] = [step(0), step(1), step(2)];
  const result = data.slice() as Data;
  const start = first(0) + first(1) + first(2);
  for (let z = 0, to = 0; z < depth; z++) {
    for (let y = 0; y < height; y++) {
      let from = start + z * stepZ + y * stepY;
      for (let x = 0; x < width; x++, to++, from += stepX) {
        if (direction === 'toWorld') result[to] = data[from];
        else result[from] = data[to];
      }
    }
  }
  return result;
}
