/** @file Decoding within limits against every architecture of small spaces, and against its own bound on large ones. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createRandom, type Random } from '../../../src/base/random.ts';
import { decodeAutoDeepLab } from '../../../src/decode/autoDeepLab.ts';
import { bestFirst } from '../../../src/decode/bestFirst.ts';
import { decodeDints } from '../../../src/decode/dints.ts';
import { autoDeepLabCosts, sumOfParts } from '../../../src/method/budget/autoDeepLabCosts.ts';
import { autoDeepLabChoices } from '../../../src/method/budget/autoDeepLabWithin.ts';
import { type DecodedSpace, decodeWithin } from '../../../src/method/budget/decodeWithin.ts';
import { dintsCosts, sumOfEdges } from '../../../src/method/budget/dintsCosts.ts';
import { dintsChoices } from '../../../src/method/budget/dintsWithin.ts';
import { genotypeCounter } from '../../../src/method/budget/objective.ts';
import { genotypeShares, type SearchBudget } from '../../../src/method/budget/searchBudget.ts';
import { BUDGET_KEYS, type Budget } from '../../../src/models/width.ts';
import type { AutoDeepLabGenotype, DintsGenotype, Genotype } from '../../../src/space/genotype.ts';
import { LEVELS, trellisEdges } from '../../../src/space/trellis.ts';

const normal = (random: Random) => random.uniform() * 6 - 3;

function cellLogits(seed: number, layers: number, blocks: number) {
  const random = createRandom(seed);
  const exists = new Set(trellisEdges(layers).map(({ layer, from, move }) => `${layer},${from},${move}`));
  return {
    alpha: Array.from({ length: (blocks * (blocks + 3)) / 2 }, () => Array.from({ length: 8 }, () => normal(random))),
    beta: Array.from({ length: layers }, (_, layer) =>
      Array.from({ length: LEVELS }, (_, from) =>
        [0, 1, 2].map((move) => (exists.has(`${layer},${from},${move}`) ? normal(random) : null)),
      ),
    ),
  };
}

function edgeLogits(seed: number, layers: number, levels: number) {
  const random = createRandom(seed);
  const table = (width: number) => Array.from({ length: width }, () => normal(random));
  const edges = 3 * levels - 2;
  return {
    edges: Array.from({ length: layers }, () => table(edges)),
    ops: Array.from({ length: layers }, () => Array.from({ length: edges }, () => table(2))),
  };
}

/** All costs of the cheapest and of the dearest architecture that a space lists, by sums of parts. */
function expectBest<G extends Genotype>(
  space: DecodedSpace<G>,
  every: readonly { genotype: G; score: number }[],
): void {
  const found = decodeWithin(space);
  const fitting = every.filter(({ genotype }) => space.exact(genotype).every((share) => share <= 1));
  expect(found.fits).toBe(fitting.length > 0);
  expect(found.shares).toEqual(space.exact(found.genotype));
  if (fitting.length === 0) return;
  expect(found.gap).toBe(0);
  expect(found.score).toBeCloseTo(Math.max(...fitting.map(({ score }) => score)), 9);
}

const cellSpace = { rank: 2, atrous: 'dense', blocks: 1, filters: 8 } as const;
const cellOptions = { inputs: 1, classes: 2, stem: [8, 8, 8], head: { aspp: 8, decoder: 8, lowLevel: 4 } } as const;

it.each([
  { keys: ['multiplyAdds'], quantile: 0.3 },
  { keys: ['multiplyAdds', 'parameters'], quantile: 0.6 },
  { keys: ['trainingMemory', 'parameters'], quantile: 0.6 },
  { keys: ['inferenceMemory'], quantile: 0.2 },
  { keys: ['parameters'], quantile: 0 },
] as const)(
  'of Auto-DeepLab is the best of all that fit: $keys at $quantile',
  ({ keys, quantile }) => {
    const spaceOf = (limits: Budget) => {
      const budget: SearchBudget = { limits, options: cellOptions, size: [33, 65] };
      const costs = autoDeepLabCosts(cellSpace, budget);
      const counter = genotypeCounter(budget, (genotype: AutoDeepLabGenotype) => sumOfParts(genotype, costs));
      return (seed: number) => {
        const logits = cellLogits(seed, 2, 1);
        return { logits, space: autoDeepLabChoices(logits, cellSpace, costs, counter) };
      };
    };
    // Limits that so many of all architectures keep; none keeps half of the least.
    const { space: unlimited } = spaceOf(Object.fromEntries(keys.map((key) => [key, 1])))(0);
    const all = [...unlimited.listed()].map(({ genotype }) => unlimited.exact(genotype));
    const limits = Object.fromEntries(
      keys.map((key) => {
        const sorted = all
          .map((shares) => shares[BUDGET_KEYS.filter((one) => keys.some((own) => own === one)).indexOf(key)])
          .sort((a, b) => a - b);
        return [key, quantile === 0 ? sorted[0] / 2 : sorted[Math.floor(quantile * sorted.length)]];
      }),
    );
    const choicesOf = spaceOf(limits);
    let kept = 0;
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), (seed) => {
        const { logits, space } = choicesOf(seed);
        const every = [...space.listed()];
        // Paths 0 or 1, then up to one level on, and two operators.
        expect(every).toHaveLength((2 + 3) * 7 * 7);
        expect(every[0].genotype).toEqual(decodeAutoDeepLab(logits, cellSpace));
        expect(every.map(({ score }) => -score)).toEqual(every.map(({ score }) => -score).sort((a, b) => a - b));
        expectBest(space, every);
        if (space.exact(every[0].genotype).every((share) => share <= 1)) kept++;
      }),
      { numRuns: 12 },
    );
    // The limits decide something: what is decoded without them does not always fit.
    expect(kept).toBeLessThan(12);
  },
  60_000,
);

