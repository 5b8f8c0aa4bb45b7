/** @file Expected costs of relaxed architectures: at one-hot tables those of the network, else the mean over everything that could be decoded. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/base/random.ts';
import { decodeAutoDeepLab } from '../../../src/decode/autoDeepLab.ts';
import { Generator } from '../../../src/engine/device.ts';
import * as op from '../../../src/engine/operators.ts';
import { fromArray, scope, type Tensor } from '../../../src/engine/tensor.ts';
import { autoDeepLabCosts, sumOfParts } from '../../../src/method/budget/autoDeepLabCosts.ts';
import { cellCostTensors, expectedCellCosts } from '../../../src/method/budget/autoDeepLabExpectation.ts';
import { dintsCosts, sumOfEdges } from '../../../src/method/budget/dintsCosts.ts';
import { edgeCostTensors, expectedEdgeCosts } from '../../../src/method/budget/dintsExpectation.ts';
import { correctedShares, excess, genotypeCounter, withExcess } from '../../../src/method/budget/objective.ts';
import { genotypeShares, type SearchBudget } from '../../../src/method/budget/searchBudget.ts';
import { buildArchitecture } from '../../../src/models/architecture.ts';
import { EMPTY_TABLE, latencyModel } from '../../../src/models/latency/predict.ts';
import { latencyUnits, unitKey } from '../../../src/models/latency/units.ts';
import { adam } from '../../../src/nn/optimisers.ts';
import { ParameterSet } from '../../../src/nn/parameters.ts';
import type { BlockInput } from '../../../src/space/cell.ts';
import { edgeIndex } from '../../../src/space/cell.ts';
import { DINTS_OPERATOR_NAMES } from '../../../src/space/dints/operators.ts';
import { randomDints } from '../../../src/space/dints/random.ts';
import { layerEdges, layerPatterns, patternOf } from '../../../src/space/dints/trellis.ts';
import {
  type AutoDeepLabGenotype,
  createGenotype,
  type DintsGenotype,
  type Genotype,
  randomGenotype,
} from '../../../src/space/genotype.ts';
import { OPERATOR_NAMES } from '../../../src/space/operators.ts';
import { LEVELS, trellisEdges } from '../../../src/space/trellis.ts';
import { createRelaxedArchitecture, oneHotOperators } from '../../../src/supernet/architecture.ts';
import { dintsProbabilities, patternTable } from '../../../src/supernet/dints/architecture.ts';
import { takeStep } from '../../../src/train/step/optimiserStep.ts';
import { expectGradients } from '../../helpers/centralDifferences.ts';

const generator = new Generator(3);
const double = (values: readonly number[], sizes: readonly number[]) => fromArray([...values], [...sizes], 'float64');

/** A table that knows every kind of operator of some networks: twenty nanoseconds a number, and two microseconds each. */
function latencyOf(genotypes: readonly Genotype[], budget: SearchBudget) {
  const units = genotypes.flatMap((genotype) =>
    latencyUnits(buildArchitecture(genotype, budget.options), budget.size, 'engine'),
  );
  const rows = units.map((unit) => {
    const { inputs, outputs, readPixels, writtenPixels, taps } = unit.shape;
    const ms = 0.002 + (2e-5 * (inputs * readPixels + outputs * writtenPixels) * (1 + taps)) / 10;
    return [unitKey(unit), { kind: unit.kind, shape: unit.shape, ms }] as const;
  });
  return latencyModel({ ...EMPTY_TABLE, units: Object.fromEntries(rows) });
}

const limits = { multiplyAdds: 1e8, parameters: 1e5, trainingMemory: 1e7, inferenceMemory: 1e6, latencyMs: 30 };

