/** @file The parts of a network against the network itself: what they cost adds up. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createRandom } from '../../../src/base/random.ts';
import { autoDeepLabCosts, sumOfParts } from '../../../src/method/budget/autoDeepLabCosts.ts';
import { dintsCosts, sumOfEdges } from '../../../src/method/budget/dintsCosts.ts';
import { genotypeShares, type SearchBudget } from '../../../src/method/budget/searchBudget.ts';
import { randomDints } from '../../../src/space/dints/random.ts';
import { randomGenotype } from '../../../src/space/genotype.ts';

const limits = { multiplyAdds: 1e8, parameters: 1e6 };
const head = { aspp: 16, decoder: 12, lowLevel: 8 };

it.each([
  { rank: 2, size: [65, 97], atrous: 'dense' },
  { rank: 3, size: [33, 65, 33], atrous: 'separable' },
] as const)('multiply-adds and parameters of Auto-DeepLab in $rank dimensions are the sums of its parts', (row) => {
  const { rank, size, atrous } = row;
  const space = { rank, atrous, blocks: 2, filters: 4 };
  const stem = [8, 12, 16] as const;
  const budget: SearchBudget = { limits, size, options: { inputs: 2, classes: 3, stem, head } };
  const costs = autoDeepLabCosts(space, budget);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 0, max: 1e6 }), (layers, seed) => {
      const genotype = randomGenotype({ ...space, layers }, createRandom(seed));
      const exact = genotypeShares(genotype, budget);
      const sum = sumOfParts(genotype, costs);
      for (const k of [0, 1]) expect(sum[k] / exact[k]).toBeCloseTo(1, 10);
    }),
    { numRuns: 30 },
  );
});

it.each([
  { rank: 2, size: [32, 64] },
  { rank: 3, size: [30, 32, 16] },
] as const)('multiply-adds and parameters of DiNTS in $rank dimensions are the sums of its parts', ({ rank, size }) => {
  const budget: SearchBudget = { limits, size, options: { rank, inputs: 2, classes: 3, filters: 8 } };
  const costs = dintsCosts({ rank, levels: 3, filters: 4 }, budget);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 1e6 }), (layers, seed) => {
      const genotype = randomDints({ rank, levels: 3, layers, filters: 4 }, createRandom(seed));
      const exact = genotypeShares(genotype, budget);
      const sum = sumOfEdges(genotype, costs);
      for (const k of [0, 1]) expect(sum[k] / exact[k]).toBeCloseTo(1, 10);
    }),
    { numRuns: 30 },
  );
});