it.each<Budget>([{ multiplyAdds: 1.5e6 }, { parameters: 12_000, inferenceMemory: 2e5 }, { multiplyAdds: 10 }])(
  'of DiNTS is the best of all that fit: %j',
  (limits) => {
    const space = { rank: 2, levels: 2, filters: 8 } as const;
    const budget: SearchBudget = { limits, options: { inputs: 1, classes: 2 }, size: [16, 24] };
    const costs = dintsCosts(space, budget);
    const counter = genotypeCounter(budget, (genotype: DintsGenotype) => sumOfEdges(genotype, costs));
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), (seed) => {
        const logits = edgeLogits(seed, 1, 2);
        const choices = dintsChoices(logits, space, costs, counter);
        const every = [...choices.listed()];
        // Four edges, each off or with one of two operators, not all of them off.
        expect(every).toHaveLength(3 ** 4 - 1);
        expect(every[0].genotype).toEqual(decodeDints(logits, space));
        expectBest(choices, every);
        const two = dintsChoices(edgeLogits(seed, 2, 2), space, costs, counter).listed();
        const first = decodeDints(edgeLogits(seed, 2, 2), space);
        for (const { genotype } of two) {
          expect(genotype).toEqual(first);
          break;
        }
      }),
      { numRuns: 10 },
    );
  },
  60_000,
);

it.each([
  { method: 'auto-deeplab', share: 0.7 },
  { method: 'auto-deeplab', share: 0.45 },
  { method: 'dints', share: 0.6 },
  { method: 'dints', share: 0.35 },
])(
  'of $method in its full space fits $share of what the best one takes, and says how far from the best it may be',
  (row) => {
    const base = { multiplyAdds: 1e9, parameters: 1e6 };
    const size = [64, 96];
    const spaceOf = (limits: Budget) => {
      if (row.method === 'dints') {
        const space = { rank: 2, levels: 4, filters: 8 } as const;
        const budget: SearchBudget = { limits, options: { inputs: 3, classes: 4 }, size };
        const costs = dintsCosts(space, budget);
        const counter = genotypeCounter(budget, (genotype: DintsGenotype) => sumOfEdges(genotype, costs));
        return { budget, choices: dintsChoices(edgeLogits(1, 8, 4), space, costs, counter) as DecodedSpace<Genotype> };
      }
      const space = { rank: 2, atrous: 'dense', blocks: 5, filters: 8 } as const;
      const budget: SearchBudget = { limits, options: { ...cellOptions, inputs: 3 }, size: [65, 97] };
      const costs = autoDeepLabCosts(space, budget);
      const counter = genotypeCounter(budget, (genotype: AutoDeepLabGenotype) => sumOfParts(genotype, costs));
      const choices = autoDeepLabChoices(cellLogits(1, 12, 5), space, costs, counter);
      return { budget, choices: choices as unknown as DecodedSpace<Genotype> };
    };
    const [first] = spaceOf(base).choices.listed();
    const [multiplyAdds, parameters] = spaceOf(base).choices.exact(first.genotype);
    const limits = {
      multiplyAdds: row.share * multiplyAdds * base.multiplyAdds,
      parameters: row.share * parameters * base.parameters,
    };
    const { budget, choices } = spaceOf(limits);
    const found = decodeWithin(choices);
    expect(found.fits).toBe(true);
    for (const share of genotypeShares(found.genotype, budget)) expect(share).toBeLessThanOrEqual(1);
    expect(found.score).toBeLessThan(first.score);
    // The bound is on any other one: none can be better than the best without limits.
    expect(found.score + found.gap).toBeLessThanOrEqual(first.score + 1e-9);
    // A budget that is nearly met, not one that was undercut by far.
    expect(Math.max(...found.shares)).toBeGreaterThan(0.85);
  },
  60_000,
);

it('sequences come in the order of their scores, all of them', () => {
  const table = fc.array(fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1, maxLength: 4 }), { maxLength: 5 });
  fc.assert(
    fc.property(table, (stages) => {
      const rest = stages.map((_, i) => stages.slice(i).reduce((sum, row) => sum + Math.max(...row), 0));
      const listed = [
        ...bestFirst<number[]>({
          start: [],
          choices: (done) => (stages[done.length] ?? []).map((score, k) => ({ score, state: [...done, k] })),
          best: (done) => rest[done.length] ?? 0,
        }),
      ];
      expect(listed).toHaveLength(stages.reduce((product, row) => product * row.length, 1));
      expect(new Set(listed.map(({ state }) => state.join())).size).toBe(listed.length);
      for (const [i, { state, score }] of listed.entries()) {
        expect(score).toBe(state.reduce((sum, k, stage) => sum + stages[stage][k], 0));
        if (i > 0) expect(score).toBeLessThanOrEqual(listed[i - 1].score);
      }
    }),
  );
});
