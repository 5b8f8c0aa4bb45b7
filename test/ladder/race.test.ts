import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import type { Candidate, Fit } from '../../src/ladder/candidate.ts';
import { chooseSurvivors, type Reading, race, ranked, type Standing, type Trainer } from '../../src/ladder/race.ts';
import { planRace, type RacePlan, rungsOf, secondsOf } from '../../src/ladder/rungs.ts';
import { seedCandidates } from '../../src/ladder/seeds.ts';
import { isGenotype } from '../../src/models/architecture.ts';

/** Every architecture fits; what it costs follows from its size alone. */
const anyFit: Fit = (architecture) => {
  const depth = isGenotype(architecture) ? architecture.layers : 2 * (architecture.options.levels ?? 4);
  return {
    cost: { multiplyAdds: 1e9, parameters: 1e4 * depth, trainingMemory: 1e6 },
    macro: { finestStride: 2 ** (depth % 3), meanLevel: depth / 4, depth },
    auxiliary: false,
  };
};

const seedsOf = (count: number, seed = 0): Candidate[] =>
  seedCandidates({ rank: 3, count, fit: anyFit, random: createRandom(seed) });

/** A landscape that is known: a candidate nears its own limit, in [0, 1), as it trains. */
function syntheticTrainer(limitOf: (candidate: Candidate) => number) {
  const steps = new Map<string, number>();
  let taken = 0;
  const to = (key: string, goal: number): void => {
    const before = steps.get(key) ?? 0;
    expect(goal).toBeGreaterThanOrEqual(before);
    taken += goal - before;
    steps.set(key, goal);
  };
  const trainer = (plan: RacePlan): Trainer<number> => ({
    async continueTraining(candidate, goal): Promise<Reading> {
      to(`${candidate.id} 0`, goal);
      const score = limitOf(candidate) * (1 - Math.exp(-goal / 50));
      return { score, loss: 1 - score, curve: [1, 1 - score / 2, 1 - score] };
    },
    async finish(candidate, seed) {
      to(`${candidate.id} ${seed}`, plan.steps);
      return limitOf(candidate);
    },
  });
  return { trainer, steps, taken: () => taken };
}

const anyLimits = fc.infiniteStream(fc.double({ min: 0, max: 0.99, noNaN: true })).map((stream) => {
  const limits = new Map<string, number>();
  return ({ id }: Candidate): number => {
    if (!limits.has(id)) limits.set(id, stream.next().value as number);
    return limits.get(id) as number;
  };
});
const population = fc.integer({ min: 3, max: 40 });

