/**
 * @file Which slices of a volume in RAS+ people look at, and which way round: the patient's right is to the left, the front or the head is up, as
 * radiologists look. Pure: pictures of runs and the page of the dashboard share it.
 */
import { IGNORE, type SegmentationClass } from './types.ts';

/** A volume in RAS+ with the truth and what a network said. */
export interface PredictedVolume {
  /** `[depth, height, width]`. */
  readonly shape: readonly number[];
  /** Millimetres from voxel to voxel along each axis. */
  readonly spacingMm: readonly number[];
  readonly channels: number;
  /** `[depth, height, width, channels]`; the first channel is shown. */
  readonly image: Float32Array;
  /** Class ids and `IGNORE`, `[depth, height, width]`. */
  readonly label: Uint8Array;
  readonly prediction: Uint8Array;
  readonly classes: readonly SegmentationClass[];
}

/** A stack of slices: axes of `[depth, height, width]`, and where its sides lie in the patient. */
export interface Plane {
  readonly name: 'axial' | 'coronal' | 'sagittal';
  /** The axis that leads from slice to slice. */
  readonly through: 0 | 1 | 2;
  /** The axes that run down and to the right of a slice; both against their direction. */
  readonly down: 0 | 1 | 2;
  readonly right: 0 | 1 | 2;
  /** Letters at the left, right, upper and lower side: `R L A P S I`. */
  readonly sides: readonly [left: string, right: string, up: string, down: string];
}

/** The three planes in the order in which they are shown. */
export const PLANES = [
  { name: 'axial', through: 0, down: 1, right: 2, sides: ['R', 'L', 'A', 'P'] },
  { name: 'coronal', through: 1, down: 0, right: 2, sides: ['R', 'L', 'S', 'I'] },
  { name: 'sagittal', through: 2, down: 0, right: 1, sides: ['A', 'P', 'S', 'I'] },
] as const satisfies readonly Plane[];

/**
 * The voxel that a share of the way along a side of a slice shows, and back: the first of a row or column is the last of its axis.
 * @param share in [0, 1]: 0 is the left or upper end.
 */
export const placeAlong = (share: number, side: number): number =>
  side - 1 - Math.max(0, Math.min(side - 1, Math.floor(share * side)));

/** Where the middle of a voxel lies along a side of a slice, in [0, 1]: what `placeAlong` takes back. */
export const shareOf = (place: number, side: number): number => (side - place - 0.5) / side;

/** Whether a class id is that of something to be found. */
export const isForeground = (id: number): boolean => id !== 0 && id !== IGNORE;

/** The middle of what was labelled, else of what was predicted, else of the volume: where to cut at first. */
export function middleOf(
  volume: Pick<PredictedVolume, 'shape' | 'label' | 'prediction'>,
): [depth: number, height: number, width: number] {
  const { shape, label, prediction } = volume;
  const ids = label.some(isForeground) ? label : prediction;
  const sums = [0, 0, 0];
  let count = 0;
  for (let z = 0, voxel = 0; z < shape[0]; z++)
    for (let y = 0; y < shape[1]; y++)
      for (let x = 0; x < shape[2]; x++, voxel++) {
        if (!isForeground(ids[voxel])) continue;
        sums[0] += z;
        sums[1] += y;
        sums[2] += x;
        count++;
      }
  const middle = (axis: number) => (count === 0 ? Math.floor(shape[axis] / 2) : Math.round(sums[axis] / count));
  return [middle(0), middle(1), middle(2)];
}
