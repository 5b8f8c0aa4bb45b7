import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ArchitectureError, NumericError } from '../../src/base/errors.ts';
import { viterbi } from '../../src/decode/viterbi.ts';

type Trellis = { stages: number; states: number; start: number; scores: number[][][] };

/** The best sequence among all, the first in lexicographic order of equals. */
function bruteForce({ stages, states, start, scores }: Trellis): { states: number[]; score: number } | undefined {
  let best: { states: number[]; score: number } | undefined;
  const walk = (sequence: number[], score: number) => {
    if (score === -Infinity) return;
    if (sequence.length === stages) {
      if (!best || score > best.score) best = { states: sequence, score };
      return;
    }
    const from = sequence.at(-1) ?? start;
    for (let to = 0; to < states; to++) walk([...sequence, to], score + scores[sequence.length][from][to]);
  };
  walk([], 0);
  return best;
}

/** Whole scores so that sums are exact: ties are ties. A quarter of the edges is missing. */
const trellises = fc
  .record({ stages: fc.integer({ min: 1, max: 5 }), states: fc.integer({ min: 1, max: 4 }) })
  .chain(({ stages, states }) => {
    const score = fc.oneof(
      { weight: 3, arbitrary: fc.integer({ min: -3, max: 0 }) },
      { weight: 1, arbitrary: fc.constant(-Infinity) },
    );
    const row = fc.array(score, { minLength: states, maxLength: states });
    const table = fc.array(row, { minLength: states, maxLength: states });
    return fc.record({
      stages: fc.constant(stages),
      states: fc.constant(states),
      start: fc.nat(states - 1),
      scores: fc.array(table, { minLength: stages, maxLength: stages }),
    });
  });

const run = ({ scores, ...rest }: Trellis) => viterbi({ ...rest, score: (stage, from, to) => scores[stage][from][to] });

describe('viterbi', () => {
  it('equals brute force, ties and missing edges included', () => {
    fc.assert(
      fc.property(trellises, (trellis) => {
        const expected = bruteForce(trellis);
        if (expected) expect(run(trellis)).toEqual(expected);
        else expect(() => run(trellis)).toThrow(ArchitectureError);
      }),
      { numRuns: 2000 },
    );
  });

  it('reaches the best score with scores that are not whole', () => {
    fc.assert(
      fc.property(trellises, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (trellis, noise) => {
        const scores = trellis.scores.map((table) =>
          table.map((row) => row.map((score) => score - noise.next().value)),
        );
        const expected = bruteForce({ ...trellis, scores });
        if (!expected) return;
        const found = run({ ...trellis, scores });
        expect(found.score).toBeCloseTo(expected.score, 10);
        const sum = found.states.reduce(
          (total, to, i) => total + scores[i][found.states[i - 1] ?? trellis.start][to],
          0,
        );
        expect(sum).toBeCloseTo(expected.score, 10);
      }),
    );
  });

  it('takes the lowest states when everything is equal', () => {
    expect(viterbi({ stages: 4, states: 3, start: 2, score: () => -1 })).toEqual({ states: [0, 0, 0, 0], score: -4 });
  });

  it('is not misled by a good first step', () => {
    const scores = [
      [
        [0, -5],
        [-Infinity, -Infinity],
      ],
      [
        [-20, -20],
        [0, -1],
      ],
    ];
    expect(run({ stages: 2, states: 2, start: 0, scores })).toEqual({ states: [1, 0], score: -5 });
  });

  it('refuses what is no score and a trellis without a path', () => {
    expect(() => viterbi({ stages: 2, states: 2, start: 0, score: () => Number.NaN })).toThrow(NumericError);
    expect(() => viterbi({ stages: 2, states: 2, start: 0, score: () => Infinity })).toThrow(
      /the score from 0 to 0 at stage 1 is Infinity/,
    );
    expect(() => viterbi({ stages: 2, states: 2, start: 0, score: () => -Infinity })).toThrow(
      /no path leads through the trellis/,
    );
  });

  it('needs no stage', () => {
    expect(viterbi({ stages: 0, states: 2, start: 1, score: () => 0 })).toEqual({ states: [], score: 0 });
  });

  it('serves node sets with a free start: a stage of zeros in front', () => {
    // 15 node sets over 12 layers, as in DiNTS: allowed when they share a node.
    const set = (state: number) => state + 1;
    const score = (stage: number, from: number, to: number) =>
      stage === 0 ? 0 : set(from) & set(to) ? -Math.abs(to - 9) - stage / 8 : -Infinity;
    const { states } = viterbi({ stages: 13, states: 15, start: 0, score });
    expect(states.slice(1)).toEqual(Array(12).fill(9));
    expect(set(states[0]) & set(9)).toBeGreaterThan(0);
  });
});