describe('of Auto-DeepLab', () => {
  const space = { rank: 2, atrous: 'dense', blocks: 2, filters: 4 } as const;
  const options = { inputs: 2, classes: 3, stem: [8, 8, 16], head: { aspp: 8, decoder: 8, lowLevel: 4 } } as const;
  const plain: SearchBudget = { limits: { multiplyAdds: 1e8, parameters: 1e5 }, size: [65, 97], options };
  const samples = Array.from({ length: 40 }, (_, seed) => randomGenotype({ ...space, layers: 5 }, createRandom(seed)));

  /** Probability 1 for every move of a path. */
  const oneHotMoves = ({ path }: AutoDeepLabGenotype): Tensor => {
    const moves = Array<number>(path.length * LEVELS * 3).fill(0);
    path.forEach((to, layer) => {
      const from = layer === 0 ? 0 : path[layer - 1];
      moves[(layer * LEVELS + from) * 3 + to - from + 1] = 1;
    });
    return fromArray(moves, [path.length, LEVELS, 3]);
  };

  it('a one-hot architecture costs what its network does, by every key together, also at sizes that do not halve evenly', () => {
    for (const size of [
      [65, 97],
      [60, 90],
    ]) {
      const budget: SearchBudget = {
        ...plain,
        limits,
        size,
        latency: { model: latencyOf(samples, { ...plain, size }), target: 'engine' },
      };
      const costs = autoDeepLabCosts(space, budget);
      const tensors = cellCostTensors(costs, 'cpu');
      const counter = genotypeCounter(budget, (genotype: AutoDeepLabGenotype) => sumOfParts(genotype, costs));
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 0, max: 1e6 }), (layers, seed) => {
          const genotype = randomGenotype({ ...space, layers }, createRandom(seed));
          const expected = scope(() => {
            const tables = { operators: oneHotOperators(genotype), moves: oneHotMoves(genotype) };
            return correctedShares(expectedCellCosts(tables, tensors), counter.factors(genotype)).numbers();
          });
          const exact = genotypeShares(genotype, budget);
          expect(exact).toHaveLength(5);
          exact.forEach((share, k) => {
            expect(expected[k] / share).toBeCloseTo(1, 4);
          });
          // Where sizes halve evenly nothing is corrected but what is no sum.
          if (size[0] === 65)
            for (const factor of counter.factors(genotype).slice(0, 2)) expect(factor).toBeCloseTo(1, 6);
        }),
        { numRuns: 25 },
      );
    }
  });

  it('is the mean over every path, every pair of edges and their operators, with its gradients', () => {
    const costs = autoDeepLabCosts(space, plain);
    const tensors = cellCostTensors(costs, 'cpu', 'float64');
    const layers = 3;
    const exists = new Set(trellisEdges(layers).map(({ layer, from, move }) => `${layer},${from},${move}`));
    // Three operators and zero, so that everything can be listed.
    const names = ['sep3x3', 'atrous5x5', 'skip'] as const;
    scope(() => {
      const random = createRandom(5);
      const operatorRows = Array.from({ length: 5 }, () => {
        const own = OPERATOR_NAMES.map((name) =>
          name === 'zero' || (names as readonly string[]).includes(name) ? 0.1 + random.uniform() : 0,
        );
        return own.map((value) => value / own.reduce((a, b) => a + b, 0));
      });
      const moveRows = Array.from({ length: layers }, (_, layer) =>
        Array.from({ length: LEVELS }, (_, from) =>
          [0, 1, 2].map((move) => (exists.has(`${layer},${from},${move}`) ? 0.2 + random.uniform() : 0)),
        ),
      );
      let [mass, sum] = [0, [0, 0]];
      const paths = [0, 1].flatMap((a) => [0, 1, 2].flatMap((b) => [0, 1, 2, 3].map((c) => [a, b, c])));
      for (const path of paths) {
        const along = path.reduce(
          (p, to, layer) =>
            p * (moveRows[layer][layer === 0 ? 0 : path[layer - 1]][to - (layer === 0 ? 0 : path[layer - 1]) + 1] ?? 0),
          1,
        );
        if (along === 0) continue;
        for (const second of [
          [0, 1],
          [0, 2],
          [1, 2],
        ])
          for (const chosen of combinations(names, 4)) {
            const cell = [[0, 1], second].map((pair, block) =>
              pair.map((from, i): BlockInput => ({ from, operator: chosen[2 * block + i] })),
            ) as [BlockInput, BlockInput][];
            const p = cell.reduce(
              (product, inputs, block) =>
                inputs.reduce(
                  (own, { from, operator }) =>
                    own * operatorRows[edgeIndex(block, from)][OPERATOR_NAMES.indexOf(operator)],
                  product,
                ),
              along,
            );
            const genotype = createGenotype({ ...space, path, cell });
            mass += p;
            sum = sumOfParts(genotype, costs).map((share, k) => sum[k] + p * share);
          }
      }
      const tables = {
        operators: double(operatorRows.flat(), [5, OPERATOR_NAMES.length]),
        moves: double(moveRows.flat(2), [layers, LEVELS, 3]),
      };
      const expected = expectedCellCosts(tables, tensors).numbers();
      sum.forEach((value, k) => {
        expect(expected[k] / (value / mass)).toBeCloseTo(1, 9);
      });
      expectGradients(
        (operators, moves) => expectedCellCosts({ operators, moves }, tensors),
        [tables.operators, tables.moves],
      );
    });
  });

  it('counts an edge as much as the edges into its block say', () => {
    const tensors = cellCostTensors(autoDeepLabCosts(space, plain), 'cpu');
    scope(() => {
      const [genotype] = samples;
      const operators = op.softmax(op.zeros([5, OPERATOR_NAMES.length], 'float32'), 1);
      const moves = oneHotMoves(genotype);
      const even = expectedCellCosts({ operators, moves }, tensors).numbers();
      const same = expectedCellCosts(
        { operators, moves, edges: fromArray([0.5, 0.5, 1 / 3, 1 / 3, 1 / 3], [5]) },
        tensors,
      );
      expect(same.numbers()[0] / even[0]).toBeCloseTo(1, 5);
    });
  });
});

