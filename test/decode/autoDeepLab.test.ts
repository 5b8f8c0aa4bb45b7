import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ArchitectureError, NumericError } from '../../src/base/errors.ts';
import { createRandom } from '../../src/base/random.ts';
import { decodeAutoDeepLab, decodePath, moveProbabilities } from '../../src/decode/autoDeepLab.ts';
import { moveEntropy, operatorEntropy, skipShare } from '../../src/decode/entropy.ts';
import { parseArchitectureParameters } from '../../src/decode/parameters.ts';
import { edgeCount, edgeIndex } from '../../src/space/cell.ts';
import { type AutoDeepLabGenotype, createGenotype, randomGenotype } from '../../src/space/genotype.ts';
import type { AutoDeepLabLogits } from '../../src/space/logits.ts';
import { OPERATOR_NAMES } from '../../src/space/operators.ts';
import { publishedGenotype } from '../../src/space/published.ts';
import { LEVELS, trellisEdges, trellisNodes } from '../../src/space/trellis.ts';

/** Beta with `value` on every edge and null elsewhere. */
function betaOf(layers: number, value: (layer: number, from: number, move: number) => number): (number | null)[][][] {
  const beta = Array.from({ length: layers }, () =>
    Array.from({ length: LEVELS }, () => Array<number | null>(3).fill(null)),
  );
  for (const { layer, from, move } of trellisEdges(layers)) beta[layer][from][move] = value(layer, from, move);
  return beta;
}

/** Logits that stand for one genotype. */
function oneHot(genotype: AutoDeepLabGenotype, height: number): AutoDeepLabLogits {
  const alpha = Array.from({ length: edgeCount(genotype.blocks) }, () => Array<number>(OPERATOR_NAMES.length).fill(0));
  for (const { block, inputs } of genotype.cell) {
    for (const { from, operator } of inputs)
      alpha[edgeIndex(block - 1, from)][OPERATOR_NAMES.indexOf(operator)] = height;
  }
  const beta = betaOf(genotype.layers, () => 0);
  genotype.path.forEach((level, layer) => {
    const from = genotype.path[layer - 1] ?? 0;
    beta[layer][from][level - from + 1] = height;
  });
  return { alpha, beta };
}

const sorted = (genotype: AutoDeepLabGenotype): AutoDeepLabGenotype =>
  createGenotype({
    ...genotype,
    cell: genotype.cell.map(({ inputs: [a, b] }) => (a.from < b.from ? ([a, b] as const) : ([b, a] as const))),
  });

describe('decoding', () => {
  it('gives back the genotype that one-hot logits were made from', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 14 }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer(),
        fc.constantFrom(4, 20, 1e4),
        (layers, blocks, seed, height) => {
          const genotype = randomGenotype({ layers, blocks, filters: 8, atrous: 'separable' }, createRandom(seed));
          expect(decodeAutoDeepLab(oneHot(genotype, height), genotype)).toEqual(genotype);
        },
      ),
    );
  });

  it('gives back the published genotype, its inputs in the order of the predecessors', () => {
    const published = publishedGenotype(20);
    expect(decodeAutoDeepLab(oneHot(published, 10), published)).toEqual(sorted(published));
  });

  it.each(['outgoing', 'incoming'] as const)(
    'finds the path of largest probability among all (%s)',
    (betaNormalisation) => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 6 }), fc.integer(), (layers, seed) => {
          const random = createRandom(seed);
          const beta = betaOf(layers, () => 2 * random.normal());
          const probabilities = moveProbabilities({ beta, betaNormalisation });
          let best = 0;
          let bestPath: number[] = [];
          const walk = (path: number[], probability: number) => {
            if (path.length === layers) {
              if (probability > best) [best, bestPath] = [probability, path];
              return;
            }
            const from = path.at(-1) ?? 0;
            for (let move = 0; move < 3; move++) {
              const p = probabilities[path.length][from][move];
              if (p > 0) walk([...path, from + move - 1], probability * p);
            }
          };
          walk([], 1);
          expect(decodePath({ beta, betaNormalisation })).toEqual(bestPath);
        }),
      );
    },
  );

  it('is a matter of probabilities, not of logits: constants added to a node change nothing', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = createRandom(seed);
        const beta = betaOf(12, () => random.normal());
        const shifted = beta.map((levels) =>
          levels.map((moves) => {
            const shift = 100 * random.normal();
            return moves.map((logit) => (logit === null ? null : logit + shift));
          }),
        );
        expect(decodePath({ beta: shifted })).toEqual(decodePath({ beta }));
      }),
    );
  });

  it('stays at stride 4 when beta is undecided: its two moves are likelier than three', () => {
    expect(decodePath({ beta: betaOf(12, () => 0) })).toEqual(Array(12).fill(0));
  });

  it('refuses logits of a run that diverged', () => {
    const good = oneHot(publishedGenotype(20), 1);
    const options = { filters: 8, atrous: 'dense', rank: 2 } as const;
    expect(() => decodeAutoDeepLab({ ...good, beta: betaOf(12, () => Number.NaN) }, options)).toThrow(NumericError);
    const alpha = good.alpha.map((row) => row.map(() => Number.NaN));
    expect(() => decodeAutoDeepLab({ ...good, alpha }, options)).toThrow(NumericError);
  });
});

