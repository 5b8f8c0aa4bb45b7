/** @file Preparation and its inverse: turning is exact, resampling keeps what is linear, predictions go back to their voxels. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/base/random.ts';
import type { Affine, Volume, VolumeShape } from '../../../src/data/volume.ts';
import { normaliseChannel, percentile, sortedAbove } from '../../../src/data/volumes/normalise.ts';
import { orientationOf, turn, turnBack, turnedAffine, turnedShape } from '../../../src/data/volumes/orientation.ts';
import { paintPhantom } from '../../../src/data/volumes/phantoms.ts';
import type { Preparation } from '../../../src/data/volumes/preparation.ts';
import { prepareVolume, restoreToInput } from '../../../src/data/volumes/prepare.ts';
import { resample, resampleLabels } from '../../../src/data/volumes/resample.ts';

const PLAIN: Preparation = { spacingMm: null, normalisation: [{ kind: 'none' }], cropForeground: false };
const sides = fc.tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 7 }));
const ORDERS = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
];
/** Affines of all 48 orientations, with spacings 1, 2, 3 along the axes of the file, slightly tilted. */
const affines = fc
  .record({ order: fc.constantFrom(...ORDERS), signs: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()) })
  .map(({ order, signs }): Affine => {
    const rows = [0, 1, 2].map((world) => [0.05, -0.08, 0.06].map((tilt, axis) => tilt * (world + axis)));
    order.forEach((axis, world) => {
      rows[world][axis] = (signs[world] ? -1 : 1) * (axis + 1);
    });
    return [...rows.map((row, i): Affine[number] => [row[0], row[1], row[2], 5 * i - 3]), [0, 0, 0, 1]];
  });

const at = (affine: Affine, x: number, y: number, z: number): number[] =>
  affine.slice(0, 3).map((row) => row[0] * x + row[1] * y + row[2] * z + row[3]);

describe('orientation', () => {
  it('turns every voxel to RAS without moving it in space, and back', () => {
    fc.assert(
      fc.property(affines, sides, (affine, shape) => {
        const data = Float32Array.from({ length: shape[0] * shape[1] * shape[2] }, (_, i) => i);
        const orientation = orientationOf(affine);
        const turned = turn(data, shape, orientation);
        const [depth, height, width] = turnedShape(shape, orientation);
        const newAffine = turnedAffine(affine, shape, orientation);
        expect(orientationOf(newAffine).code).toBe('RAS');
        for (let z = 0, i = 0; z < depth; z++)
          for (let y = 0; y < height; y++)
            for (let x = 0; x < width; x++, i++) {
              const old = turned[i];
              const [oz, oy, ox] = [
                Math.floor(old / (shape[1] * shape[2])),
                Math.floor(old / shape[2]) % shape[1],
                old % shape[2],
              ];
              const [here, there] = [at(newAffine, x, y, z), at(affine, ox, oy, oz)];
              for (let k = 0; k < 3; k++) expect(here[k]).toBeCloseTo(there[k], 9);
            }
        expect(turnBack(turned, shape, orientation)).toEqual(data);
      }),
      { numRuns: 60 },
    );
  });
});