it('following the gradient of the term alone leads to a network within the limits', () => {
  const space = { rank: 2, atrous: 'dense', blocks: 3, filters: 8 } as const;
  const options = { inputs: 3, classes: 4, stem: [8, 8, 16], head: { aspp: 8, decoder: 8, lowLevel: 4 } } as const;
  const layers = 6;
  const dear = { multiplyAdds: 6e7, parameters: 120_000 };
  const budget: SearchBudget = { limits: dear, size: [65, 97], options };
  const costs = autoDeepLabCosts(space, budget);
  const tensors = cellCostTensors(costs, 'cpu');
  const set = new ParameterSet({ generator: new Generator(1).id, device: 'cpu' });
  const architecture = createRelaxedArchitecture(set, { layers, blocks: 3 });
  const optimiser = adam(architecture.parameters, { decay: 0, decoupled: false });
  const decoded = () => decodeAutoDeepLab(architecture.snapshot(), space);
  const term = () =>
    excess(
      expectedCellCosts(
        { operators: architecture.operatorProbabilities(), moves: architecture.moveProbabilities() },
        tensors,
      ),
    );
  const before = scope(() => term().item());
  expect(before).toBeGreaterThan(0.3);
  const plan = { trained: architecture.parameters, optimiser, clip: 0 };
  for (let step = 0; step < 400 && scope(() => term().item()) > 0; step++) takeStep(plan, 0.05, term);
  expect(scope(() => term().item())).toBe(0);
  for (const share of genotypeShares(decoded(), budget)) expect(share).toBeLessThan(1.1);
});

function combinations<T>(values: readonly T[], length: number): T[][] {
  if (length === 0) return [[]];
  return combinations(values, length - 1).flatMap((rest) => values.map((value) => [...rest, value]));
}

