/** @file Distances, surfaces and scores of volumes against brute force over voxels; the rule for missing classes; components. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError, ShapeError } from '../../src/base/errors.ts';
import { scoreCase, summariseCases } from '../../src/metrics/cases.ts';
import { keepLargestComponent } from '../../src/metrics/components.ts';
import { distanceTransform } from '../../src/metrics/distance.ts';
import { percentile, surfaceOf, surfaceScores } from '../../src/metrics/surface.ts';
import { casesTable, perCaseCsv, perClassCasesCsv } from '../../src/metrics/tables.ts';

const grids = fc
  .array(fc.record({ length: fc.integer({ min: 1, max: 6 }), spacing: fc.constantFrom(0.3, 1, 2.5) }), {
    minLength: 2,
    maxLength: 3,
  })
  .map((axes) => ({ shape: axes.map(({ length }) => length), spacingMm: axes.map(({ spacing }) => spacing) }));
/** Masks from nearly empty to nearly full. */
const maskOn = (shape: readonly number[]) =>
  fc.constantFrom(0.05, 0.3, 0.9).chain((share) => {
    const length = volume(shape);
    return fc
      .array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: length, maxLength: length })
      .map((values) => Uint8Array.from(values, (value) => (value < share ? 1 : 0)));
  });
const masked = grids.chain((grid) =>
  fc.record({ grid: fc.constant(grid), a: maskOn(grid.shape), b: maskOn(grid.shape) }),
);

const volume = (shape: readonly number[]) => shape.reduce((product, length) => product * length, 1);

function placeOf(voxel: number, shape: readonly number[]): number[] {
  const place: number[] = [];
  for (let axis = shape.length - 1, rest = voxel; axis >= 0; axis--) {
    place.unshift(rest % shape[axis]);
    rest = Math.floor(rest / shape[axis]);
  }
  return place;
}

const distanceMm = (a: number, b: number, { shape, spacingMm }: { shape: number[]; spacingMm: number[] }) => {
  const [from, to] = [placeOf(a, shape), placeOf(b, shape)];
  return Math.hypot(...from.map((place, axis) => (place - to[axis]) * spacingMm[axis]));
};

const voxelsOf = (mask: Uint8Array) => [...mask.keys()].filter((voxel) => mask[voxel] === 1);

/** Inside, with a neighbour across a face that is outside or off the grid. */
function surfaceByHand(mask: Uint8Array, grid: { shape: number[]; spacingMm: number[] }): number[] {
  const unit = { ...grid, spacingMm: grid.shape.map(() => 1) };
  return voxelsOf(mask).filter((voxel) => {
    const inside = voxelsOf(mask).filter((other) => distanceMm(voxel, other, unit) === 1).length;
    return inside < 2 * grid.shape.length;
  });
}

describe('distanceTransform', () => {
  it('equals brute force at any spacing', () => {
    fc.assert(
      fc.property(masked, ({ grid, a }) => {
        const inside = voxelsOf(a);
        distanceTransform(a, grid.shape, grid.spacingMm).forEach((distance, voxel) => {
          const nearest = Math.min(...inside.map((other) => distanceMm(voxel, other, grid)));
          if (inside.length === 0) expect(distance).toBe(Number.POSITIVE_INFINITY);
          else expect(distance).toBeCloseTo(nearest, 4);
        });
      }),
    );
  });

  it('to one voxel of a million reaches the farthest corner', () => {
    const shape = [64, 128, 128];
    const mask = new Uint8Array(volume(shape));
    mask[0] = 1;
    const farthest = distanceTransform(mask, shape, [2, 1, 1]).at(-1);
    expect(farthest).toBeCloseTo(Math.hypot(126, 127, 127), 3);
  });
});

describe('surfaceScores', () => {
  it('are those of brute force over the voxels of both surfaces', () => {
    fc.assert(
      fc.property(masked, fc.constantFrom(0, 0.5, 1, 3), ({ grid, a, b }, toleranceMm) => {
        const surfaces = [a, b].map((mask) => surfaceByHand(mask, grid));
        fc.pre(surfaces.every((surface) => surface.length > 0));
        const [there, back] = [0, 1].map((i) =>
          surfaces[i].map((voxel) => Math.min(...surfaces[1 - i].map((other) => distanceMm(voxel, other, grid)))),
        );
        const sorted = (values: number[]) => [...values].sort((x, y) => x - y);
        const near = [...there, ...back].filter((distance) => distance <= toleranceMm + 1e-6).length;
        const scores = surfaceScores(a, b, grid, toleranceMm + 1e-6);
        expect(scores.hausdorff95Mm).toBeCloseTo(
          Math.max(percentile(sorted(there), 0.95), percentile(sorted(back), 0.95)),
          4,
        );
        expect(scores.surfaceDice).toBeCloseTo(near / (there.length + back.length), 6);
      }),
    );
  });

  it('know a shift: a cube moved by two voxels of 1.5 mm', () => {
    const grid = { shape: [12, 12, 12], spacingMm: [1, 1, 1.5] };
    const cube = (first: number) =>
      Uint8Array.from({ length: volume(grid.shape) }, (_, voxel) =>
        placeOf(voxel, grid.shape).every(
          (place, axis) => place >= (axis === 2 ? first : 2) && place < (axis === 2 ? first : 2) + 6,
        )
          ? 1
          : 0,
      );
    expect(surfaceScores(cube(1), cube(3), grid, 3)).toEqual({ hausdorff95Mm: 3, surfaceDice: 1 });
    expect(surfaceScores(cube(1), cube(3), grid, 2.9).surfaceDice).toBeLessThan(1);
    expect(surfaceScores(cube(1), cube(1), grid, 0)).toEqual({ hausdorff95Mm: 0, surfaceDice: 1 });
  });

  it('of a class in neither are not counted, in one only the worst', () => {
    const grid = { shape: [3, 4], spacingMm: [1, 1] };
    const none = new Uint8Array(12);
    const one = Uint8Array.from(none, (_, voxel) => (voxel === 5 ? 1 : 0));
    expect(surfaceScores(none, none, grid, 1)).toEqual({ hausdorff95Mm: Number.NaN, surfaceDice: Number.NaN });
    for (const [a, b] of [
      [none, one],
      [one, none],
    ])
      expect(surfaceScores(a, b, grid, 1)).toEqual({ hausdorff95Mm: 5, surfaceDice: 0 });
    expect(() => surfaceScores(none, new Uint8Array(11), grid, 1)).toThrow(ShapeError);
  });

  it('surfaces are the voxels with a face outside', () => {
    fc.assert(
      fc.property(masked, ({ grid, a }) => {
        expect(voxelsOf(surfaceOf(a, grid.shape))).toEqual(surfaceByHand(a, grid));
      }),
    );
  });

  it('percentiles are linear between ranks', () => {
    expect([0, 0.25, 0.95, 1].map((share) => percentile([1, 2, 4, 8, 16], share))).toEqual(
      [1, 2, 14.4, 16].map((v) => expect.closeTo(v, 12)),
    );
    expect(percentile([3], 0.95)).toBe(3);
  });
});

