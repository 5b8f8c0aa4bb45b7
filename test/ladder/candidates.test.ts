import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import { architectureKey, type Fit, macroOf } from '../../src/ladder/candidate.ts';
import { breed, cross, mutateMacro, mutateOperators } from '../../src/ladder/mutate.ts';
import { handMade, randomProposal, seedCandidates } from '../../src/ladder/seeds.ts';
import { buildArchitecture, isGenotype } from '../../src/models/architecture.ts';
import { countNetwork, inferShapes } from '../../src/models/graph.ts';
import { formatGenotype, parseGenotype } from '../../src/space/genotype.ts';

const sizes = { 2: [128, 64], 3: [64, 64, 64] } as const;

/** Whatever can be built fits. */
const builtFit =
  (rank: 2 | 3): Fit =>
  (architecture) => {
    if (isGenotype(architecture) && architecture.rank !== rank) return null;
    const graph = buildArchitecture(architecture, { rank, inputs: 3, classes: 3, filters: 4 });
    const { multiplyAdds, parameters } = countNetwork(graph, sizes[rank]);
    return {
      cost: { multiplyAdds, parameters, trainingMemory: 0 },
      macro: macroOf(graph, sizes[rank]),
      auxiliary: false,
    };
  };

const rankAndSeed = fc.record({ rank: fc.constantFrom(2 as const, 3 as const), seed: fc.nat() });

/** Builds, gives logits at the size of the input, and survives its file. */
function requireSound(architecture: Parameters<typeof buildArchitecture>[0], rank: 2 | 3): void {
  const graph = buildArchitecture(architecture, { rank, inputs: 3, classes: 3, filters: 4 });
  const shapes = inferShapes(graph, sizes[rank]);
  expect(shapes[shapes.length - 1]).toEqual({ channels: 3, size: [...sizes[rank]] });
  if (isGenotype(architecture)) expect(parseGenotype(formatGenotype(architecture), 'file')).toEqual(architecture);
}

describe('first candidates', () => {
  it.each([2, 3] as const)('of rank %i: every hand-made network can be built', (rank) => {
    const proposals = handMade(rank).filter(
      ({ architecture }) => !isGenotype(architecture) || architecture.rank === rank,
    );
    expect(proposals.length).toBeGreaterThan(8);
    for (const { architecture } of proposals) requireSound(architecture, rank);
  });

  it('draws random ones that can be built', () => {
    fc.assert(
      fc.property(rankAndSeed, ({ rank, seed }) =>
        requireSound(randomProposal(rank, createRandom(seed)).architecture, rank),
      ),
      { numRuns: 60 },
    );
  });

  it.each([2, 3] as const)(
    'of rank %i: a third made by hand, variations of these, all different, far apart in level',
    (rank) => {
      const candidates = seedCandidates({ rank, count: 18, fit: builtFit(rank), random: createRandom(1) });
      expect(candidates).toHaveLength(18);
      const of = (wanted: string) => candidates.filter(({ origin }) => origin === wanted);
      expect(of('hand-made')).toHaveLength(6);
      expect(of('child')).toHaveLength(6);
      const byHand = new Set(of('hand-made').map(({ id }) => id));
      for (const { parents = ['nobody'] } of of('child')) for (const id of parents) expect(byHand).toContain(id);
      expect(new Set(candidates.map(({ architecture }) => architectureKey(architecture))).size).toBe(18);
      const levels = candidates.filter(({ origin }) => origin === 'random').map(({ macro }) => macro.meanLevel);
      expect(Math.max(...levels) - Math.min(...levels)).toBeGreaterThan(0.5);
    },
  );

  it('puts what searches found first', () => {
    const [{ architecture }] = handMade(2);
    const searched = [{ name: 'runs/search/a', architecture }];
    const [first, ...rest] = seedCandidates({ rank: 2, count: 6, searched, fit: builtFit(2), random: createRandom(1) });
    expect(first).toMatchObject({ id: 'c01', origin: 'searched', architecture });
    expect(rest.some((other) => architectureKey(other.architecture) === architectureKey(architecture))).toBe(false);
  });
});

describe('children', () => {
  it('can be built, whatever changes', () => {
    fc.assert(
      fc.property(rankAndSeed, fc.boolean(), ({ rank, seed }, macro) => {
        const random = createRandom(seed);
        const pool = [...handMade(rank), ...Array.from({ length: 6 }, () => randomProposal(rank, random))].filter(
          ({ architecture }) => !isGenotype(architecture) || architecture.rank === rank,
        );
        const [a, b] = [0, 1].map(() => pool[random.integer(pool.length)].architecture);
        const changed = (macro ? mutateMacro : mutateOperators)(a, random);
        if (changed) {
          requireSound(changed.architecture, rank);
          expect(architectureKey(changed.architecture)).not.toBe(architectureKey(a));
        }
        const crossed = cross(a, b, random);
        if (crossed) requireSound(crossed.architecture, rank);
      }),
      { numRuns: 200 },
    );
  });

  it.each([2, 3] as const)('of rank %i differ from everyone, name their parents and what changed', (rank) => {
    const parents = seedCandidates({ rank, count: 9, fit: builtFit(rank), random: createRandom(3) });
    const children = breed(parents, parents, { count: 8, macro: true, fit: builtFit(rank), random: createRandom(4) });
    expect(children).toHaveLength(8);
    const keys = new Set([...parents, ...children].map(({ architecture }) => architectureKey(architecture)));
    expect(keys.size).toBe(17);
    for (const { parents: ids, change } of children) {
      expect(change).toBeTruthy();
      for (const id of ids ?? ['nobody']) expect(parents.map((parent) => parent.id)).toContain(id);
    }
  });
});
