/**
 * @file Phantoms: small synthetic scans from a seed, for tests and for a first run without data. An organ like a bent ellipsoid with
 * lesions in it, among blobs as bright as lesions that belong to the background, so that brightness alone does not separate them. As in MR, every
 * volume has a gain of its own, uneven illumination and noise.
 */
import { createRandom, type Random } from '../../base/random.ts';
import type { SegmentationClass } from '../types.ts';
import type { Affine, LabelVolume, Volume, VolumeShape } from '../volume.ts';

/** In the order of their ids. */
export const PHANTOM_CLASSES = [
  { name: 'background', colour: [0, 0, 0] },
  { name: 'organ', colour: [222, 120, 80] },
  { name: 'lesion', colour: [80, 200, 220] },
] as const satisfies readonly SegmentationClass[];

const ORGAN = 1;
const LESION = 2;

/** Brightness of tissues before gain: `[background, organ, lesion and blobs]`. */
const TISSUE = [60, 110, 150];

/** Deviation of the noise at the same scale. */
const NOISE = 9;

/** An ellipsoid in units of half the volume, -1..1 along each axis `[z, y, x]`. */
interface Ellipsoid {
  centre: number[];
  radii: number[];
}

/** Paints a phantom of 1 mm voxels in RAS+ whose origin is its middle. */
export function paintPhantom(seed: number, shape: VolumeShape): { image: Volume; label: LabelVolume } {
  const random = createRandom(seed, 0x9a2f);
  const around = (value: number, spread: number) => value + spread * (2 * random.uniform() - 1);
  const vector = (value: number, spread: number) => [0, 1, 2].map(() => around(value, spread));
  const organ: Ellipsoid = { centre: vector(0, 0.15), radii: vector(0.65, 0.12) };
  const bend = around(0, 0.35);
  const lesions = Array.from({ length: 1 + random.integer(3) }, () => blobIn(organ, random));
  const blobs = Array.from({ length: 3 }, () => ({ centre: vector(0, 0.85), radii: vector(0.16, 0.05) }));
  const [gain, offset] = [0.25 + 40 * random.uniform() ** 3, 20 * random.uniform()];
  const slope = vector(0, 0.12);
  const [depth, height, width] = shape;
  const data = new Float32Array(depth * height * width);
  const ids = new Uint8Array(data.length);
  const place = [0, 0, 0];
  for (let z = 0, i = 0; z < depth; z++) {
    place[0] = (2 * z + 1) / depth - 1;
    for (let y = 0; y < height; y++) {
      const row = (2 * y + 1) / height - 1;
      for (let x = 0; x < width; x++, i++) {
        place[2] = (2 * x + 1) / width - 1;
        place[1] = row + bend * place[2] * place[2];
        const inside = isInside(organ, place);
        const bright = (inside ? lesions : blobs).some((blob) => isInside(blob, place));
        if (inside) ids[i] = bright ? LESION : ORGAN;
        const tissue = bright ? TISSUE[2] : inside ? TISSUE[1] : TISSUE[0];
        const light = 1 + slope[0] * place[0] + slope[1] * place[1] + slope[2] * place[2];
        data[i] = gain * Math.max(0, tissue * light + NOISE * random.normal()) + offset;
      }
    }
  }
  const affine: Affine = [
    [1, 0, 0, -(width - 1) / 2],
    [0, 1, 0, -(height - 1) / 2],
    [0, 0, 1, -(depth - 1) / 2],
    [0, 0, 0, 1],
  ];
  return { image: { channels: 1, shape, data, affine }, label: { shape, data: ids, affine } };
}

/** A small ellipsoid whose centre is well inside another. */
function blobIn({ centre, radii }: Ellipsoid, random: Random): Ellipsoid {
  return {
    centre: centre.map((middle, axis) => middle + 0.5 * radii[axis] * (2 * random.uniform() - 1)),
    radii: radii.map((radius) => radius * (0.25 + 0.15 * random.uniform())),
  };
}

function isInside({ centre, radii }: Ellipsoid, place: readonly number[]): boolean {
  let sum = 0;
  for (let axis = 0; axis < 3; axis++) sum += ((place[axis] - centre[axis]) / radii[axis]) ** 2;
  return sum < 1;
}
