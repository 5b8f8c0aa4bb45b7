import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import { decodeAutoDeepLab, decodePath, moveProbabilities } from '../../src/decode/autoDeepLab.ts';
import { decodeCell, strongestPredecessors } from '../../src/decode/cell.ts';
import { moveEntropy, operatorEntropy, skipShare } from '../../src/decode/entropy.ts';
import { parseArchitectureParameters } from '../../src/decode/parameters.ts';
import { viterbi } from '../../src/decode/viterbi.ts';
import { edgeIndex } from '../../src/space/cell.ts';
import { type AutoDeepLabGenotype, randomGenotype } from '../../src/space/genotype.ts';
import { OPERATOR_NAMES } from '../../src/space/operators.ts';
import { trellisEdges } from '../../src/space/trellis.ts';

const emptyBeta = (layers: number, value: number) => {
  const beta = Array.from({ length: layers }, () =>
    Array.from({ length: 4 }, () => Array<number | null>(3).fill(null)),
  );
  for (const { layer, from, move } of trellisEdges(layers)) beta[layer][from][move] = value;
  return beta;
};

describe('viterbi', () => {
  const scores = fc.oneof(fc.constant(Number.NEGATIVE_INFINITY), fc.integer({ min: -4, max: 0 }));
  const trellis = fc
    .record({ stages: fc.integer({ min: 1, max: 5 }), states: fc.integer({ min: 1, max: 4 }) })
    .chain(({ stages, states }) =>
      fc.record({
        states: fc.constant(states),
        start: fc.integer({ min: 0, max: states - 1 }),
        table: fc.array(
          fc.array(fc.array(scores, { minLength: states, maxLength: states }), {
            minLength: states,
            maxLength: states,
          }),
          { minLength: stages, maxLength: stages },
        ),
      }),
    );

  it('equals brute force, ties to the lower state first', () => {
    fc.assert(
      fc.property(trellis, ({ states, start, table }) => {
        let best: { sequence: number[]; score: number } | undefined;
        const walk = (sequence: number[], from: number, score: number): void => {
          if (sequence.length === table.length) {
            if (score > (best?.score ?? Number.NEGATIVE_INFINITY)) best = { sequence, score };
            return;
          }
          for (let to = 0; to < states; to++) walk([...sequence, to], to, score + table[sequence.length][from][to]);
        };
        walk([], start, 0);
        const run = () =>
          viterbi({ stages: table.length, states, start, score: (stage, from, to) => table[stage][from][to] });
        if (best === undefined) expect(run).toThrow(/no path leads/);
        else expect(run()).toEqual({ states: best.sequence, score: best.score });
      }),
      { numRuns: 500 },
    );
  });

  it('refuses scores that are no numbers', () => {
    expect(() => viterbi({ stages: 1, states: 1, start: 0, score: () => Number.NaN })).toThrow(/is NaN/);
  });
});

describe('the cell', () => {
  const uniform = () => Array.from({ length: 20 }, () => Array<number>(8).fill(0));

  it('never holds zero, however large its logit', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 8, maxLength: 8 }), {
          minLength: 20,
          maxLength: 20,
        }),
        (alpha) => {
          for (const row of alpha) row[7] += 10;
          const operators = decodeCell(alpha, 5).flatMap((inputs) => inputs.map(({ operator }) => operator));
          expect(operators).not.toContain('zero');
        },
      ),
    );
  });

  it('measures strength after zero took its share', () => {
    const alpha = uniform();
    alpha[edgeIndex(1, 0)] = [3, 0, 0, 0, 0, 0, 0, 5]; // a strong operator, but zero is stronger: p = 0.12
    alpha[edgeIndex(1, 1)] = [0, 1, 0, 0, 0, 0, 0, 0]; // p = 0.28
    alpha[edgeIndex(1, 2)] = [0, 0, 1, 0, 0, 0, 0, 0]; // p = 0.28
    expect(strongestPredecessors(alpha, 1).map(({ from, operator }) => [from, operator])).toEqual([
      [1, 'sep5x5'],
      [2, 'atrous3x3'],
    ]);
  });

  it('gives ties to the earlier operator and input', () => {
    expect(decodeCell(uniform(), 5)).toEqual(
      Array(5).fill([
        { from: 0, operator: 'sep3x3' },
        { from: 1, operator: 'sep3x3' },
      ]),
    );
  });

  it('keeps each operator on its own edge when strength and edge order differ', () => {
    const alpha = uniform();
    alpha[edgeIndex(2, 3)] = [0, 0, 0, 9, 0, 0, 0, 0];
    alpha[edgeIndex(2, 1)] = [0, 0, 0, 0, 0, 5, 0, 0];
    expect(decodeCell(alpha, 5)[2]).toEqual([
      { from: 1, operator: 'maxPool3x3' },
      { from: 3, operator: 'atrous5x5' },
    ]);
  });
});