describe('scoreCase and summariseCases', () => {
  const grid = { shape: [1, 2, 4], spacingMm: [1, 1, 1] };
  const options = { classes: 4, toleranceMm: 1 };
  const first = scoreCase(
    {
      id: 'a',
      label: Uint8Array.of(0, 1, 1, 2, 0, 1, 255, 255),
      prediction: Uint8Array.of(0, 1, 1, 0, 0, 0, 1, 3),
      ...grid,
    },
    options,
  );
  const second = scoreCase(
    { id: 'b,c', label: new Uint8Array(8).fill(1), prediction: new Uint8Array(8).fill(1), ...grid },
    options,
  );

  it('give Dice by class: absent from both is not counted, in one only is 0; ignored voxels belong to nobody', () => {
    expect(first.classes.map(({ dice }) => dice)).toEqual([expect.closeTo(4 / 5, 12), 0, Number.NaN]);
    expect(first.classes[1]).toEqual({ dice: 0, surfaceDice: 0, hausdorff95Mm: Math.hypot(1, 2, 4) });
    expect(first.confusion.counts.reduce((sum, count) => sum + count)).toBe(6);
  });

  it('average over the cases that count, then over classes', () => {
    const { classes, mean } = summariseCases([first, second]);
    expect(classes.map(({ dice, cases }) => [dice, cases])).toEqual([
      [expect.closeTo(0.9, 12), 2],
      [0, 1],
      [Number.NaN, 0],
    ]);
    expect(mean.dice).toBeCloseTo(0.45, 12);
    expect(summariseCases([]).mean.dice).toBeNaN();
  });

  it('are tables', () => {
    const names = ['background', 'one', 'two', 'three'];
    const summary = summariseCases([first, second]);
    const rows = perCaseCsv(names, [first, second]).split('\n');
    expect(rows[0]).toBe('case,class,dice,surface_dice,hausdorff95_mm');
    expect([rows[1].startsWith('a,one,0.8,'), rows[3], rows[4], rows.length]).toEqual([
      true,
      'a,three,,,',
      '"b,c",one,1,1,0',
      8,
    ]);
    expect(perClassCasesCsv(names, summary).split('\n')[2]).toBe(`two,0,0,${Math.hypot(1, 2, 4)},1`);
    expect(casesTable(names, summary)).toMatch(/one +90\.00 .* 2\n.*three +– +– +– +0\n-+\nmean +45\.00/s);
  });

  it('refuse a prediction that is no class', () => {
    const wrong = { id: 'x', label: new Uint8Array(8), prediction: new Uint8Array(8).fill(4), ...grid };
    expect(() => scoreCase(wrong, options)).toThrow(DataError);
  });
});

describe('keepLargestComponent', () => {
  it.each([6, 26] as const)(
    'keeps the largest set of voxels that touch (%i neighbours), as flooding by hand does',
    (connectivity) => {
      const reach = connectivity === 6 ? 1 : Math.sqrt(3);
      fc.assert(
        fc.property(masked, ({ grid, a, b }) => {
          const unit = { shape: grid.shape, spacingMm: grid.shape.map(() => 1) };
          const labels = a.map((value, i) => (value === 1 ? 2 : b[i]));
          const left = new Set(voxelsOf(a));
          let largest: number[] = [];
          for (const seed of voxelsOf(a)) {
            if (!left.delete(seed)) continue;
            const component = [seed];
            for (const voxel of component)
              for (const other of [...left])
                if (distanceMm(voxel, other, unit) <= reach + 1e-9) {
                  left.delete(other);
                  component.push(other);
                }
            if (component.length > largest.length) largest = component;
          }
          const kept = new Set(largest);
          const expected = labels.map((label, i) => (label === 2 && !kept.has(i) ? 0 : label));
          expect(keepLargestComponent(labels, grid.shape, 2, connectivity)).toEqual(expected);
        }),
        { numRuns: 60 },
      );
    },
  );
});
