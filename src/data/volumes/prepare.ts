/**
 * @file A volume made ready for a network, and a class map taken back to the grid of the volume: turned to RAS+, cropped to its
 * foreground, normalised, resampled. Every step is remembered in the grid, so that `restoreToInput` can undo it.
 */
import { DataError, ShapeError } from '../../base/errors.ts';
import { type Affine, type LabelVolume, spacingOf, type Volume, type VolumeShape } from '../volume.ts';
import { fillMissing, floorOf, normaliseChannel } from './normalise.ts';
import { type Orientation, orientationOf, turn, turnBack, turnedAffine, turnedShape } from './orientation.ts';
import type { Preparation } from './preparation.ts';
import { resample, resampleLabels } from './resample.ts';

/** Where prepared voxels lie, and what led there. Plain data. */
export interface PreparedGrid {
  /** `[depth, height, width]` of the prepared volume, in RAS+. */
  readonly shape: VolumeShape;
  readonly affine: Affine;
  /** Millimetres from voxel to voxel along `[depth, height, width]`: what was asked for, up to whole voxels. */
  readonly spacingMm: readonly [number, number, number];
  /** The grid of the file. */
  readonly input: { readonly shape: VolumeShape; readonly affine: Affine };
  readonly orientation: Orientation;
  /** Part of the turned volume that was kept, in its voxels. */
  readonly box: { readonly start: VolumeShape; readonly shape: VolumeShape };
}

/** A volume ready for a network. */
export interface PreparedVolume {
  readonly grid: PreparedGrid;
  readonly channels: number;
  /** `[depth, height, width, channels]`, normalised. */
  readonly image: Float32Array;
  /** `[depth, height, width]` class ids and 255; absent without labels. */
  readonly label?: Uint8Array;
}

/** A volume is resampled to at most so many voxels: 645 a side, 1 GiB a channel. */
export const MAX_VOXELS = 2 ** 28;

/**
 * Prepares a volume and its labels, which lie on one grid. `name` is that of the volume, for errors.
 * @throws DataError where resampling would make it larger than itself and than {@link MAX_VOXELS}: the spacing is a number from its header.
 */
export function prepareVolume(
  image: Volume,
  label: LabelVolume | undefined,
  preparation: Preparation,
  name = 'a volume',
): PreparedVolume {
  const { channels, shape: inputShape, affine: inputAffine } = image;
  if (preparation.normalisation.length !== channels) {
    throw new ShapeError(`${channels} channels and ${preparation.normalisation.length} normalisations`);
  }
  const orientation = orientationOf(inputAffine);
  const whole = turnedShape(inputShape, orientation);
  const voxels = whole[0] * whole[1] * whole[2];
  const turned = Array.from({ length: channels }, (_, c) =>
    turn(image.data.subarray(c * voxels, (c + 1) * voxels), inputShape, orientation),
  );
  turned.forEach((channel, c) => {
    fillMissing(channel, preparation.normalisation[c]);
  });
  const box = preparation.cropForeground
    ? foregroundBox(turned, whole, preparation)
    : { start: [0, 0, 0] as const, shape: whole };
  const affine = turnedAffine(inputAffine, inputShape, orientation);
  const shape = resampledShape(box.shape, spacingOf(affine), preparation.spacingMm);
  if (product(shape) > Math.max(MAX_VOXELS, product(box.shape)))
    throw new DataError(
      `${name}: would have ${shape.join(' x ')} voxels at a spacing of ${preparation.spacingMm?.join(' x ')} mm, got ${box.shape.join(' x ')} at ${spacingOf(
        affine,
      )
        .map((side) => Number(side.toPrecision(4)))
        .join(' x ')} mm`,
      `at most ${MAX_VOXELS} are resampled: correct the spacing in its header, or set a larger preparation.spacingMm`,
    );
  const grid: PreparedGrid = {
    shape,
    ...resampledAffine(affine, box, shape),
    input: { shape: inputShape, affine: inputAffine },
    orientation,
    box,
  };
  const ready = turned.map((channel, c) => {
    const cut = crop(channel, whole, box);
    normaliseChannel(cut, preparation.normalisation[c]);
    return resample(cut, box.shape, shape);
  });
  return {
    grid,
    channels,
    image: interleave(ready),
    ...(label === undefined
      ? {}
      : { label: resampleLabels(crop(turn(label.data, inputShape, orientation), whole, box), box.shape, shape) }),
  };
}

/**
 * Class ids on the prepared grid as class ids on the grid of the file, `[depth, height, width]` in the order of the file. Outside the
 * foreground box everything is background (class 0).
 */
export function restoreToInput(ids: Uint8Array, grid: PreparedGrid): Uint8Array {
  const { shape, box } = grid;
  if (ids.length !== shape[0] * shape[1] * shape[2]) {
    throw new ShapeError(`${ids.length} class ids do not fill ${shape.join('x')} voxels`);
  }
  return placeInInput(resampleLabels(ids, shape, box.shape), 0, grid);
}

/**
 * Probabilities `[classes, ...shape]` on the prepared grid as those on the grid of the file, `[classes, depth, height, width]` in the order of the file:
 * every class resampled linearly. Outside the foreground box background (class 0) has 1, or with `nothing`, as of regions, all have 0.
 */