describe('the path', () => {
  it('moves sum to one at every node that exists', () => {
    const random = createRandom(3);
    const beta = emptyBeta(12, 0).map((levels) =>
      levels.map((moves) => moves.map((logit) => (logit === null ? null : random.normal()))),
    );
    const sums = moveProbabilities({ beta }).map((levels) => levels.map((moves) => moves.reduce((a, b) => a + b, 0)));
    for (const [t, levels] of sums.entries()) {
      for (const [level, sum] of levels.entries()) {
        expect(sum).toBeCloseTo(beta[t][level].every((logit) => logit === null) ? 0 : 1, 12);
      }
    }
  });

  it('takes nodes with two moves for what they are: the undecided trellis leads along the finest level', () => {
    // Leaving levels 0 and 3 has two moves of 1/2 each, levels 1 and 2 three of 1/3.
    expect(decodePath({ beta: emptyBeta(5, 0) })).toEqual([0, 0, 0, 0, 0]);
  });
});

describe('decoding', () => {
  const oneHot = (genotype: AutoDeepLabGenotype, margin: number) => {
    const random = createRandom(9);
    const alpha = Array.from({ length: edgeIndex(genotype.blocks, 0) }, () =>
      Array.from({ length: 8 }, () => 0.01 * random.normal()),
    );
    for (const { block, inputs } of genotype.cell)
      for (const { from, operator } of inputs)
        alpha[edgeIndex(block - 1, from)][OPERATOR_NAMES.indexOf(operator)] = margin;
    const beta = emptyBeta(genotype.layers, 0);
    genotype.path.forEach((level, layer) => {
      const from = layer === 0 ? 0 : genotype.path[layer - 1];
      beta[layer][from][level - from + 1] = margin;
    });
    return { alpha, beta };
  };

  it('of one-hot parameters returns the genotype they were made from', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 5 }),
        (seed, layers, blocks) => {
          const genotype = randomGenotype({ layers, blocks, filters: 8 }, createRandom(seed));
          const decoded = decodeAutoDeepLab(oneHot(genotype, 8), { filters: 8, atrous: 'dense', rank: 2 });
          expect({ ...decoded, provenance: genotype.provenance }).toEqual(genotype);
        },
      ),
    );
  });

  it('measures entropy from undecided to decided', () => {
    const genotype = randomGenotype({ layers: 6, blocks: 3, filters: 8 }, createRandom(1));
    const undecided = oneHot(genotype, 0);
    expect(operatorEntropy(undecided.alpha)).toBeCloseTo(Math.log(8), 3);
    expect(moveEntropy({ beta: emptyBeta(1, 0) })).toBeCloseTo(Math.log(2), 12);
    expect(operatorEntropy([[60, 0, 0, 0, 0, 0, 0, 0]])).toBeCloseTo(0, 10);
    const skips = genotype.cell.flatMap(({ inputs }) => inputs).filter(({ operator }) => operator === 'skip').length;
    expect(skipShare(genotype)).toBe(skips / 6);
  });

  it('parses parameters from anywhere and says what is wrong with them', () => {
    const good = {
      method: 'auto-deeplab',
      alpha: Array.from({ length: 20 }, () => Array<number>(8).fill(0)),
      beta: emptyBeta(12, 0),
    };
    expect(parseArchitectureParameters(JSON.parse(JSON.stringify(good)), 'p.json')).toEqual({
      method: 'auto-deeplab',
      alpha: good.alpha,
      beta: good.beta,
    });
    const spoilt = (change: object) => () => parseArchitectureParameters({ ...good, ...change }, 'p.json');
    expect(spoilt({ method: 'darts' })).toThrow(/p\.json: method is "darts"/);
    expect(spoilt({ alpha: good.alpha.slice(1) })).toThrow(/alpha has 19 rows; a cell of B blocks has/);
    expect(spoilt({ alpha: [...good.alpha.slice(1), [1]] })).toThrow(/alpha\[19\] has no 8 numbers/);
    expect(spoilt({ beta: [[[0, 0, 0]]] })).toThrow(/beta\[0\] has no 4 levels/);
    const wrong = emptyBeta(12, 0);
    wrong[0][0][0] = 1;
    expect(spoilt({ beta: wrong })).toThrow(/beta\[0\]\[0\]\[0\] is 1, but there is no such edge/);
    wrong[0][0][0] = null;
    wrong[3][1][1] = null;
    expect(spoilt({ beta: wrong })).toThrow(/beta\[3\]\[1\]\[1\] is null, expected a finite number/);
  });
});