describe('resampling', () => {
  it('is a weighted mean: constants stay, sums of weights are one, equal shapes change nothing', () => {
    fc.assert(
      fc.property(sides, sides, (from, to) => {
        const length = from[0] * from[1] * from[2];
        const made = resample(new Float32Array(length).fill(3), from, to);
        expect(made.length).toBe(to[0] * to[1] * to[2]);
        for (const value of made) expect(value).toBeCloseTo(3, 4);
        const data = Float32Array.from({ length }, (_, i) => i);
        expect(resample(data, from, from)).toBe(data);
      }),
    );
  });

  it('keeps a ramp inside: exactly where voxels become more, to a tenth of a new voxel where they become fewer', () => {
    for (const to of [5, 12, 24, 40]) {
      const ramp = Float32Array.from({ length: 20 }, (_, x) => x);
      const made = resample(ramp, [1, 1, 20], [1, 1, to]);
      const ratio = 20 / to;
      const edge = Math.ceil(ratio) + 1;
      for (let x = edge; x < to - edge; x++) {
        const want = (x + 0.5) * ratio - 0.5;
        expect(Math.abs(made[x] - want)).toBeLessThan(ratio > 1 ? 0.1 * ratio : 1e-4);
      }
    }
  });

  it('equals the definition of linear interpolation where voxels become more', () => {
    const [from, to] = [
      [2, 3, 4],
      [5, 3, 9],
    ] satisfies VolumeShape[];
    const random = createRandom(4);
    const data = Float32Array.from({ length: 24 }, () => random.uniform());
    const made = resample(data, from, to);
    for (let z = 0, i = 0; z < to[0]; z++)
      for (let y = 0; y < to[1]; y++)
        for (let x = 0; x < to[2]; x++, i++) {
          const place = [z, y, x].map((v, k) =>
            Math.min(from[k] - 1, Math.max(0, ((v + 0.5) * from[k]) / to[k] - 0.5)),
          );
          let want = 0;
          for (let j = 0; j < data.length; j++) {
            const old = [Math.floor(j / 12), Math.floor(j / 4) % 3, j % 4];
            want += data[j] * old.reduce((weight, v, k) => weight * Math.max(0, 1 - Math.abs(v - place[k])), 1);
          }
          expect(made[i]).toBeCloseTo(want, 5);
        }
  });

  it('gives labels that occur, the majority where voxels become fewer', () => {
    fc.assert(
      fc.property(sides, sides, fc.nat(), (from, to, seed) => {
        const random = createRandom(seed);
        const ids = Uint8Array.from({ length: from[0] * from[1] * from[2] }, () => [0, 3, 255][random.integer(3)]);
        const present = new Set(ids);
        for (const id of resampleLabels(ids, from, to)) expect(present.has(id)).toBe(true);
      }),
    );
    expect([...resampleLabels(Uint8Array.of(1, 1, 1, 2, 2, 2, 2, 2, 2), [1, 1, 9], [1, 1, 3])]).toEqual([1, 2, 2]);
  });
});

describe('normalisation', () => {
  it('zscore has mean 0 and deviation 1 over the foreground, whatever the units', () => {
    for (const gain of [1e-3, 1, 1.7e4]) {
      const random = createRandom(1);
      const data = Float32Array.from({ length: 5000 }, (_, i) =>
        i % 5 === 0 ? 0 : gain * (100 + 20 * random.normal()),
      );
      const inside = data.map((value) => (value > 0 ? 1 : 0));
      normaliseChannel(data, { kind: 'zscore', percentiles: [0.5, 99.5] });
      const kept = data.filter((_, i) => inside[i] === 1);
      const mean = kept.reduce((sum, value) => sum + value, 0) / kept.length;
      const deviation = Math.sqrt(kept.reduce((sum, value) => sum + (value - mean) ** 2, 0) / kept.length);
      expect(mean).toBeCloseTo(0, 3);
      expect(deviation).toBeCloseTo(1, 3);
    }
  });

  it('windows are clipped and scaled; constants become 0', () => {
    const data = Float32Array.of(-2000, -125, 75, 275, 900);
    normaliseChannel(data, { kind: 'window', window: [-125, 275], mean: 75, deviation: 200 });
    expect([...data]).toEqual([-1, -1, 0, 1, 1]);
    const flat = new Float32Array(8).fill(9);
    normaliseChannel(flat, { kind: 'zscore', percentiles: [0.5, 99.5] });
    expect([...flat]).toEqual(Array(8).fill(0));
  });

  it('percentiles are linear between sorted values', () => {
    const sorted = sortedAbove(Float32Array.of(4, 0, 1, 3, 2), 0);
    expect([...sorted]).toEqual([1, 2, 3, 4]);
    expect([0, 50, 100].map((p) => percentile(sorted, p))).toEqual([1, 2.5, 4]);
  });
});