export function restoreProbabilities(
  probabilities: Float32Array,
  grid: PreparedGrid,
  outside: 'background' | 'nothing' = 'background',
): Float32Array {
  const { shape, box, input } = grid;
  const [voxels, wanted] = [product(shape), product(input.shape)];
  const classes = probabilities.length / voxels;
  if (!Number.isInteger(classes))
    throw new ShapeError(`${probabilities.length} probabilities do not fill ${shape.join('x')} voxels`);
  const result = new Float32Array(classes * wanted);
  for (let id = 0; id < classes; id++) {
    const inBox = resample(probabilities.subarray(id * voxels, (id + 1) * voxels), shape, box.shape);
    result.set(placeInInput(inBox, id === 0 && outside === 'background' ? 1 : 0, grid), id * wanted);
  }
  return result;
}

/** What lies in the foreground box as the whole volume, in the order of the file; `outside` elsewhere. */
function placeInInput<Data extends Float32Array | Uint8Array>(
  inBox: Data,
  outside: number,
  { box, input, orientation }: PreparedGrid,
): Data {
  const whole = turnedShape(input.shape, orientation);
  const empty = inBox instanceof Uint8Array ? new Uint8Array(product(whole)) : new Float32Array(product(whole));
  const placed = empty.fill(outside) as Data;
  forEachRow(whole, box, (at, from) => {
    placed.set(inBox.subarray(from, from + box.shape[2]), at);
  });
  return turnBack(placed, input.shape, orientation);
}

/** The smallest box of all voxels that rise above the floor of their channel; the whole volume when none does. */
function foregroundBox(
  channels: readonly Float32Array[],
  [depth, height, width]: VolumeShape,
  { normalisation }: Preparation,
): PreparedGrid['box'] {
  const low = [depth, height, width];
  const high = [-1, -1, -1];
  channels.forEach((data, c) => {
    const floor = floorOf(data, normalisation[c]);
    for (let z = 0, i = 0; z < depth; z++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++, i++) {
          if (!(data[i] > floor)) continue;
          if (z < low[0]) low[0] = z;
          if (z > high[0]) high[0] = z;
          if (y < low[1]) low[1] = y;
          if (y > high[1]) high[1] = y;
          if (x < low[2]) low[2] = x;
          if (x > high[2]) high[2] = x;
        }
      }
    }
  });
  if (high[0] < 0) return { start: [0, 0, 0], shape: [depth, height, width] };
  return {
    start: [low[0], low[1], low[2]],
    shape: [high[0] - low[0] + 1, high[1] - low[1] + 1, high[2] - low[2] + 1],
  };
}

const product = ([depth, height, width]: VolumeShape): number => depth * height * width;

/** Voxels at the wanted spacing over the same extent, at least one. */
export function resampledShape(
  shape: VolumeShape,
  spacing: readonly number[],
  wanted: Preparation['spacingMm'],
): VolumeShape {
  if (wanted === null) return shape;
  const side = (axis: number): number => Math.max(1, Math.round((shape[axis] * spacing[axis]) / wanted[axis]));
  return [side(0), side(1), side(2)];
}

function resampledAffine(
  affine: Affine,
  box: PreparedGrid['box'],
  shape: VolumeShape,
): { affine: Affine; spacingMm: [number, number, number] } {
  // Indexed x, y, z, as affines are.
  const ratio = [2, 1, 0].map((axis) => box.shape[axis] / shape[axis]);
  const start = [2, 1, 0].map((axis, i) => box.start[axis] + (ratio[i] - 1) / 2);
  const made = affine.map((row, i): Affine[number] =>
    i === 3
      ? row
      : [
          row[0] * ratio[0],
          row[1] * ratio[1],
          row[2] * ratio[2],
          row[3] + row[0] * start[0] + row[1] * start[1] + row[2] * start[2],
        ],
  );
  return { affine: made, spacingMm: spacingOf(made) };
}

function crop<Data extends Float32Array | Uint8Array>(data: Data, whole: VolumeShape, box: PreparedGrid['box']): Data {
  const result = data.slice(0, box.shape[0] * box.shape[1] * box.shape[2]) as Data;
  forEachRow(whole, box, (at, to) => {
    result.set(data.subarray(at, at + box.shape[2]), to);
  });
  return result;
}

/** Visits the rows of a box: where each begins in the whole volume, and in the box. */
function forEachRow(
  whole: VolumeShape,
  { start, shape }: PreparedGrid['box'],
  visit: (inWhole: number, inBox: number) => void,
): void {
  for (let z = 0; z < shape[0]; z++) {
    for (let y = 0; y < shape[1]; y++) {
      visit(((start[0] + z) * whole[1] + start[1] + y) * whole[2] + start[2], (z * shape[1] + y) * shape[2]);
    }
  }
}

function interleave(channels: readonly Float32Array[]): Float32Array {
  if (channels.length === 1) return channels[0];
  const result = new Float32Array(channels.length * channels[0].length);
  channels.forEach((channel, c) => {
    for (let i = 0, to = c; i < channel.length; i++, to += channels.length) result[to] = channel[i];
  });
  return result;
}
