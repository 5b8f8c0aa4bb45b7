/**
 * @file What a volume is in memory: samples, and where they lie in the world. Plain data; knows no file format.
 */
import { DataError } from '../base/errors.ts';

/** Rows of a 4x4 matrix from voxel (x, y, z, 1) to millimetres in RAS+ (x to the right, y to the front, z up). */
export type Affine = readonly (readonly [number, number, number, number])[];

/** Lengths of the spatial axes, slowest first. */
export type VolumeShape = readonly [depth: number, height: number, width: number];

/** A volume with real values. */
export interface Volume {
  readonly channels: number;
  /** `[depth, height, width]`: z, y, x of the file, x fastest. */
  readonly shape: VolumeShape;
  /** `[channels, depth, height, width]`; NaN where nothing was measured. */
  readonly data: Float32Array;
  readonly affine: Affine;
}

/** Class ids on the grid of a volume. */
export interface LabelVolume {
  readonly shape: VolumeShape;
  /** `[depth, height, width]`: class ids, and 255 to ignore. */
  readonly data: Uint8Array;
  readonly affine: Affine;
}

/** Millimetres from voxel to voxel along `[depth, height, width]`: the lengths of the affine's columns z, y, x. */
export function spacingOf(affine: Affine): [number, number, number] {
  const column = (axis: number) => Math.hypot(affine[0][axis], affine[1][axis], affine[2][axis]);
  return [column(2), column(1), column(0)];
}

/** Throws a `DataError` that names `file` when voxels have no extent: a spacing of zero, or axes in one plane. */
export function requireGrid(affine: Affine, file: string): void {
  const spacing = spacingOf(affine);
  const flat = ['z', 'y', 'x'].filter((_, axis) => !(spacing[axis] > 0 && Number.isFinite(spacing[axis])));
  if (flat.length > 0) {
    throw new DataError(
      `${file}: the spacing along ${flat.join(' and ')} is ${flat.map((axis) => spacing['zyx'.indexOf(axis)]).join(' and ')}`,
      'write the millimetres from voxel to voxel into its header',
    );
  }
  const [a, b, c] = affine;
  const volume =
    a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0]) + a[2] * (b[0] * c[1] - b[1] * c[0]);
  if (!(Math.abs(volume) > 1e-6 * spacing[0] * spacing[1] * spacing[2])) {
    throw new DataError(`${file}: the axes of its voxels lie in one plane`, 'write its sform or qform again');
  }
}

/** Whether two grids are one: equal shapes, and corners less than `toleranceMm` apart. */
export function sameGrid(
  a: { shape: VolumeShape; affine: Affine },
  b: { shape: VolumeShape; affine: Affine },
  toleranceMm: number,
): boolean {
  if (a.shape.some((side, axis) => side !== b.shape[axis])) return false;
  const far = [a.shape[2] - 1, a.shape[1] - 1, a.shape[0] - 1];
  for (let corner = 0; corner < 8; corner++) {
    const [x, y, z] = far.map((side, axis) => ((corner >> axis) & 1) * side);
    for (let row = 0; row < 3; row++) {
      const [p, q] = [a.affine[row], b.affine[row]];
      if (!(Math.abs((p[0] - q[0]) * x + (p[1] - q[1]) * y + (p[2] - q[2]) * z + p[3] - q[3]) <= toleranceMm))
        return false;
    }
  }
  return true;
}
