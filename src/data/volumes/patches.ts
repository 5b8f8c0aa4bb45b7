/**
 * @file Which patches of a volume are trained on: a share of them is centred on a voxel of the foreground, all classes of a volume alike
 * often, so that small structures are seen; the others lie anywhere.
 */
import { ConfigError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { IGNORE } from '../types.ts';
import type { VolumeShape } from '../volume.ts';
import {
  checkVolumeAugmentation,
  drawChange,
  type PatchTransformation,
  STANDARD_VOLUME_AUGMENTATION,
  type VolumeAugmentation,
} from './augment.ts';
import type { PreparedVolume } from './prepare.ts';

/** How patches are drawn. */
export interface PatchSettings {
  augmentation: VolumeAugmentation;
  /** Share of the patches centred on a voxel of a class other than the background (class 0). */
  foregroundShare: number;
}

/** Two patches of three on the foreground, and the augmentation of DiNTS. */
export const STANDARD_PATCHES: PatchSettings = { augmentation: STANDARD_VOLUME_AUGMENTATION, foregroundShare: 2 / 3 };

/** A prepared volume and where its classes are. */
export interface PatchSource {
  readonly volume: PreparedVolume;
  /** For each foreground class that occurs, places in the volume: all, or evenly spread ones. */
  readonly places: readonly Uint32Array[];
}

/** At most so many places of a class are remembered. */
const MOST_PLACES = 10_000;

/** Throws a `ConfigError` when a field is out of range. */
export function checkPatchSettings({ augmentation, foregroundShare }: PatchSettings): void {
  checkVolumeAugmentation(augmentation);
  if (!(foregroundShare >= 0 && foregroundShare <= 1)) {
    throw new ConfigError(`foreground share ${foregroundShare}`, 'a share is from 0 to 1');
  }
}

/** Finds the places of the classes of a volume. */
export function createPatchSource(volume: PreparedVolume): PatchSource {
  const { label } = volume;
  if (label === undefined) return { volume, places: [] };
  const counts = new Float64Array(256);
  for (const id of label) counts[id]++;
  const steps = counts.map((count) => Math.max(1, count / MOST_PLACES));
  const places = Array.from(counts, (count, id) =>
    id === 0 || id === IGNORE ? new Uint32Array() : new Uint32Array(Math.floor(count / steps[id])),
  );
  const seen = new Float64Array(256);
  const taken = new Uint32Array(256);
  for (let i = 0; i < label.length; i++) {
    const id = label[i];
    if (id === 0 || taken[id] >= places[id].length) continue;
    if (seen[id]++ >= taken[id] * steps[id]) places[id][taken[id]++] = i;
  }
  return { volume, places: places.filter((list) => list.length > 0) };
}

/** Bytes that a source holds. */
export function patchSourceBytes({ volume, places }: PatchSource): number {
  return places.reduce((sum, list) => sum + list.byteLength, volume.image.byteLength + (volume.label?.byteLength ?? 0));
}

/** Draws a patch of `size`: it lies inside the volume, or along an axis where the volume is smaller holds all of it. */
export function drawPatch(
  { volume, places }: PatchSource,
  size: VolumeShape,
  settings: PatchSettings,
  random: Random,
): PatchTransformation {
  const { shape } = volume.grid;
  const onForeground = random.uniform() < settings.foregroundShare;
  const start: [number, number, number] = [0, 0, 0];
  if (onForeground && places.length > 0) {
    const list = places[random.integer(places.length)];
    const place = list[random.integer(list.length)];
    const centre = [
      Math.floor(place / (shape[1] * shape[2])),
      Math.floor(place / shape[2]) % shape[1],
      place % shape[2],
    ];
    for (let axis = 0; axis < 3; axis++) {
      const room = shape[axis] - size[axis];
      const wanted = centre[axis] - Math.floor(size[axis] / 2);
      start[axis] = Math.min(Math.max(0, room), Math.max(Math.min(0, room), wanted));
    }
  } else {
    for (let axis = 0; axis < 3; axis++) {
      const room = shape[axis] - size[axis];
      start[axis] = Math.min(0, room) + random.integer(Math.abs(room) + 1);
    }
  }
  return { start, ...drawChange(settings.augmentation, random) };
}