describe('of DiNTS', () => {
  const space = { rank: 2, levels: 2, filters: 4 } as const;
  const plain: SearchBudget = {
    limits: { multiplyAdds: 1e7, parameters: 1e4 },
    size: [16, 24],
    options: { inputs: 1, classes: 2, filters: 8 },
  };

  it('a one-hot architecture costs what its network does, by every key together', () => {
    const samples = Array.from({ length: 40 }, (_, seed) => randomDints({ ...space, layers: 4 }, createRandom(seed)));
    const budget: SearchBudget = { ...plain, limits, latency: { model: latencyOf(samples, plain), target: 'engine' } };
    const costs = dintsCosts(space, budget);
    const tensors = edgeCostTensors(costs, space.levels, 'cpu');
    const counter = genotypeCounter(budget, (genotype: DintsGenotype) => sumOfEdges(genotype, costs));
    const all = layerEdges(space.levels);
    const names = DINTS_OPERATOR_NAMES[space.rank];
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 1e6 }), (layers, seed) => {
        const genotype = randomDints({ ...space, layers }, createRandom(seed));
        const edgeLogits = genotype.topology.flatMap((edges) =>
          all.map((edge) => (patternOf(space.levels, edges) & patternOf(space.levels, [edge]) ? 60 : -60)),
        );
        const opLogits = genotype.topology.flatMap((edges) =>
          all.flatMap(({ from, to }) => {
            const own = edges.find((edge) => edge.from === from && edge.to === to);
            return names.map((name) => (name === (own?.operator ?? 'skip') ? 60 : 0));
          }),
        );
        const expected = scope(() => {
          const probabilities = dintsProbabilities(
            fromArray(edgeLogits, [layers, all.length]),
            fromArray(opLogits, [layers, all.length, names.length]),
            patternTable(space.levels),
          );
          return correctedShares(expectedEdgeCosts(probabilities, tensors), counter.factors(genotype)).numbers();
        });
        genotypeShares(genotype, budget).forEach((share, k) => {
          expect(expected[k] / share).toBeCloseTo(1, 4);
        });
        for (const factor of counter.factors(genotype).slice(0, 2)) expect(factor).toBeCloseTo(1, 6);
      }),
      { numRuns: 25 },
    );
  });

  it('is the mean over the patterns of every layer and the operators, with its gradients', () => {
    const costs = dintsCosts(space, plain);
    const tensors = edgeCostTensors(costs, space.levels, 'cpu', 'float64');
    const patterns = patternTable(space.levels, 'float64');
    const logits = [op.randn([2, 4], generator.id, 'float64'), op.randn([2, 4, 2], generator.id, 'float64')];
    const mean = ([edges, ops]: readonly Tensor[]) =>
      expectedEdgeCosts(dintsProbabilities(edges, ops, patterns), tensors);
    scope(() => {
      const { logPatterns, operators } = dintsProbabilities(logits[0], logits[1], patterns);
      const eta = op.exp(logPatterns).numbers();
      const alpha = operators.numbers();
      const all = layerPatterns(space.levels);
      const sum = [0, 0];
      for (const layer of [0, 1])
        all.forEach(({ edges, inputs, outputs }, j) => {
          const p = eta[layer * all.length + j];
          for (const k of [0, 1]) {
            for (let e = 0; e < 4; e++)
              if ((edges >> e) & 1)
                for (const o of [0, 1]) sum[k] += p * alpha[(layer * 4 + e) * 2 + o] * costs.edges[e][o][k];
            if (layer === 0) for (const d of [0, 1]) if ((inputs >> d) & 1) sum[k] += p * costs.stemsIn[d][k];
            if (layer === 1) sum[k] += p * costs.stemsOut[outputs >= 2 ? 1 : 0][k];
          }
        });
      mean(logits)
        .numbers()
        .forEach((value, k) => {
          expect(value / sum[k]).toBeCloseTo(1, 9);
        });
    });
    expectGradients((edges, ops) => mean([edges, ops]), logits);
  });
});

it('the term is what exceeds the limits, and grows with the ramp', () => {
  scope(() => {
    const loss = fromArray([2], []);
    const shares = fromArray([0.4, 1.5, 3], [3]);
    expect(withExcess(loss, shares, 0).item()).toBe(2);
    expect(withExcess(loss, shares, 0.5).item()).toBeCloseTo(2 + 0.5 * 2.5, 6);
    expect(withExcess(loss, shares, fromArray([1], [])).item()).toBeCloseTo(4.5, 6);
    expect(withExcess(loss, fromArray([0.9, 1], [2]), 1).item()).toBe(2);
  });
});
