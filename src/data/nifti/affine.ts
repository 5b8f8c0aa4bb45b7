/**
 * @file From the header of a NIfTI file to the affine of its voxels: sform, else qform, else the voxel sizes alone, in the order in which
 * nibabel takes them.
 */
import type { Affine } from '../volume.ts';
import type { NiftiHeader } from './header.ts';

/**
 * The affine from voxel (x, y, z) to RAS+ in the unit of the file. Without a form the voxel sizes count from the middle, x to the left, as the
 * older format ANALYZE had it.
 */
export function niftiAffine(header: NiftiHeader): Affine {
  if (header.sformCode > 0) return withRows(header.srow);
  if (header.qformCode > 0) return quaternionAffine(header);
  const zooms = [1, 2, 3].map((axis) => header.pixdim[axis] || 1);
  const size = (axis: number) => header.shape[axis] ?? 1;
  const [x, y, z] = zooms.map((zoom, axis) => (zoom * (size(axis) - 1)) / 2);
  return withRows([-zooms[0], 0, 0, x, 0, zooms[1], 0, -y, 0, 0, zooms[2], -z]);
}

/** Three steps of a 32-bit number at 1. */
const ROUNDING = 3 * 2 ** -23;

/** The rotation of a unit quaternion (its first part follows from the others), voxel sizes and an offset. */
function quaternionAffine({ quaternion, qoffset, pixdim }: NiftiHeader): Affine {
  let [b, c, d] = quaternion;
  const square = b * b + c * c + d * d;
  let a = Math.sqrt(Math.max(0, 1 - square));
  // Half a turn: what is left of 1 is rounding.
  if (1 - square < ROUNDING) [a, b, c, d] = [0, b / Math.sqrt(square), c / Math.sqrt(square), d / Math.sqrt(square)];
  const [x, y, z] = [pixdim[1], pixdim[2], pixdim[0] < 0 ? -pixdim[3] : pixdim[3]];
  const [ox, oy, oz] = qoffset;
  return withRows([
    (a * a + b * b - c * c - d * d) * x,
    2 * (b * c - a * d) * y,
    2 * (b * d + a * c) * z,
    ox,
    2 * (b * c + a * d) * x,
    (a * a + c * c - b * b - d * d) * y,
    2 * (c * d - a * b) * z,
    oy,
    2 * (b * d - a * c) * x,
    2 * (c * d + a * b) * y,
    (a * a + d * d - b * b - c * c) * z,
    oz,
  ]);
}

/** Three rows of four numbers, and the last row of every affine. */
function withRows(rows: readonly number[]): Affine {
  const row = (i: number): Affine[number] => [rows[4 * i], rows[4 * i + 1], rows[4 * i + 2], rows[4 * i + 3]];
  return [row(0), row(1), row(2), [0, 0, 0, 1]];
}
