import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import type { Candidate } from '../../src/ladder/candidate.ts';
import { cheapValue, findCheapScore, spearman } from '../../src/ladder/cheapScores.ts';
import { breed } from '../../src/ladder/mutate.ts';
import { findArchitecture } from '../../src/models/registry.ts';

const candidate = (parameters: number, meanLevel: number): Candidate =>
  ({ cost: { parameters }, macro: { meanLevel, depth: 7, finestStride: 2 } }) as Candidate;

describe("Spearman's rank correlation", () => {
  it('is 1 under any rising map and -1 under any falling one, whatever the values', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: -100, max: 100 }), { minLength: 2, maxLength: 20 }), (values) => {
        expect(
          spearman(
            values,
            values.map((value) => value ** 3),
          ),
        ).toBeCloseTo(1, 12);
        expect(
          spearman(
            values,
            values.map((value) => Math.exp(-value / 50)),
          ),
        ).toBeCloseTo(-1, 12);
      }),
    );
  });

  it('is that of tables: equal values share a rank, and what does not vary correlates with nothing', () => {
    // scipy.stats.spearmanr([1, 2, 2, 3, 5], [2, 1, 4, 4, 3]) gives 0.39473684210526316
    expect(spearman([1, 2, 2, 3, 5], [2, 1, 4, 4, 3])).toBeCloseTo(0.39473684210526316, 12);
    expect(spearman([3, 3, 3], [1, 2, 3])).toBe(0);
  });
});

describe('cheap scores', () => {
  const levels = [0.2, 0.9, 1.4, 0.5, 2.2, 1.9, 1.1, 0.7];
  const parameters = [5, 1, 7, 3, 4, 2, 8, 6];

  it('are found where they rank the trainings, in either direction, and not in noise', () => {
    const candidates = levels.map((level, i) => candidate(parameters[i], level));
    const rising = findCheapScore(
      candidates,
      levels.map((level) => 0.5 + level / 10),
    );
    expect(rising).toMatchObject({ name: 'mean level', correlation: 1 });
    const falling = findCheapScore(
      candidates,
      levels.map((level) => -level),
    );
    expect(falling).toMatchObject({ name: 'mean level', correlation: -1 });
    expect(cheapValue(falling!, candidate(1, 3))).toBeLessThan(cheapValue(falling!, candidate(1, 2)));
    expect(findCheapScore(candidates, [0.3, 0.1, 0.2, 0.4, 0.2, 0.3, 0.1, 0.4])).toBeUndefined();
    // Those that diverged say nothing, and few say little.
    const few = levels.map((level, i) => (i < 5 ? level : Number.NaN));
    expect(findCheapScore(candidates, few)).toBeUndefined();
  });

  it('choose among children', () => {
    const fitOf = (architecture: Candidate['architecture']) => ({
      cost: { multiplyAdds: 1, parameters: JSON.stringify(architecture).length, trainingMemory: 1 },
      macro: { meanLevel: 0, depth: 0, finestStride: 1 },
      auxiliary: false,
    });
    const architecture = findArchitecture('random:0')!;
    const parent: Candidate = { id: 'c01', name: 'p', origin: 'random', architecture, ...fitOf(architecture) };
    const mean = (children: readonly Candidate[]) =>
      children.reduce((sum, { cost }) => sum + cost.parameters, 0) / children.length;
    const made = (prefer?: (child: Candidate) => number) =>
      breed([parent], [parent], {
        count: 4,
        macro: true,
        fit: fitOf,
        random: createRandom(2),
        ...(prefer ? { prefer } : {}),
      });
    const preferred = made(({ cost }) => cost.parameters);
    expect(preferred.map(({ id }) => id)).toEqual(['c02', 'c03', 'c04', 'c05']);
    expect(mean(preferred)).toBeGreaterThan(mean(made()));
  });
});
