/** @file Patches: one pass equals the plain definition, labels move with images, centres are class-balanced, padding is ignored. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/base/random.ts';
import type { VolumeShape } from '../../../src/data/volume.ts';
import {
  applyPatch,
  checkVolumeAugmentation,
  drawChange,
  NO_VOLUME_AUGMENTATION,
  type PatchTransformation,
  patchMatrix,
  STANDARD_VOLUME_AUGMENTATION,
} from '../../../src/data/volumes/augment.ts';
import { createPatchSource, drawPatch } from '../../../src/data/volumes/patches.ts';
import { type PreparedVolume, prepareVolume } from '../../../src/data/volumes/prepare.ts';
import { smoothPatch } from '../../../src/data/volumes/smooth.ts';

function randomVolume(shape: VolumeShape, channels: number, seed: number, spacing = [1, 1, 1]): PreparedVolume {
  const random = createRandom(seed);
  const voxels = shape[0] * shape[1] * shape[2];
  const data = Float32Array.from({ length: voxels * channels }, () => random.uniform());
  const affine = [
    [spacing[2], 0, 0, 0],
    [0, spacing[1], 0, 0],
    [0, 0, spacing[0], 0],
    [0, 0, 0, 1],
  ] as const;
  const label = Uint8Array.from({ length: voxels }, () => random.integer(4));
  return prepareVolume(
    { channels, shape, data, affine },
    { shape, data: label, affine },
    {
      spacingMm: null,
      normalisation: Array.from({ length: channels }, () => ({ kind: 'none' }) as const),
      cropForeground: false,
    },
  );
}

function apply(volume: PreparedVolume, drawn: PatchTransformation, size: VolumeShape) {
  const voxels = size[0] * size[1] * size[2];
  const images = new Float32Array(voxels * volume.channels);
  const labels = new Uint8Array(voxels);
  applyPatch(volume, drawn, size, images, labels, createRandom(1));
  return { images, labels };
}

const still = (start: [number, number, number]): PatchTransformation => ({
  start,
  ...drawChange(NO_VOLUME_AUGMENTATION, createRandom(0)),
});
const sides = fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }));

describe('applyPatch', () => {
  it('equals the definition: mirrored, shrunk, turned in millimetres, then read between voxels', () => {
    fc.assert(
      fc.property(sides, sides, fc.nat(), fc.boolean(), (shape, size, seed, moves) => {
        const spacing = [2, 1, 0.5];
        const volume = randomVolume(shape, 2, seed, spacing);
        const random = createRandom(seed, 1);
        const start = shape.map(
          (side, axis) => random.integer(Math.abs(side - size[axis]) + 1) + Math.min(0, side - size[axis]),
        );
        const change = drawChange(
          {
            ...NO_VOLUME_AUGMENTATION,
            flip: 0.5,
            rotation: { probability: Number(moves), radians: 0.3 },
            zoom: { probability: Number(moves), min: 0.8, max: 1.2 },
          },
          random,
        );
        const drawn: PatchTransformation = { ...change, start: [start[0], start[1], start[2]] };
        const { images, labels } = apply(volume, drawn, size);
        const matrix = patchMatrix(drawn, spacing);
        for (let z = 0, i = 0; z < size[0]; z++)
          for (let y = 0; y < size[1]; y++)
            for (let x = 0; x < size[2]; x++, i++) {
              const step = [z, y, x].map((v, axis) => v - (size[axis] - 1) / 2);
              const place = matrix.map((row, axis) =>
                row.reduce((sum, value, k) => sum + value * step[k], start[axis] + (size[axis] - 1) / 2),
              );
              const near = place.map((v) => Math.floor(v + 0.5));
              // Exactly between two voxels rounding decides which is nearest.
              if (place.some((v) => Math.abs(v + 0.5 - Math.round(v + 0.5)) < 1e-6)) continue;
              const outside = near.some((v, axis) => v < 0 || v >= shape[axis]);
              expect(labels[i]).toBe(
                outside ? 255 : volume.label![(near[0] * shape[1] + near[1]) * shape[2] + near[2]],
              );
              const inside = place.map((v, axis) => Math.min(shape[axis] - 1, Math.max(0, v)));
              for (let c = 0; c < 2; c++) {
                let want = 0;
                if (!outside)
                  for (let j = 0; j < volume.label!.length; j++) {
                    const old = [
                      Math.floor(j / (shape[1] * shape[2])),
                      Math.floor(j / shape[2]) % shape[1],
                      j % shape[2],
                    ];
                    want +=
                      volume.image[j * 2 + c] *
                      old.reduce((w, v, k) => w * Math.max(0, 1 - Math.abs(v - inside[k])), 1);
                  }
                expect(images[i * 2 + c]).toBeCloseTo(want, 4);
              }
            }
      }),
      { numRuns: 60 },
    );
  });

  it('without augmentation is the volume itself, padding ignored', () => {
    const volume = randomVolume([3, 4, 5], 1, 7);
    const whole = apply(volume, still([0, 0, 0]), [3, 4, 5]);
    expect(whole.images).toEqual(volume.image);
    expect(whole.labels).toEqual(volume.label);
    const padded = apply(volume, still([-1, 0, 0]), [5, 4, 5]);
    expect(padded.labels.subarray(0, 20).every((id) => id === 255)).toBe(true);
    expect(padded.images.subarray(0, 20).every((value) => value === 0)).toBe(true);
    expect(padded.images.subarray(20, 80)).toEqual(volume.image);
    expect(padded.labels.subarray(80).every((id) => id === 255)).toBe(true);
  });

  it('turns lengths in millimetres into equal lengths', () => {
    const spacing = [3, 1, 0.5];
    const matrix = patchMatrix(
      { ...drawChange(NO_VOLUME_AUGMENTATION, createRandom(0)), angles: [0.3, -0.2, 0.1] },
      spacing,
    );
    for (let axis = 0; axis < 3; axis++) {
      expect(Math.hypot(...matrix.map((row, i) => row[axis] * spacing[i]))).toBeCloseTo(spacing[axis], 9);
    }
  });

  it('smooths as a normal distribution does: sums stay, a point spreads by the deviation', () => {
    const size: VolumeShape = [13, 13, 13];
    const images = new Float32Array(13 ** 3);
    images[6 * 169 + 6 * 13 + 6] = 1;
    smoothPatch(images, size, 1, 1);
    expect(images.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5);
    let variance = 0;
    for (let i = 0; i < images.length; i++) variance += images[i] * ((i % 13) - 6) ** 2;
    expect(variance).toBeCloseTo(1, 1);
    expect(images[5 * 169 + 6 * 13 + 6] / images[6 * 169 + 6 * 13 + 6]).toBeCloseTo(Math.exp(-0.5), 5);
  });

  it('changes intensities as drawn', () => {
    const volume = randomVolume([3, 3, 3], 1, 2);
    const { images } = apply(volume, { ...still([0, 0, 0]), scale: 2, shift: 1, gamma: 2 }, [3, 3, 3]);
    const [low, high] = [Math.min(...volume.image), Math.max(...volume.image)];
    for (let i = 0; i < images.length; i++) {
      const share = (volume.image[i] - low) / (high - low);
      expect(images[i]).toBeCloseTo(2 * (low + (high - low) * share ** 2) + 1, 4);
    }
    const noisy = apply(volume, { ...still([0, 0, 0]), noise: 0.5 }, [3, 3, 3]).images;
    expect(noisy).not.toEqual(volume.image);
  });

  it('refuses settings out of range', () => {
    expect(() => checkVolumeAugmentation({ ...STANDARD_VOLUME_AUGMENTATION, flip: 1.5 })).toThrow(/flip 1.5/);
    expect(() =>
      checkVolumeAugmentation({ ...STANDARD_VOLUME_AUGMENTATION, zoom: { probability: 1, min: 2, max: 1 } }),
    ).toThrow(/zoom from 2 to 1/);
    expect(() => checkVolumeAugmentation(STANDARD_VOLUME_AUGMENTATION)).not.toThrow();
  });
});

describe('drawPatch', () => {
  it('lies inside the volume, or holds it', () => {
    fc.assert(
      fc.property(sides, sides, fc.nat(), (shape, size, seed) => {
        const source = createPatchSource(randomVolume(shape, 1, seed));
        const { start } = drawPatch(
          source,
          size,
          { augmentation: NO_VOLUME_AUGMENTATION, foregroundShare: 0.5 },
          createRandom(seed, 2),
        );
        for (let axis = 0; axis < 3; axis++) {
          const room = shape[axis] - size[axis];
          expect(start[axis]).toBeGreaterThanOrEqual(Math.min(0, room));
          expect(start[axis]).toBeLessThanOrEqual(Math.max(0, room));
        }
      }),
    );
  });

  it('centres the stated share on the foreground, rare classes as often as common ones', () => {
    const volume = randomVolume([20, 20, 20], 1, 3);
    const label = volume.label!.fill(0);
    // Class 1 fills a slab, class 2 is one voxel; ignored voxels are no class.
    label.fill(1, 10 * 400, 13 * 400);
    label.fill(255, 0, 400);
    label[15 * 400 + 15 * 20 + 15] = 2;
    const source = createPatchSource(volume);
    expect(source.places.map((list) => list.length)).toEqual([1200, 1]);
    const random = createRandom(8);
    const centres = [0, 0, 0];
    for (let i = 0; i < 3000; i++) {
      const { start } = drawPatch(
        source,
        [5, 5, 5],
        { augmentation: NO_VOLUME_AUGMENTATION, foregroundShare: 0.8 },
        random,
      );
      const id = label[(start[0] + 2) * 400 + (start[1] + 2) * 20 + start[2] + 2];
      if (id === 1 || id === 2) centres[id]++;
    }
    expect(centres[2] / 3000).toBeCloseTo(0.4, 1);
    // Patches at the edge move inside, so that a few of the slab are not centred.
    expect(centres[1] / 3000).toBeGreaterThan(0.2);
  });
});
