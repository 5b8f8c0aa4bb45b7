/** @file Scores of regions against counting pixel by pixel, against those of classes where regions are single classes, and in tables. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scoreCase, scoreRegionCase, summariseCases } from '../../src/metrics/cases.ts';
import { addToConfusion, createConfusion, segmentationScores } from '../../src/metrics/confusion.ts';
import { addToRegions, createRegionCounts, mergeRegionCounts, regionScores } from '../../src/metrics/regions.ts';
import { surfaceScores } from '../../src/metrics/surface.ts';
import { casesTable, perCaseCsv, perClassCasesCsv, perClassCsv, perClassTable } from '../../src/metrics/tables.ts';

const NESTED = [{ classes: [1, 2, 3] }, { classes: [2, 3] }, { classes: [3] }];
const options = { regions: NESTED, classes: 4 };
const labels = (length: number) =>
  fc.uint8Array({ max: 4, minLength: length, maxLength: length }).map((all) => all.map((id) => (id === 4 ? 255 : id)));
const masks = (length: number) => fc.uint8Array({ max: 1, minLength: 3 * length, maxLength: 3 * length });

const countsOf = (mask: Uint8Array, label: Uint8Array) => {
  const counts = createRegionCounts(3);
  addToRegions(counts, mask, label, options);
  return counts;
};

describe('scores of regions', () => {
  it('are those of counting, each region by itself and ignored pixels left out', () => {
    fc.assert(
      fc.property(labels(30), masks(30), (label, mask) => {
        const scores = regionScores(countsOf(mask, label));
        const counting = [...label.keys()].filter((i) => label[i] !== 255);
        const isRight = (i: number) =>
          NESTED.every(({ classes }, r) => classes.includes(label[i]) === (mask[30 * r + i] === 1));
        NESTED.forEach(({ classes }, r) => {
          const wanted = counting.filter((i) => classes.includes(label[i]));
          const found = counting.filter((i) => mask[30 * r + i] === 1);
          const both = wanted.filter((i) => found.includes(i)).length;
          const union = wanted.length + found.length - both;
          expect(scores.iou[r]).toBe(both / union);
          expect(scores.dice[r]).toBe((2 * both) / (wanted.length + found.length));
          expect(scores.accuracy[r]).toBe(both / wanted.length);
          expect(scores.support[r]).toBe(wanted.length);
        });
        expect(scores.pixels).toBe(counting.length);
        expect(scores.pixelAccuracy).toBe(counting.filter(isRight).length / counting.length);
      }),
    );
  });

  it('of single classes are those of the classes', () => {
    const single = { regions: [0, 1, 2, 3].map((id) => ({ classes: [id] })), classes: 4 };
    fc.assert(
      fc.property(labels(30), fc.uint8Array({ max: 3, minLength: 30, maxLength: 30 }), (label, ids) => {
        const counts = createRegionCounts(4);
        const mask = Uint8Array.from([0, 1, 2, 3].flatMap((id) => [...ids].map((own) => Number(own === id))));
        addToRegions(counts, mask, label, single);
        const confusion = createConfusion(4);
        addToConfusion(confusion, ids, label);
        const { dice: _, pixels: __, ...scores } = regionScores(counts);
        expect(scores).toEqual(segmentationScores(confusion));
      }),
    );
  });

  it('of parts add up', () => {
    fc.assert(
      fc.property(labels(20), masks(20), labels(30), masks(30), (a, maskA, b, maskB) => {
        const sum = countsOf(maskA, a);
        mergeRegionCounts(sum, countsOf(maskB, b));
        const joined = Uint8Array.from(
          [0, 1, 2].flatMap((r) => [...maskA.subarray(20 * r, 20 * (r + 1)), ...maskB.subarray(30 * r, 30 * (r + 1))]),
        );
        expect(sum).toEqual(countsOf(joined, Uint8Array.from([...a, ...b])));
      }),
    );
  });

  it('refuse labels that are no class, and masks of another size', () => {
    expect(() => countsOf(new Uint8Array(3), Uint8Array.of(4))).toThrow(/expected a label from 0 to 3.*got 4/);
    expect(() => countsOf(new Uint8Array(4), Uint8Array.of(1))).toThrow(/masks of 3 regions of 1 pixels, got 4 values/);
    expect(() => mergeRegionCounts(createRegionCounts(2), createRegionCounts(3))).toThrow(/counts of 2 regions, got 3/);
  });
});

describe('a case of regions', () => {
  const grid = { shape: [3, 4, 5], spacingMm: [1, 2, 1.5] };

  it('has the surfaces of each region, not of what is written', () => {
    fc.assert(
      fc.property(labels(60), masks(60), (label, mask) => {
        const { classes, counts } = scoreRegionCase(
          { id: 'a', masks: mask, label, ...grid },
          { ...options, toleranceMm: 1 },
        );
        expect(counts).toEqual(countsOf(mask, label));
        classes.forEach((scores, r) => {
          const [predicted, wanted] = [
            label.map((id, i) => Number(id !== 255 && mask[60 * r + i] === 1)),
            label.map((id) => Number(NESTED[r].classes.includes(id))),
          ];
          expect(scores).toEqual({ dice: regionScores(counts).dice[r], ...surfaceScores(predicted, wanted, grid, 1) });
        });
      }),
      { numRuns: 30 },
    );
  });

  it('of one class is that of the class', () => {
    const label = Uint8Array.from({ length: 60 }, (_, i) => Number(i % 7 < 3));
    const ids = Uint8Array.from({ length: 60 }, (_, i) => Number(i % 5 < 3));
    const one = { regions: [{ classes: [1] }], classes: 2, toleranceMm: 1 };
    const { classes } = scoreRegionCase({ id: 'a', masks: ids, label, ...grid }, one);
    expect(classes).toEqual(scoreCase({ id: 'a', prediction: ids, label, ...grid }, one).classes);
  });
});

describe('tables of regions', () => {
  const names = ['whole', 'core', 'inner'];
  const label = Uint8Array.of(0, 1, 2, 3, 3, 255, 0, 0);
  const mask = Uint8Array.from([0, 1, 1, 1, 1, 1, 0, 0, ...[0, 0, 1, 1, 0, 0, 0, 0], ...[0, 0, 0, 0, 0, 0, 0, 0]]);

  it('have shares of the pixels instead of a total: regions overlap', () => {
    const scores = regionScores(countsOf(mask, label));
    const rows = perClassCsv(names, scores).trim().split('\n');
    expect(rows[0]).toBe('region,iou,dice,accuracy,share');
    expect(rows[1]).toBe(`whole,1,1,1,${4 / 7}`);
    expect(rows[2]).toBe(`core,${2 / 3},0.8,${2 / 3},${3 / 7}`);
    expect(rows[4]).toMatch(/^mean,0\.5555.*,0\.6,0\.5555.*,$/);
    expect(perClassTable(names, scores)).toMatch(
      /^region +IoU % +Dice % +accuracy % +pixels %\n-+\nwhole +100\.00 +100\.00 +100\.00 +57\.14\n.*all regions right in 71\.43 % of the pixels$/s,
    );
  });

  it('by case name every region: none is a background', () => {
    const { classes } = scoreRegionCase(
      { id: 'a', masks: mask, label, shape: [2, 2, 2], spacingMm: [1, 1, 1] },
      { ...options, toleranceMm: 1 },
    );
    const summary = summariseCases([{ id: 'a', classes }]);
    expect(perCaseCsv(names, [{ id: 'a', classes }]).split('\n')[1]).toMatch(/^a,whole,1,/);
    expect(perClassCasesCsv(names, summary)).toMatch(/^region,dice,.*\nwhole,1,.*\ncore,0\.8,.*\ninner,0,/);
    expect(casesTable(names, summary)).toMatch(/^region +Dice %.*\nwhole +100\.00/s);
  });
});
