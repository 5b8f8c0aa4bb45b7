import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import type { Candidate, Origin } from '../../src/ladder/candidate.ts';
import { type SampleCounts, scoreOf, seedVariance, shrunk, widening } from '../../src/ladder/statistics.ts';
import { type FinishedTraining, judge } from '../../src/ladder/verdict.ts';
import { addToConfusion, createConfusion, segmentationScores } from '../../src/metrics/confusion.ts';

/** Samples in which a share of 100 pixels of either class is right. */
const samples = (share: number, scatter: number, seed: number): SampleCounts[] => {
  const random = createRandom(seed);
  return Array.from({ length: 30 }, (_, i) => {
    const right = Math.max(0, Math.min(100, Math.round(100 * (share + scatter * random.normal()))));
    return {
      id: `s${i}`,
      group: `g${i % 10}`,
      hits: [right, right],
      labelled: [100, 100],
      predicted: [100, 100],
    };
  });
};

const finalist = (id: string, origin: Origin, shares: readonly number[]) => ({
  candidate: { id, origin, name: id } as Candidate,
  finals: shares.map(
    (share, seed): FinishedTraining => ({
      seed,
      run: `${id}-${seed}`,
      heldOut: samples(share, 0.02, 1),
      reported: samples(share, 0.02, 2),
    }),
  ),
});

describe('the scores of counts', () => {
  it('are those of the confusion matrix over all samples, and the mean Dice of cases', () => {
    const random = createRandom(7);
    const all = createConfusion(3);
    const counts = Array.from({ length: 5 }, (_, i): SampleCounts => {
      const [label, prediction] = [0, 1].map(() => Uint8Array.from({ length: 50 }, () => random.integer(3)));
      addToConfusion(all, prediction, label);
      const count = (test: (at: number, c: number) => boolean) =>
        [0, 1, 2].map((c) => label.filter((_, at) => test(at, c)).length);
      return {
        id: `${i}`,
        group: `${i}`,
        hits: count((at, c) => label[at] === c && prediction[at] === c),
        labelled: count((at, c) => label[at] === c),
        predicted: count((at, c) => prediction[at] === c),
      };
    });
    expect(scoreOf(counts, 'miou')).toBeCloseTo(segmentationScores(all).miou, 12);
    const dice = [1, 2].map((c) => {
      const cases = counts.map(({ hits, labelled, predicted }) => (2 * hits[c]) / (labelled[c] + predicted[c]));
      return cases.reduce((sum, value) => sum + value, 0) / cases.length;
    });
    expect(scoreOf(counts, 'dice')).toBeCloseTo((dice[0] + dice[1]) / 2, 12);
  });

  it('are drawn to the mean by as much as seeds explain, and not at all without scatter', () => {
    expect(
      shrunk([
        [0.8, 0.8],
        [0.6, 0.6],
      ]),
    ).toEqual([0.8, 0.6]);
    expect(
      seedVariance([
        [0.7, 0.8],
        [0.5, 0.6],
      ]),
    ).toBeCloseTo(0.005, 12);
    const [a, b] = shrunk([
      [0.7, 0.9],
      [0.6, 0.8],
    ]);
    expect(a).toBeCloseTo(0.75, 12);
    expect(b).toBeCloseTo(0.75, 12);
    // Known: variance of means 0.02, of the mean of two seeds 0.0025: seven eighths remain.
    const [c] = shrunk([
      [0.85, 0.95],
      [0.65, 0.75],
    ]);
    expect(c).toBeCloseTo(0.8 + 0.875 * 0.1, 12);
  });
});

describe('the verdict', () => {
  it('returns the searched network where it is clearly better', () => {
    const verdict = judge(
      [finalist('new', 'child', [0.9, 0.9]), finalist('hand', 'hand-made', [0.8, 0.8])],
      'miou',
      createRandom(0),
    );
    expect(verdict?.probability).toBeGreaterThan(0.99);
    expect(verdict?.chosen.candidate.id).toBe('new');
    const [low, high] = verdict?.difference ?? [0, 0];
    expect(low).toBeGreaterThan(0.1);
    expect(high).toBeLessThan(0.2);
    const { reported, interval } = verdict?.chosen ?? { reported: 0, interval: [0, 0] };
    expect(interval[0]).toBeLessThan(reported);
    expect(interval[1]).toBeGreaterThan(reported);
  });

  it('returns the hand-made network where seeds scatter more than the networks differ', () => {
    const verdict = judge(
      [finalist('new', 'random', [0.95, 0.75]), finalist('hand', 'hand-made', [0.76, 0.92])],
      'miou',
      createRandom(0),
    );
    expect(verdict?.probability).toBeLessThan(0.8);
    expect(verdict?.chosen.candidate.id).toBe('hand');
  });

  it('decides on held-out samples only', () => {
    const finalists = [finalist('new', 'child', [0.9, 0.9]), finalist('hand', 'hand-made', [0.8, 0.8])];
    const turned = finalists.map((each) => ({
      ...each,
      finals: each.finals.map((final) => ({ ...final, reported: samples(0.3, 0.02, 3) })),
    }));
    expect(judge(turned, 'miou', createRandom(0))?.chosen.candidate.id).toBe('new');
  });

  it('passes over trainings that diverged, and is none where all did', () => {
    const { candidate, finals } = finalist('new', 'child', [0.9, 0.9]);
    const broken = { candidate, finals: finals.map((final) => ({ ...final, heldOut: [], reported: [] })) };
    const hand = finalist('hand', 'hand-made', [0.8, 0.8]);
    const verdict = judge([broken, hand], 'miou', createRandom(0));
    expect(verdict?.chosen.candidate.id).toBe('hand');
    expect(verdict?.probability).toBeUndefined();
    expect(judge([broken], 'miou', createRandom(0))).toBeNull();
  });
});

describe('the widening of the bootstrap', () => {
  it('gives intervals of means that hold the true mean nineteen times in twenty, of few groups too', () => {
    const random = createRandom(11);
    for (const groups of [3, 5, 12, 30]) {
      const rounds = 3000;
      let held = 0;
      for (let round = 0; round < rounds; round++) {
        const values = Array.from({ length: groups }, () => random.normal());
        const mean = values.reduce((sum, value) => sum + value, 0) / groups;
        // The spread of the mean over an endless bootstrap is that of its variance over n, not n - 1.
        const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0)) / groups;
        if (Math.abs(mean) <= 1.96 * spread * widening(groups)) held++;
      }
      expect(held / rounds).toBeGreaterThan(0.935);
      expect(held / rounds).toBeLessThan(0.965);
    }
    expect(widening(1)).toBe(Number.POSITIVE_INFINITY);
    expect(widening(11)).toBeCloseTo(Math.sqrt(1.1) * (2.228 / 1.96), 12);
    expect(widening(12)).toBeCloseTo(Math.sqrt(12 / 11) * (2.201 / 1.96), 2);
  });
});
