/**
 * @file How far two segmentations of one class are apart at their surfaces: the 95th percentile Hausdorff distance and the normalised surface
 * Dice, in millimetres. Definitions follow Metrics Reloaded (Maier-Hein et al. 2024); surfaces are sets of voxels.
 */
import { ShapeError } from '../base/errors.ts';
import { distanceTransform } from './distance.ts';

/** The grid on which segmentations are compared. */
export interface Grid {
  /** Lengths of the axes, slowest first: `[depth, height, width]` or `[height, width]`. */
  readonly shape: readonly number[];
  /** Millimetres from voxel to voxel along each axis. */
  readonly spacingMm: readonly number[];
}

/** Scores of one class in one case. */
export interface SurfaceScores {
  /**
   * The larger of two numbers: the 95th percentile (linear between ranks) of the distances from the voxels of each surface to the other
   * surface. NaN when the class is in neither; the diagonal of the grid, longer than any distance in it, when it is in one only.
   */
  readonly hausdorff95Mm: number;
  /** Share of the voxels of both surfaces that lie within the tolerance of the other one, in [0, 1]. NaN when the class is in neither; 0 in one only. */
  readonly surfaceDice: number;
}

/**
 * Compares two masks (not 0 is inside).
 * @throws ShapeError when a mask has not as many voxels as the grid.
 */
export function surfaceScores(a: Uint8Array, b: Uint8Array, grid: Grid, toleranceMm: number): SurfaceScores {
  const voxels = grid.shape.reduce((product, length) => product * length, 1);
  if (a.length !== voxels || b.length !== voxels)
    throw new ShapeError(`expected masks of ${voxels} voxels, got ${a.length} and ${b.length}`);
  const box = boundingBox(a, b, grid.shape);
  if (!box) return { hausdorff95Mm: Number.NaN, surfaceDice: Number.NaN };
  // Nothing outside the box of both can be near to a surface: distances are taken inside it.
  const shape = box.map(([first, last]) => last - first + 1);
  const surfaces = [a, b].map((mask) => surfaceOf(cut(mask, grid.shape, box), shape));
  if (surfaces.some((surface) => !surface.includes(1))) {
    const diagonal = Math.hypot(...grid.shape.map((length, axis) => length * grid.spacingMm[axis]));
    return { hausdorff95Mm: diagonal, surfaceDice: 0 };
  }
  const distances = surfaces.map((surface, i) => {
    const toOther = distanceTransform(surfaces[1 - i], shape, grid.spacingMm);
    return toOther.filter((_, voxel) => surface[voxel] === 1).sort();
  });
  const near = distances.map((sorted) => sorted.filter((distance) => distance <= toleranceMm).length);
  return {
    hausdorff95Mm: Math.max(...distances.map((sorted) => percentile(sorted, 0.95))),
    surfaceDice: (near[0] + near[1]) / (distances[0].length + distances[1].length),
  };
}

/** The voxels (1) of a mask with a face on its outside; beyond the grid is outside. */
export function surfaceOf(mask: Uint8Array, shape: readonly number[]): Uint8Array {
  const surface = new Uint8Array(mask.length);
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, length) => product * length, 1));
  for (let voxel = 0; voxel < mask.length; voxel++) {
    if (mask[voxel] === 0) continue;
    for (let axis = 0; axis < shape.length; axis++) {
      const place = Math.floor(voxel / strides[axis]) % shape[axis];
      const inner = place > 0 && place < shape[axis] - 1;
      if (inner && mask[voxel - strides[axis]] !== 0 && mask[voxel + strides[axis]] !== 0) continue;
      surface[voxel] = 1;
      break;
    }
  }
  return surface;
}

/** The value below which `share` of the sorted values lie, linear between the two nearest. */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  const place = (sorted.length - 1) * share;
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - below);
}

type Box = (readonly [first: number, last: number])[];

/** First and last place along each axis where either mask is; undefined when both are empty. */
function boundingBox(a: Uint8Array, b: Uint8Array, shape: readonly number[]): Box | undefined {
  const first = shape.map(() => Number.POSITIVE_INFINITY);
  const last = shape.map(() => -1);
  for (let voxel = 0; voxel < a.length; voxel++) {
    if (a[voxel] === 0 && b[voxel] === 0) continue;
    for (let axis = shape.length - 1, rest = voxel; axis >= 0; axis--) {
      const place = rest % shape[axis];
      rest = (rest - place) / shape[axis];
      if (place < first[axis]) first[axis] = place;
      if (place > last[axis]) last[axis] = place;
    }
  }
  return last[0] < 0 ? undefined : first.map((low, axis) => [low, last[axis]] as const);
}

/** The part of a mask inside a box, as 0 and 1. */
function cut(mask: Uint8Array, shape: readonly number[], box: Box): Uint8Array {
  let offsets = [0];
  shape.forEach((length, axis) => {
    const [first, last] = box[axis];
    const places = Array.from({ length: last - first + 1 }, (_, i) => first + i);
    offsets = offsets.flatMap((offset) => places.map((place) => offset * length + place));
  });
  return Uint8Array.from(offsets, (offset) => (mask[offset] !== 0 ? 1 : 0));
}
