/** @file The slices of a volume on the page: which voxel is where, in which colour, and where keys and the wheel lead. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ERROR_COLOURS } from '../../src/data/images/visual.ts';
import type { SampleVolume } from '../../src/data/sampleVolume.ts';
import { middleOf, PLANES, placeAlong, shareOf } from '../../src/data/slices.ts';
import { type Colour, IGNORE } from '../../src/data/types.ts';
import {
  keyStep,
  overlayOf,
  type Place,
  slicePixels,
  stepped,
  voxelAt,
  wheelSteps,
} from '../../web/src/volumeSlice.ts';

const SHAPE = [3, 4, 5] as const;
const VOXELS = 60;
const [AXIAL, CORONAL, SAGITTAL] = PLANES;
const volumeOf = (parts: Partial<SampleVolume>): SampleVolume => ({
  shape: SHAPE,
  spacingMm: [1, 1, 1],
  image: new Uint8Array(VOXELS),
  label: new Uint8Array(VOXELS),
  prediction: new Uint8Array(VOXELS),
  ...parts,
});
const at = (place: Place) => voxelAt({ shape: SHAPE }, place);
const plain = { ids: new Uint8Array(VOXELS), colours: [] };
/** The grey levels of a slice, row by row. */
const greys = (volume: SampleVolume, plane: (typeof PLANES)[number], place: Place) => {
  const { width, height, data } = slicePixels(volume, plane, place, plain, 1);
  return Array.from({ length: height }, (_, y) => Array.from({ length: width }, (_, x) => data[4 * (y * width + x)]));
};

describe('a slice', () => {
  it('has every voxel of its plane once: from the front or head down, from the right of the patient or the front to the right', () => {
    const volume = volumeOf({ image: Uint8Array.from({ length: VOXELS }, (_, i) => i) });
    const [z, y, x] = [1, 2, 3];
    const back = (side: number) => Array.from({ length: side }, (_, i) => side - 1 - i);
    expect(greys(volume, AXIAL, [z, y, x])).toEqual(back(4).map((j) => back(5).map((i) => at([z, j, i]))));
    expect(greys(volume, CORONAL, [z, y, x])).toEqual(back(3).map((k) => back(5).map((i) => at([k, y, i]))));
    expect(greys(volume, SAGITTAL, [z, y, x])).toEqual(back(3).map((k) => back(4).map((j) => at([k, j, x]))));
  });

  it('is pointed at where its voxels are drawn', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.nat(), (side, any) => {
        const place = any % side;
        expect(placeAlong(shareOf(place, side), side)).toBe(place);
        for (const outside of [-0.1, 1, 1.1]) expect([0, side - 1]).toContain(placeAlong(outside, side));
      }),
    );
  });

  it('blends colours by opacity, and leaves the rest grey', () => {
    const label = new Uint8Array(VOXELS);
    label[at([1, 3, 4])] = 1;
    const volume = volumeOf({ image: new Uint8Array(VOXELS).fill(100), label });
    const overlay = overlayOf(volume, 'label', [
      [9, 9, 9],
      [200, 0, 100],
    ]);
    const pixel = (opacity: number, i: number) => [
      ...slicePixels(volume, AXIAL, [1, 0, 0], overlay, opacity).data.subarray(4 * i, 4 * i + 4),
    ];
    expect(pixel(0.5, 0)).toEqual([150, 50, 100, 255]);
    expect(pixel(0, 0)).toEqual([100, 100, 100, 255]);
    expect(pixel(1, 1)).toEqual([100, 100, 100, 255]);
  });

  it('is cut at first through the middle of the label, else of the prediction, else of the volume', () => {
    const marked = new Uint8Array(VOXELS);
    marked[at([2, 1, 4])] = 1;
    expect(middleOf(volumeOf({ label: marked, prediction: new Uint8Array(VOXELS).fill(1) }))).toEqual([2, 1, 4]);
    expect(middleOf(volumeOf({ label: new Uint8Array(VOXELS).fill(IGNORE), prediction: marked }))).toEqual([2, 1, 4]);
    expect(middleOf(volumeOf({}))).toEqual([1, 2, 2]);
  });
});

describe('what lies over a slice', () => {
  const palette = Array.from({ length: 256 }, (_, id): Colour => [id, 0, 0]);

  it('is the colour of every class that is no background', () => {
    const label = Uint8Array.from({ length: VOXELS }, (_, i) => [0, 1, 2, IGNORE][i % 4]);
    const { ids, colours } = overlayOf(volumeOf({ label }), 'label', palette);
    expect(Array.from(ids.subarray(0, 4), (id) => colours[id])).toEqual([undefined, [1, 0, 0], [2, 0, 0], undefined]);
    expect(overlayOf(volumeOf({ prediction: label }), 'prediction', palette).ids).toEqual(label);
  });

  it('is what is right, wrong or not counted', () => {
    const cases: [label: number, prediction: number, colour: Colour | undefined][] = [
      [0, 0, undefined],
      [1, 1, ERROR_COLOURS.right],
      [1, 2, ERROR_COLOURS.wrong],
      [0, 1, ERROR_COLOURS.wrong],
      [1, 0, ERROR_COLOURS.wrong],
      [IGNORE, 1, ERROR_COLOURS.uncounted],
    ];
    for (const [label, prediction, colour] of cases) {
      const filled = (id: number) => new Uint8Array(VOXELS).fill(id);
      const { ids, colours } = overlayOf(
        volumeOf({ label: filled(label), prediction: filled(prediction) }),
        'error',
        palette,
      );
      expect(colours[ids[0]]).toEqual(colour);
    }
  });
});

describe('moving', () => {
  it('by keys goes where the slice shows it, and never out of the volume', () => {
    for (const plane of PLANES) {
      const { down, right, through } = plane;
      const volume = volumeOf({});
      const start: Place = [1, 1, 1];
      const shares = (key: string) => {
        const [axis, step] = keyStep(key, plane)!;
        const next = stepped(start, axis, step, volume);
        return [right, down].map((one) => Math.sign(shareOf(next[one], SHAPE[one]) - shareOf(start[one], SHAPE[one])));
      };
      expect(['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown'].map(shares)).toEqual([
        [-1, 0],
        [1, 0],
        [0, -1],
        [0, 1],
      ]);
      expect([keyStep('PageUp', plane), keyStep('PageDown', plane)]).toEqual([
        [through, 1],
        [through, -1],
      ]);
      expect(keyStep('j', plane)).toBeUndefined();
    }
    expect(stepped([0, 3, 2], 0, -5, volumeOf({}))).toEqual([0, 3, 2]);
    expect(stepped([0, 3, 2], 2, 99, volumeOf({}))).toEqual([0, 3, 4]);
  });

  it('by the wheel is one slice a notch, and small turns add up', () => {
    const steps = wheelSteps();
    expect([100, 120, -100].map((deltaY) => steps({ deltaY, deltaMode: 0 }))).toEqual([1, 1, -1]);
    const fine = wheelSteps();
    const sum = Array.from({ length: 40 }, () => fine({ deltaY: 10, deltaMode: 0 })).reduce((a, b) => a + b, 0);
    expect(sum).toBe(4);
    expect([wheelSteps()({ deltaY: 3, deltaMode: 1 }), wheelSteps()({ deltaY: -1, deltaMode: 2 })]).toEqual([1, -1]);
  });
});