describe('the move probabilities', () => {
  it('sum to exactly one over the edges leaving each node, 0 where there is none', () => {
    const random = createRandom(1);
    const probabilities = moveProbabilities({ beta: betaOf(12, () => 3 * random.normal()) });
    const exists = new Set(trellisEdges(12).map(({ layer, from, move }) => `${layer},${from},${move}`));
    let nodes = 0;
    probabilities.forEach((levels, layer) => {
      levels.forEach((moves, from) => {
        const sum = moves.reduce((a, b) => a + b, 0);
        if (sum > 0) {
          nodes++;
          expect(sum).toBeCloseTo(1, 14);
        }
        moves.forEach((p, move) => {
          if (exists.has(`${layer},${from},${move}`)) expect(p).toBeGreaterThan(0);
          else expect(p).toBe(0);
        });
      });
    });
    expect(nodes).toBe(1 + 2 + 3 + 4 * 9);
  });

  it('are one half at strides 4 and 32 and one third between when undecided', () => {
    const [, , , , layer] = moveProbabilities({ beta: betaOf(12, () => 0.3) });
    const third = 1 / 3;
    const expected = [
      [0, 0.5, 0.5],
      [third, third, third],
      [third, third, third],
      [0.5, 0.5, 0],
    ];
    layer.forEach((moves, level) => {
      moves.forEach((p, move) => {
        expect(p).toBeCloseTo(expected[level][move], 14);
      });
    });
  });
});

describe('moves that are normalised where they enter', () => {
  it('sum to one at every node entered, and a node with one entry has no choice', () => {
    const random = createRandom(3);
    const logits = { beta: betaOf(12, () => 3 * random.normal()), betaNormalisation: 'incoming' } as const;
    const sums = new Map<string, number>();
    const probabilities = moveProbabilities(logits);
    for (const { layer, from, to, move } of trellisEdges(12)) {
      const key = `${layer},${to}`;
      sums.set(key, (sums.get(key) ?? 0) + probabilities[layer][from][move]);
    }
    expect(sums.size).toBe(45);
    for (const sum of sums.values()) expect(sum).toBeCloseTo(1, 12);
    const entries = trellisNodes(12).map(
      ({ layer, level }) => trellisEdges(12).filter((edge) => edge.layer === layer - 1 && edge.to === level).length,
    );
    const choices = entries.filter((count) => count > 1);
    const mean = choices.reduce((sum, count) => sum + Math.log(count), 0) / choices.length;
    expect(moveEntropy({ ...logits, beta: betaOf(12, () => 0) })).toBeCloseTo(mean, 12);
  });
});

