/** @file Scores against brute force over pixels, and the rule for absent classes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError, ShapeError } from '../../src/base/errors.ts';
import { addToConfusion, createConfusion, mergeConfusion, segmentationScores } from '../../src/metrics/confusion.ts';
import { confusionCsv, perClassCsv, perClassTable } from '../../src/metrics/tables.ts';

const pictures = fc.integer({ min: 1, max: 6 }).chain((classes) =>
  fc.record({
    classes: fc.constant(classes),
    pixels: fc.array(
      fc.record({
        prediction: fc.integer({ min: 0, max: classes - 1 }),
        label: fc.oneof(fc.integer({ min: 0, max: classes - 1 }), fc.constant(255)),
      }),
      { maxLength: 60 },
    ),
  }),
);

function matrixOf(classes: number, pixels: readonly { prediction: number; label: number }[]) {
  const matrix = createConfusion(classes);
  addToConfusion(
    matrix,
    Uint8Array.from(pixels, (p) => p.prediction),
    Uint8Array.from(pixels, (p) => p.label),
  );
  return matrix;
}

/** Equal to 12 digits; NaN equals NaN. */
function expectClose(actual: number, expected: number) {
  if (Number.isNaN(expected)) expect(actual).toBeNaN();
  else expect(actual).toBeCloseTo(expected, 12);
}

describe('segmentationScores', () => {
  it('equals brute force over the pixels', () => {
    fc.assert(
      fc.property(pictures, ({ classes, pixels }) => {
        const scores = segmentationScores(matrixOf(classes, pixels));
        const valid = pixels.filter((p) => p.label !== 255);
        const ious: number[] = [];
        for (let c = 0; c < classes; c++) {
          const both = valid.filter((p) => p.label === c && p.prediction === c).length;
          const either = valid.filter((p) => p.label === c || p.prediction === c).length;
          const labelled = valid.filter((p) => p.label === c).length;
          expectClose(scores.iou[c], both / either);
          expectClose(scores.accuracy[c], both / labelled);
          expect(scores.support[c]).toBe(labelled);
          if (either > 0) ious.push(both / either);
        }
        expectClose(scores.miou, ious.reduce((a, b) => a + b, 0) / ious.length);
        expectClose(scores.pixelAccuracy, valid.filter((p) => p.label === p.prediction).length / valid.length);
      }),
    );
  });

  it('does not depend on how the pixels are split into pictures', () => {
    fc.assert(
      fc.property(pictures, fc.nat(60), ({ classes, pixels }, cut) => {
        const first = matrixOf(classes, pixels.slice(0, cut));
        mergeConfusion(first, matrixOf(classes, pixels.slice(cut)));
        expect(first).toEqual(matrixOf(classes, pixels));
      }),
    );
  });

  it('leaves out classes absent from labels and predictions, and counts false alarms as 0', () => {
    const scores = segmentationScores(
      matrixOf(4, [
        { label: 0, prediction: 0 },
        { label: 0, prediction: 1 },
        { label: 2, prediction: 2 },
      ]),
    );
    expect(scores.iou).toEqual([0.5, 0, 1, Number.NaN]);
    expect(scores.accuracy).toEqual([0.5, Number.NaN, 1, Number.NaN]);
    expect(scores.miou).toBeCloseTo(0.5);
    expect(scores.meanAccuracy).toBeCloseTo(0.75);
  });

  it('ignores an ignore value that is a class', () => {
    const matrix = createConfusion(2);
    addToConfusion(matrix, Uint8Array.of(0, 1, 1), Uint8Array.of(0, 0, 1), 0);
    expect([...matrix.counts]).toEqual([0, 0, 0, 1]);
  });

  it('refuses values that are no classes and changes nothing', () => {
    const matrix = createConfusion(2);
    expect(() => addToConfusion(matrix, Uint8Array.of(0, 2), Uint8Array.of(0, 0))).toThrow(DataError);
    expect(() => addToConfusion(matrix, Uint8Array.of(0, 0), Uint8Array.of(0, 7))).toThrow(/label from 0 to 1.*got 7/);
    expect(() => addToConfusion(matrix, Uint8Array.of(0), Uint8Array.of(0, 1))).toThrow(ShapeError);
    expect([...matrix.counts]).toEqual([0, 0, 0, 0]);
    expect(() => createConfusion(257)).toThrow(ShapeError);
    expect(() => mergeConfusion(matrix, createConfusion(3))).toThrow(ShapeError);
  });
});

describe('tables', () => {
  const names = ['sky', 'road, wet', 'never'];
  const matrix = matrixOf(3, [
    { label: 0, prediction: 0 },
    { label: 0, prediction: 1 },
    { label: 1, prediction: 1 },
  ]);
  const scores = segmentationScores(matrix);

  it('writes CSV with quotes where needed and nothing for absent scores', () => {
    expect(confusionCsv(names, matrix)).toBe(
      'label \\ prediction,sky,"road, wet",never\nsky,1,1,0\n"road, wet",0,1,0\nnever,0,0,0\n',
    );
    expect(perClassCsv(names, scores).split('\n')).toEqual([
      'class,iou,accuracy,support',
      'sky,0.5,0.5,2',
      '"road, wet",0.5,1,1',
      'never,,,0',
      'mean,0.5,0.75,3',
      '',
    ]);
  });

  it('aligns the table', () => {
    expect(perClassTable(names, scores)).toBe(
      [
        'class      IoU %  accuracy %  pixels %',
        '--------------------------------------',
        'sky        50.00       50.00     66.67',
        'road, wet  50.00      100.00     33.33',
        'never          –           –      0.00',
        '--------------------------------------',
        'mean       50.00       75.00',
        'pixel accuracy 66.67 %',
      ].join('\n'),
    );
    expect(() => perClassTable(['a'], scores)).toThrow(ShapeError);
  });
});
