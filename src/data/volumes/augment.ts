/**
 * @file Augmentation of patches of volumes: one random transformation, drawn first as plain numbers, then applied in one pass that
 * resamples only the voxels of the patch; intensities change afterwards. @paper dints section 4
 */
import { ConfigError, ShapeError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { IGNORE } from '../types.ts';
import type { VolumeShape } from '../volume.ts';
import type { PreparedVolume } from './prepare.ts';
import { smoothPatch } from './smooth.ts';

/** What may happen to a patch; a probability of 0 switches a change off. */
export interface VolumeAugmentation {
  /** Turns about each axis by an angle from [-radians, radians]. */
  rotation: { probability: number; radians: number };
  /** Enlarges by a factor from [min, max]. */
  zoom: { probability: number; min: number; max: number };
  /** Probability of mirroring, for each axis by itself. */
  flip: number;
  /** Gaussian smoothing of a deviation from [min, max] voxels. */
  smoothing: { probability: number; min: number; max: number };
  /** Gaussian noise of a deviation from [0, deviation]; intensities have a deviation of about 1. */
  noise: { probability: number; deviation: number };
  /** Multiplies intensities by a factor from [1 - strength, 1 + strength]. */
  scale: { probability: number; strength: number };
  /** Adds a number from [-strength, strength]. */
  shift: { probability: number; strength: number };
  /** Raises intensities, as part of the patch's range, to a power from [min, max]. */
  gamma: { probability: number; min: number; max: number };
}

/** The recipe of DiNTS: rotation of 0.3 rad, zoom of 0.8 to 1.2, smoothing, intensities, flips. */
export const STANDARD_VOLUME_AUGMENTATION: VolumeAugmentation = {
  rotation: { probability: 0.3, radians: 0.3 },
  zoom: { probability: 0.3, min: 0.8, max: 1.2 },
  flip: 0.5,
  smoothing: { probability: 0.15, min: 0.5, max: 1 },
  noise: { probability: 0.15, deviation: 0.1 },
  scale: { probability: 0.3, strength: 0.2 },
  shift: { probability: 0.3, strength: 0.2 },
  gamma: { probability: 0.2, min: 0.7, max: 1.5 },
};

/** Patches as they are. */
export const NO_VOLUME_AUGMENTATION: VolumeAugmentation = {
  rotation: { probability: 0, radians: 0 },
  zoom: { probability: 0, min: 1, max: 1 },
  flip: 0,
  smoothing: { probability: 0, min: 1, max: 1 },
  noise: { probability: 0, deviation: 0 },
  scale: { probability: 0, strength: 0 },
  shift: { probability: 0, strength: 0 },
  gamma: { probability: 0, min: 1, max: 1 },
};

/** What a drawn transformation does, but for where the patch lies. */
export interface PatchChange {
  /** Angles about the axes `[depth, height, width]`, in radians. */
  angles: [number, number, number];
  zoom: number;
  flips: [boolean, boolean, boolean];
  /** Deviation of the smoothing in voxels; 0 for none. */
  smoothing: number;
  noise: number;
  scale: number;
  shift: number;
  gamma: number;
}

/** One drawn transformation. */
export interface PatchTransformation extends PatchChange {
  /** First voxel of the patch in the prepared volume; negative where the volume is smaller and gets padding. */
  start: [depth: number, height: number, width: number];
}

/** Throws a `ConfigError` when a field is out of range. */
export function checkVolumeAugmentation(augmentation: VolumeAugmentation): void {
  const { flip, ...changes } = augmentation;
  const probabilities = {
    flip,
    ...Object.fromEntries(Object.entries(changes).map(([name, change]) => [name, change.probability])),
  };
  for (const [name, value] of Object.entries(probabilities)) {
    if (!(value >= 0 && value <= 1))
      throw new ConfigError(`augmentation ${name} ${value}`, 'a probability is from 0 to 1');
  }
  for (const name of ['zoom', 'smoothing', 'gamma'] as const) {
    const { min, max } = augmentation[name];
    if (!(min > 0 && max >= min))
      throw new ConfigError(`augmentation ${name} from ${min} to ${max}`, 'expected 0 < min <= max');
  }
  const strengths = {
    rotation: augmentation.rotation.radians,
    noise: augmentation.noise.deviation,
    scale: augmentation.scale.strength,
    shift: augmentation.shift.strength,
  };
  for (const [name, value] of Object.entries(strengths)) {
    if (!(value >= 0)) throw new ConfigError(`augmentation ${name} ${value}`, 'a strength is from 0');
  }
}

/** Draws everything but the place of the patch. */
export function drawChange(augmentation: VolumeAugmentation, random: Random): PatchChange {
  const { rotation, zoom, flip, smoothing, noise, scale, shift, gamma } = augmentation;
  const happens = (probability: number): boolean => random.uniform() < probability;
  const between = (min: number, max: number): number => min + (max - min) * random.uniform();
  const turned = happens(rotation.probability);
  const angle = (): number => (turned ? between(-rotation.radians, rotation.radians) : 0);
  const axes = <T>(draw: () => T): [T, T, T] => [draw(), draw(), draw()];
  return {
    angles: axes(angle),
    zoom: happens(zoom.probability) ? between(zoom.min, zoom.max) : 1,
    flips: axes(() => happens(flip)),
    smoothing: happens(smoothing.probability) ? between(smoothing.min, smoothing.max) : 0,
    noise: happens(noise.probability) ? between(0, noise.deviation) : 0,
    scale: happens(scale.probability) ? between(1 - scale.strength, 1 + scale.strength) : 1,
    shift: happens(shift.probability) ? between(-shift.strength, shift.strength) : 0,
    gamma: happens(gamma.probability) ? between(gamma.min, gamma.max) : 1,
  };
}

/**
 * Applies a transformation: writes the patch `[...size, channels]` into `images` and `[...size]` into `labels`, which hold exactly one
 * patch (subarrays of a batch). Images are resampled linearly, labels take the nearest voxel; outside the volume the image is 0
 * and the label `IGNORE`, so that padding counts in no loss. `random` makes the noise.
 */
export function applyPatch(
  prepared: PreparedVolume,
  drawn: PatchTransformation,
  size: VolumeShape,
  images: Float32Array,
  labels: Uint8Array,
  random: Random,
): void {
  const voxels = size[0] * size[1] * size[2];
  if (images.length !== voxels * prepared.channels || labels.length !== voxels) {
    throw new ShapeError(`a patch of ${size.join('x')} does not fill ${images.length} and ${labels.length} values`);
  }
  images.fill(0);
  labels.fill(IGNORE);
  if (drawn.zoom === 1 && drawn.angles.every((angle) => angle === 0)) copyPatch(prepared, drawn, size, images, labels);
  else resamplePatch(prepared, drawn, size, images, labels);
  if (drawn.smoothing > 0) smoothPatch(images, size, prepared.channels, drawn.smoothing);
  changeIntensities(images, drawn, random);
}

/** The patch without rotation and zoom: whole voxels. */
function copyPatch(
  { grid: { shape }, channels, image, label }: PreparedVolume,
  { start, flips }: PatchTransformation,
  size: VolumeShape,
  images: Float32Array,
  labels: Uint8Array,
): void {
  const [zs, ys, xs] = [0, 1, 2].map((axis) =>
    Int32Array.from({ length: size[axis] }, (_, i) => {
      const at = start[axis] + (flips[axis] ? size[axis] - 1 - i : i);
      return at < 0 || at >= shape[axis] ? -1 : at;
    }),
  );
  for (let z = 0, to = 0; z < size[0]; z++) {
    for (let y = 0; y < size[1]; y++) {
      const row = zs[z] < 0 || ys[y] < 0 ? -1 : (zs[z] * shape[1] + ys[y]) * shape[2];
      for (let x = 0; x < size[2]; x++, to++) {
        if (row < 0 || xs[x] < 0) continue;
        const from = row + xs[x];
        if (label !== undefined) labels[to] = label[from];
        for (let c = 0; c < channels; c++) images[to * channels + c] = image[from * channels + c];
      }
    }
  }
}

/** The patch turned and enlarged about its middle: reads between voxels. */
function resamplePatch(
  { grid: { shape, spacingMm }, channels, image, label }: PreparedVolume,
  drawn: PatchTransformation,
  size: VolumeShape,
  images: Float32Array,
  labels: Uint8Array,
): void {
  const [a, b, c] = patchMatrix(drawn, spacingMm);
  const [depth, height, width] = shape;
  const middle = size.map((side) => (side - 1) / 2);
  const [cz, cy, cx] = drawn.start.map((first, axis) => first + middle[axis]);
  const [strideZ, strideY] = [height * width * channels, width * channels];
  for (let z = 0, to = 0; z < size[0]; z++) {
    const dz = z - middle[0];
    for (let y = 0; y < size[1]; y++) {
      const dy = y - middle[1];
      const fz0 = cz + a[0] * dz + a[1] * dy;
      const fy0 = cy + b[0] * dz + b[1] * dy;
      const fx0 = cx + c[0] * dz + c[1] * dy;
      for (let x = 0; x < size[2]; x++, to++) {
        const dx = x - middle[2];
        const fz = fz0 + a[2] * dx;
        const fy = fy0 + b[2] * dx;
        const fx = fx0 + c[2] * dx;
        const nz = Math.floor(fz + 0.5);
        const ny = Math.floor(fy + 0.5);
        const nx = Math.floor(fx + 0.5);
        if (nz < 0 || ny < 0 || nx < 0 || nz >= depth || ny >= height || nx >= width) continue;
        if (label !== undefined) labels[to] = label[(nz * height + ny) * width + nx];
        // Up to half a voxel outside the outermost centres the outermost voxels are repeated.
        const z0 = fz <= 0 ? 0 : fz >= depth - 1 ? depth - 1 : Math.floor(fz);
        const y0 = fy <= 0 ? 0 : fy >= height - 1 ? height - 1 : Math.floor(fy);
        const x0 = fx <= 0 ? 0 : fx >= width - 1 ? width - 1 : Math.floor(fx);
        const tz = fz > z0 && z0 < depth - 1 ? fz - z0 : 0;
        const ty = fy > y0 && y0 < height - 1 ? fy - y0 : 0;
        const tx = fx > x0 && x0 < width - 1 ? fx - x0 : 0;
        const down = tz > 0 ? strideZ : 0;
        const back = ty > 0 ? strideY : 0;
        const right = tx > 0 ? channels : 0;
        const from = z0 * strideZ + y0 * strideY + x0 * channels;
        for (let k = 0; k < channels; k++) {
          const at = from + k;
          const upper0 = image[at] + (image[at + right] - image[at]) * tx;
          const upper1 = image[at + back] + (image[at + back + right] - image[at + back]) * tx;
          const upper = upper0 + (upper1 - upper0) * ty;
          const low = at + down;
          const lower0 = image[low] + (image[low + right] - image[low]) * tx;
          const lower1 = image[low + back] + (image[low + back + right] - image[low + back]) * tx;
          const lower = lower0 + (lower1 - lower0) * ty;
          images[to * channels + k] = upper + (lower - upper) * tz;
        }
      }
    }
  }
}

/**
 * Rows of the matrix from a step in the patch to a step in the volume, both in voxels `[depth, height, width]`: mirrored, shrunk and
 * turned in millimetres, so that turning keeps shapes whatever the spacing.
 */
export function patchMatrix({ angles, zoom, flips }: PatchChange, spacingMm: readonly number[]): number[][] {
  const rotation = angles.map((angle, axis) => rotationAbout(axis, angle)).reduce(multiply);
  return rotation.map((row, i) =>
    row.map((value, j) => (value * spacingMm[j] * (flips[j] ? -1 : 1)) / (zoom * spacingMm[i])),
  );
}

function rotationAbout(axis: number, angle: number): number[][] {
  const [p, q] = [0, 1, 2].filter((other) => other !== axis);
  const matrix = [0, 1, 2].map((i) => [0, 1, 2].map((j) => Number(i === j)));
  matrix[p][p] = Math.cos(angle);
  matrix[q][q] = Math.cos(angle);
  matrix[p][q] = -Math.sin(angle);
  matrix[q][p] = Math.sin(angle);
  return matrix;
}

const multiply = (a: number[][], b: number[][]): number[][] =>
  a.map((row) => b[0].map((_, j) => row.reduce((sum, value, k) => sum + value * b[k][j], 0)));

/** Gamma within the range of the patch, then scale, shift and noise. */
function changeIntensities(images: Float32Array, { gamma, scale, shift, noise }: PatchChange, random: Random): void {
  if (gamma !== 1) {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const value of images) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    const range = high - low;
    if (range > 0)
      for (let i = 0; i < images.length; i++) images[i] = low + range * ((images[i] - low) / range) ** gamma;
  }
  if (scale !== 1 || shift !== 0) for (let i = 0; i < images.length; i++) images[i] = images[i] * scale + shift;
  if (noise > 0) for (let i = 0; i < images.length; i++) images[i] += noise * random.normal();
}
