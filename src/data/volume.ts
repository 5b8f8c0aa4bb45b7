/**
 * @file What a volume is in memory: samples, and where they lie in the world. Plain data; knows no file format.
 */

/** Rows of a 4x4 matrix from voxel (x, y, z, 1) to millimetres in RAS+ (x to the right, y to the front, z up). */
export type Affine = readonly (readonly [number, number, number, number])[];

/** Lengths of the spatial axes, slowest first. */
export type VolumeShape = readonly [depth: number, height: number, width: number];

/** A volume with real values. */
export interface Volume {
  readonly channels: number;
  /** `[depth, height, width]`: z, y, x of the file, x fastest. */
  readonly shape: VolumeShape;
  /** `[channels, depth, height, width]`. */
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