describe('race', () => {
  it('takes no more steps than were planned, and judges everyone at every rung that it begins', async () => {
    await fc.assert(
      fc.asyncProperty(
        population,
        fc.integer({ min: 2, max: 60 }),
        anyLimits,
        fc.nat(),
        async (count, first, limitOf, seed) => {
          const plan = rungsOf(count, first);
          const { trainer, taken } = syntheticTrainer(limitOf);
          const result = await race(plan, seedsOf(count), trainer(plan), { fit: anyFit, random: createRandom(seed) });
          const { last, total } = secondsOf(plan, { step: 1, start: 0, finish: 0 });
          expect(taken()).toBeLessThanOrEqual(total - last);
          expect(result.rungs).toHaveLength(plan.rungs.length);
          result.rungs.forEach(({ standings, survivors, rung }, i) => {
            expect(standings.length).toBeLessThanOrEqual(rung.candidates);
            const judged = standings.map(({ candidate }) => candidate.id);
            for (const id of survivors) expect(judged).toContain(id);
            // Whoever goes on is judged again, beside children that were born from those who go on.
            for (const id of survivors) expect(result.rungs[i + 1].standings.map((s) => s.candidate.id)).toContain(id);
            for (const { candidate } of result.rungs[i + 1]?.standings ?? [])
              if (!survivors.includes(candidate.id))
                for (const parent of candidate.parents ?? ['nobody']) expect(survivors).toContain(parent);
          });
          const hand = result.rungs.at(-1)?.standings.some(({ candidate }) => candidate.origin === 'hand-made');
          expect(result.finalists.some(({ candidate }) => candidate.origin === 'hand-made')).toBe(hand);
          expect(hand).toBe(true);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('finds the best of a landscape without noise', async () => {
    await fc.assert(
      fc.asyncProperty(population, anyLimits, fc.nat(), async (count, limitOf, seed) => {
        const plan = rungsOf(count, 20);
        const { trainer } = syntheticTrainer(limitOf);
        const result = await race(plan, seedsOf(count), trainer(plan), { fit: anyFit, random: createRandom(seed) });
        const everyone = new Map(
          result.rungs.flatMap(({ standings }) => standings).map(({ candidate }) => [candidate.id, candidate]),
        );
        const best = Math.max(...[...everyone.values()].map(limitOf));
        expect(Math.max(...result.finalists.map(({ candidate }) => limitOf(candidate)))).toBe(best);
      }),
      { numRuns: 40 },
    );
  });

  it('comes to the same result when it is ended anywhere and run again with the answers so far', async () => {
    const plan = rungsOf(9, 10);
    const limitOf = ({ id }: Candidate) => (Number(id.slice(1)) * 0.37) % 1;
    /** Remembers every answer, and ends the race when it has given `limit` new ones. */
    const remembering = (answers: Map<string, unknown>, limit: number): Trainer<number> => {
      const { trainer } = syntheticTrainer(limitOf);
      const inner = trainer(plan);
      let given = 0;
      const ask = async <Answer>(question: string, work: () => Promise<Answer>): Promise<Answer> => {
        if (answers.has(question)) return answers.get(question) as Answer;
        if (given++ >= limit) throw new Error('killed');
        answers.set(question, await work());
        return answers.get(question) as Answer;
      };
      return {
        continueTraining: (c, steps) => ask(`${c.id} ${steps}`, () => inner.continueTraining(c, steps)),
        finish: (c, seed) => ask(`${c.id} end ${seed}`, () => inner.finish(c, seed)),
      };
    };
    const run = (answers: Map<string, unknown>, limit: number) =>
      race(plan, seedsOf(9), remembering(answers, limit), { fit: anyFit, random: createRandom(5) });
    const whole = await run(new Map(), Number.POSITIVE_INFINITY);
    for (const limit of [1, 4, 9, 10, 13, 17, 18]) {
      const answers = new Map<string, unknown>();
      await expect(run(answers, limit)).rejects.toThrow('killed');
      // Answers that were asked for together may have come after the end.
      await new Promise((resolve) => setImmediate(resolve));
      expect(await run(answers, Number.POSITIVE_INFINITY)).toEqual(whole);
    }
  });

  it('keeps places for the steepest curve and the best hand-made network, and none for one that diverged', () => {
    const standing = (id: string, origin: Candidate['origin'], score: number, last: number): Standing => ({
      candidate: { ...seedsOf(3)[0], id, origin },
      reading: { score, loss: 1 - score, curve: [1, 1, last, last] },
    });
    const standings = ranked([
      standing('a', 'random', 0.9, 0.9),
      standing('b', 'random', 0.8, 0.9),
      standing('c', 'random', 0.7, 0.9),
      standing('d', 'random', 0.6, 0.9),
      standing('steep', 'random', 0.1, 0.2),
      standing('hand', 'hand-made', 0.2, 0.9),
      standing('worse hand', 'hand-made', 0.15, 0.9),
      standing('diverged', 'hand-made', Number.NaN, 0),
    ]);
    expect(chooseSurvivors(standings, 4).map(({ id }) => id)).toEqual(['a', 'b', 'hand', 'steep']);
    expect(chooseSurvivors(standings, 99).map(({ id }) => id)).not.toContain('diverged');
  });
});

describe('the plan of a race', () => {
  it('stays within the time, and uses most of it', () => {
    const positive = (max: number) => fc.double({ min: 0.001, max, noNaN: true });
    fc.assert(
      fc.property(
        fc.record({ step: positive(2), start: positive(5), finish: positive(60) }),
        fc.integer({ min: 60, max: 40_000 }),
        fc.constantFrom(1, 2),
        (pace, seconds, workers) => {
          let plan: RacePlan;
          try {
            plan = planRace(seconds, pace, workers);
          } catch (error) {
            expect((error as Error).message).toMatch(/nothing can be judged/);
            return;
          }
          expect(secondsOf(plan, pace, workers).total).toBeLessThanOrEqual(seconds);
          const next = rungsOf(plan.rungs[0].candidates, plan.rungs[0].steps + 2);
          expect(secondsOf(next, pace, workers).total).toBeGreaterThan(seconds);
        },
      ),
    );
  });

  it('takes fewer candidates where there is little time', () => {
    const pace = { step: 0.3, start: 2, finish: 10 };
    const populations = [10, 20, 60, 240].map((minutes) => planRace(60 * minutes, pace).rungs[0].candidates);
    expect(populations).toEqual([...populations].sort((a, b) => a - b));
    expect(populations[0]).toBeLessThan(27);
    expect(populations.at(-1)).toBe(27);
  });
});