describe('the file of architecture parameters', () => {
  const good = () => JSON.parse(JSON.stringify({ method: 'auto-deeplab', ...oneHot(publishedGenotype(20), 2) }));

  it('is read back, for any number of layers and blocks', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 14 }), fc.integer({ min: 1, max: 6 }), (layers, blocks) => {
        const logits = oneHot(randomGenotype({ layers, blocks, filters: 8 }, createRandom(layers)), 2);
        const file = JSON.parse(JSON.stringify({ method: 'auto-deeplab', ...logits }));
        expect(parseArchitectureParameters(file, 'file')).toEqual({ method: 'auto-deeplab', ...logits });
        const incoming = { ...file, betaNormalisation: 'incoming' };
        expect(parseArchitectureParameters(incoming, 'file')).toEqual(incoming);
      }),
    );
  });

  // biome-ignore lint/suspicious/noExplicitAny: broken on purpose
  const cases: [string, (file: any) => void, RegExp][] = [
    ['another method', (f) => (f.method = 'darts'), /^p\.json: method is "darts", expected "auto-deeplab" or "dints"/],
    ['no alpha', (f) => delete f.alpha, /alpha is missing/],
    ['19 rows', (f) => f.alpha.pop(), /alpha has 19 rows; a cell of B blocks has/],
    ['7 operators', (f) => f.alpha[4].pop(), /alpha\[4\] has no 8 numbers/],
    ['a row that is none', (f) => (f.alpha[4] = 'x'), /alpha\[4\] has no 8 numbers/],
    ['a logit of text', (f) => (f.alpha[4][6] = '1'), /alpha\[4\]\[6\] \(skip\) is "1", expected a finite number/],
    ['a logit that is NaN', (f) => (f.alpha[4][0] = Number.NaN), /alpha\[4\]\[0\] \(sep3x3\) is NaN/],
    ['no beta', (f) => delete f.beta, /beta is missing/],
    [
      'an unknown normalisation',
      (f) => (f.betaNormalisation = 'both'),
      /betaNormalisation is "both", expected "outgoing"/,
    ],
    ['an empty beta', (f) => (f.beta = []), /beta is missing/],
    ['3 levels', (f) => f.beta[2].pop(), /beta\[2\] has no 4 levels/],
    ['2 moves', (f) => f.beta[2][1].pop(), /beta\[2\]\[1\] has no 3 moves/],
    ['null on an edge', (f) => (f.beta[3][1][0] = null), /beta\[3\]\[1\]\[0\] is null, expected a finite number/],
    [
      'a logit beside the trellis',
      (f) => (f.beta[0][0][0] = 0),
      /beta\[0\]\[0\]\[0\] is 0, but there is no such edge; write null/,
    ],
    [
      'a logit at a node that is not there yet',
      (f) => (f.beta[1][2][1] = 0),
      /beta\[1\]\[2\]\[1\] is 0, but there is no such edge/,
    ],
  ];
  it.each(cases)('refuses %s', (_, change, message) => {
    const file = good();
    change(file);
    expect(() => parseArchitectureParameters(file, 'p.json')).toThrow(ArchitectureError);
    expect(() => parseArchitectureParameters(file, 'p.json')).toThrow(message);
  });

  it('refuses what is no object', () => {
    for (const value of [null, 3, [], 'x', undefined]) {
      expect(() => parseArchitectureParameters(value, 'p.json')).toThrow(
        /p\.json: expected an object with method and its tables/,
      );
    }
  });

  it('never throws anything but ArchitectureError', () => {
    fc.assert(
      fc.property(fc.anything(), fc.constantFrom('method', 'alpha', 'beta'), (value, key) => {
        try {
          parseArchitectureParameters({ ...good(), [key]: value }, 'file');
        } catch (error) {
          expect(error).toBeInstanceOf(ArchitectureError);
        }
      }),
    );
  });
});

describe('the entropies', () => {
  it('are ln 8 and a mean of ln 2 and ln 3 when undecided, 0 when decided', () => {
    const alpha = Array.from({ length: 20 }, () => Array(8).fill(0.7));
    expect(operatorEntropy(alpha)).toBeCloseTo(Math.log(8), 12);
    // Nodes with two moves: the stem, stride 4 after layers 1 to 11, stride 32 after layers 3 to 11. With three: stride 8 after layers 1 to 11, stride 16 after layers 2 to 11.
    const two = 1 + 11 + 9;
    const three = 11 + 10;
    expect(two * 2 + three * 3).toBe(105);
    expect(moveEntropy({ beta: betaOf(12, () => 0) })).toBeCloseTo(
      (two * Math.log(2) + three * Math.log(3)) / (two + three),
      12,
    );
    const decided = betaOf(12, (_, __, move) => (move === 1 ? 1000 : 0));
    expect(moveEntropy({ beta: decided })).toBe(0);
    expect(operatorEntropy(alpha.map((row) => row.map((_, k) => (k === 3 ? 1000 : 0))))).toBe(0);
  });

  it('of a run that diverged are NaN, not 0', () => {
    expect(operatorEntropy([Array(8).fill(Number.NaN), Array(8).fill(0)])).toBeNaN();
    expect(moveEntropy({ beta: betaOf(3, (layer) => (layer === 2 ? Number.NaN : 0)) })).toBeNaN();
  });

  it('come with the share of skips', () => {
    expect(skipShare(publishedGenotype(20))).toBe(0);
    const skip = createGenotype({
      ...publishedGenotype(20),
      cell: [
        [
          { from: 0, operator: 'skip' },
          { from: 1, operator: 'sep3x3' },
        ],
      ],
    });
    expect(skipShare(skip)).toBe(0.5);
  });
});
