/**
 * @file Resampling of whole volumes to another number of voxels over the same extent. Linear; where voxels become fewer, each new one is
 * a weighted mean of all that it covers, so that nothing is skipped. Axis after axis, in plain TypeScript, so that it runs in workers.
 */
import type { VolumeShape } from '../volume.ts';

/** For each new voxel along an axis, the old ones it reads and their weights, which sum to 1. */
interface AxisWeights {
  readonly first: Int32Array;
  /** `[to, taps]`. */
  readonly weights: Float32Array;
  readonly taps: number;
}

/** Whether two shapes are equal. */
export const sameShape = (a: VolumeShape, b: VolumeShape): boolean => a.every((side, axis) => side === b[axis]);

/** One channel `[depth, height, width]` resampled to the shape `to`; the data themselves when the shapes are equal. */
export function resample(data: Float32Array, from: VolumeShape, to: VolumeShape): Float32Array {
  let result = data;
  let shape = from;
  for (const axis of [0, 1, 2]) {
    if (shape[axis] === to[axis]) continue;
    const next = shape.map((side, i) => (i === axis ? to[i] : side)) as unknown as VolumeShape;
    result = resampleAxis(result, shape, next, axis);
    shape = next;
  }
  return result;
}

/**
 * Class ids `[depth, height, width]` resampled to the shape `to`: every class linearly by itself, then the strongest wins, the smallest
 * id of equals.
 */
export function resampleLabels(ids: Uint8Array, from: VolumeShape, to: VolumeShape): Uint8Array {
  if (sameShape(from, to)) return ids;
  const present = new Uint8Array(256);
  for (const id of ids) present[id] = 1;
  const length = to[0] * to[1] * to[2];
  const result = new Uint8Array(length);
  const strongest = new Float32Array(length);
  const mask = new Float32Array(ids.length);
  for (let id = 0; id < 256; id++) {
    if (present[id] === 0) continue;
    for (let i = 0; i < ids.length; i++) mask[i] = ids[i] === id ? 1 : 0;
    const share = resample(mask, from, to);
    for (let i = 0; i < length; i++) {
      if (share[i] <= strongest[i]) continue;
      strongest[i] = share[i];
      result[i] = id;
    }
  }
  return result;
}

/** A linear filter of the width of the coarser grid, centres aligned, cut off at the edges. */
function axisWeights(from: number, to: number): AxisWeights {
  const ratio = from / to;
  const reach = Math.max(1, ratio);
  const taps = Math.min(from, 2 * Math.ceil(reach) + 1);
  const first = new Int32Array(to);
  const weights = new Float32Array(to * taps);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * ratio - 0.5;
    const begin = Math.min(from - taps, Math.max(0, Math.floor(centre - reach) + 1));
    first[i] = begin;
    let sum = 0;
    for (let k = 0; k < taps; k++) sum += weights[i * taps + k] = Math.max(0, 1 - Math.abs(begin + k - centre) / reach);
    for (let k = 0; k < taps; k++) weights[i * taps + k] /= sum;
  }
  return { first, weights, taps };
}

function resampleAxis(data: Float32Array, from: VolumeShape, to: VolumeShape, axis: number): Float32Array {
  const { first, weights, taps } = axisWeights(from[axis], to[axis]);
  const inner = from.slice(axis + 1).reduce((product, side) => product * side, 1);
  const outer = from.slice(0, axis).reduce((product, side) => product * side, 1);
  const result = new Float32Array(outer * to[axis] * inner);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < to[axis]; i++) {
      const target = (o * to[axis] + i) * inner;
      for (let k = 0; k < taps; k++) {
        const weight = weights[i * taps + k];
        if (weight === 0) continue;
        const source = (o * from[axis] + first[i] + k) * inner;
        for (let j = 0; j < inner; j++) result[target + j] += weight * data[source + j];
      }
    }
  }
  return result;
}