describe('prepareVolume and restoreToInput', () => {
  const volumeOf = (shape: VolumeShape, affine: Affine, seed: number): Volume => {
    const random = createRandom(seed);
    return {
      channels: 1,
      shape,
      affine,
      data: Float32Array.from({ length: shape[0] * shape[1] * shape[2] }, () => random.integer(3)),
    };
  };

  it('without resampling give every label back to its voxel', () => {
    fc.assert(
      fc.property(affines, sides, fc.boolean(), fc.nat(), (affine, shape, cropForeground, seed) => {
        const image = volumeOf(shape, affine, seed);
        // Labels only where the image is foreground, so that cropping loses none.
        const data = Uint8Array.from(image.data, (value) => (value > 0 ? 1 + ((value * 7) % 2) : 0));
        const { label, grid } = prepareVolume(image, { shape, affine, data }, { ...PLAIN, cropForeground });
        const low = Math.min(...image.data);
        if (cropForeground && low > 0) return; // the floor hides labels then
        expect(restoreToInput(label!, grid)).toEqual(data);
      }),
      { numRuns: 100 },
    );
  });

  it('crops to the foreground, of every channel', () => {
    const data = new Float32Array(2 * 4 * 5 * 6);
    data[1 * 30 + 2 * 6 + 3] = 1;
    data[120 + 2 * 30 + 1 * 6 + 4] = 1;
    const affine: Affine = [
      [1, 0, 0, 0],
      [0, 1, 0, 0],
      [0, 0, 1, 0],
      [0, 0, 0, 1],
    ];
    const normalisation: Preparation['normalisation'] = [{ kind: 'none' }, { kind: 'none' }];
    const { grid, image } = prepareVolume({ channels: 2, shape: [4, 5, 6], data, affine }, undefined, {
      ...PLAIN,
      normalisation,
      cropForeground: true,
    });
    expect(grid.box).toEqual({ start: [1, 1, 3], shape: [2, 2, 2] });
    expect(grid.affine.map((row) => row[3])).toEqual([3, 1, 1, 1]);
    expect([...image]).toEqual([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
  });

  it.each<[string, Preparation['normalisation'][number], number]>([
    ['the lower end of a window', { kind: 'window', window: [-175, 250], mean: 37.5, deviation: 212.5 }, -1],
    ['the smallest value otherwise', { kind: 'none' }, -900],
  ])('takes what was not measured for air: %s; it is no foreground', (_, normalisation, air) => {
    const data = new Float32Array(4 * 5 * 6).fill(Number.NaN);
    for (const [at, value] of [-900, 40, 60].entries()) data[1 * 30 + 2 * 6 + 1 + at] = value;
    const affine: Affine = [
      [1, 0, 0, 0],
      [0, 1, 0, 0],
      [0, 0, 1, 0],
      [0, 0, 0, 1],
    ];
    const volume = { channels: 1, shape: [4, 5, 6] as const, data, affine };
    const preparation = { ...PLAIN, normalisation: [normalisation], cropForeground: false };
    const { image } = prepareVolume(volume, undefined, preparation);
    expect(image.filter((value) => value === air)).toHaveLength(118);
    const { grid } = prepareVolume(volume, undefined, { ...preparation, cropForeground: true });
    expect(grid.box.shape).toEqual([1, 1, 2]);
    const nothing = { ...volume, data: new Float32Array(120).fill(Number.NaN) };
    for (const value of prepareVolume(nothing, undefined, preparation).image) expect(value).toBe(air === -1 ? -1 : 0);
    expect(data.filter(Number.isNaN)).toHaveLength(117);
  });

  it('are refused before they are allocated where the header has an absurd spacing', () => {
    for (const millimetres of [1e3, 1e6, 1e15, 1e300]) {
      const affine: Affine = [
        [millimetres, 0, 0, 0],
        [0, millimetres, 0, 0],
        [0, 0, millimetres, 0],
      ];
      const image: Volume = { channels: 1, shape: [4, 5, 6], data: new Float32Array(120).fill(1), affine };
      const before = process.memoryUsage.rss();
      expect(() => prepareVolume(image, undefined, { ...PLAIN, spacingMm: [1, 1, 1] }, 'case_7')).toThrow(
        /^case_7: would have .* voxels at a spacing of 1 x 1 x 1 mm, got 4 x 5 x 6 at 1/,
      );
      expect(process.memoryUsage.rss() - before).toBeLessThan(2 ** 26);
    }
  });

  it('at another spacing keep the extent, and bring a phantom back nearly whole', () => {
    const { image, label } = paintPhantom(3, [40, 44, 36]);
    const { grid, label: prepared } = prepareVolume(image, label, { ...PLAIN, spacingMm: [1.6, 0.8, 1.25] });
    expect(grid.shape).toEqual([25, 55, 29]);
    for (let axis = 0; axis < 3; axis++) {
      expect(grid.shape[axis] * grid.spacingMm[axis]).toBeCloseTo(image.shape[axis], 9);
    }
    const restored = restoreToInput(prepared!, grid);
    let [both, sum] = [0, 0];
    for (let i = 0; i < restored.length; i++) {
      both += Number(restored[i] > 0 && label.data[i] > 0);
      sum += Number(restored[i] > 0) + Number(label.data[i] > 0);
    }
    expect((2 * both) / sum).toBeGreaterThan(0.95);
  });
});
