import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { explainedBy, scoreOfSeeds } from '../../../src/run/tables/front.ts';

describe('the score of several seeds', () => {
  it('has an interval from three on, the range of two, and nothing of one', () => {
    expect(scoreOfSeeds([])).toBeUndefined();
    expect(scoreOfSeeds([0.5])).toEqual({ mean: 0.5, kind: 'none' });
    expect(scoreOfSeeds([0.6, 0.5])).toEqual({ mean: 0.55, kind: 'range', bounds: [0.5, 0.6] });
    const three = scoreOfSeeds([0.5, 0.52, 0.54]);
    // 4.303 * 0.02 / sqrt(3).
    expect(three).toEqual({
      mean: expect.closeTo(0.52),
      kind: 'interval',
      bounds: [expect.closeTo(0.4703, 4), expect.closeTo(0.5697, 4)],
    });
  });

  it('stays in [0, 1] and around its mean', () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.array(share, { minLength: 2, maxLength: 30 }), (scores) => {
        const { mean, bounds } = scoreOfSeeds(scores)!;
        const [low, high] = bounds!;
        expect(low).toBeGreaterThanOrEqual(0);
        expect(high).toBeLessThanOrEqual(1);
        expect(low).toBeLessThanOrEqual(mean + 1e-12);
        expect(high).toBeGreaterThanOrEqual(mean - 1e-12);
      }),
    );
  });
});

describe('what groups explain of the variance', () => {
  it('is not said of too few values', () => {
    expect(
      explainedBy([
        [0.1, 0.2, 0.3, 0.4],
        [0.5, 0.6, 0.7, 0.8],
      ]),
    ).toBeUndefined();
    expect(explainedBy([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6], [], [0.1], [0.2]])).toBeUndefined();
    expect(
      explainedBy([
        [1, 1, 1],
        [1, 1, 1],
        [1, 1, 1],
      ]),
    ).toBeUndefined();
  });

  it('is all where groups hold one value each, and nothing where they are alike', () => {
    expect(
      explainedBy([
        [0.1, 0.1, 0.1],
        [0.5, 0.5, 0.5],
        [0.9, 0.9, 0.9],
      ]),
    ).toEqual({ share: 1, groups: 3, values: 9 });
    expect(
      explainedBy([
        [0.1, 0.5, 0.9],
        [0.1, 0.5, 0.9],
        [0.1, 0.5, 0.9],
      ])?.share,
    ).toBe(0);
    // By hand: between 0.24, within 6 * 0.01 / 6 a degree, (0.24 - 2 * 0.01) / (0.30 + 0.01).
    expect(
      explainedBy([
        [0.2, 0.3, 0.4],
        [0.4, 0.5, 0.6],
        [0.6, 0.7, 0.8],
      ])?.share,
    ).toBeCloseTo(0.22 / 0.31);
  });

  it('does not depend on the unit, nor on the order', () => {
    const value = fc.double({ min: 0, max: 1, noNaN: true });
    const group = fc.array(value, { minLength: 3, maxLength: 5 });
    fc.assert(
      fc.property(fc.array(group, { minLength: 3, maxLength: 5 }), (groups) => {
        const found = explainedBy(groups);
        // Values that are nearly equal lose their digits.
        fc.pre(found !== undefined && Math.max(...groups.flat()) - Math.min(...groups.flat()) > 1e-3);
        const scaled = explainedBy(groups.map((own) => own.map((one) => 100 * one + 7)).reverse());
        expect(scaled?.share).toBeCloseTo(found!.share, 6);
      }),
    );
  });
});
