/** @file The objective of DiNTS: every term against sums over all patterns and central differences, memory against a counted network. @paper dints section 4 */
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import { gradients, requireGradient } from '../../src/engine/autograd.ts';
import { Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { fromArray, type Tensor } from '../../src/engine/tensor.ts';
import {
  expectedMemory,
  fullMemory,
  memoryLoss,
  objectiveTerms,
  operatorEntropy,
  patternEntropy,
  searchObjective,
  topologyLoss,
} from '../../src/method/dintsObjective.ts';
import { buildDints } from '../../src/models/dints.ts';
import { inferShapes } from '../../src/models/graph.ts';
import { edgeElements } from '../../src/space/dints/memory.ts';
import { DINTS_OPERATOR_NAMES } from '../../src/space/dints/operators.ts';
import { randomDints } from '../../src/space/dints/random.ts';
import { layerEdges, layerPatterns, nodeSetCount } from '../../src/space/dints/trellis.ts';
import { dintsProbabilities, patternTable } from '../../src/supernet/dints/architecture.ts';
import { expectGradients } from '../helpers/centralDifferences.ts';

const generator = new Generator(8);
const levels = 2;
const layers = 3;
const patterns = patternTable(levels, 'float64');
const logitsOf = () => [
  op.randn([layers, 4], generator.id, 'float64'),
  op.randn([layers, 4, 5], generator.id, 'float64'),
];
const rows = (tensor: Tensor) => {
  const width = tensor.shape.at(-1) as number;
  const values = tensor.numbers();
  return Array.from({ length: values.length / width }, (_, i) => values.slice(i * width, (i + 1) * width));
};
const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
const mean = (values: readonly number[]) => total(values) / values.length;

/** Probability of each pattern of each layer, from the sigmoids. */
function etas(edges: Tensor): number[][] {
  return rows(edges).map((logits) => {
    const p = logits.map((logit) => 1 / (1 + Math.exp(-logit)));
    const some = 1 - p.reduce((all, on) => all * (1 - on), 1);
    return layerPatterns(levels).map(
      ({ edges: pattern }) => p.reduce((all, on, e) => all * ((pattern >> e) & 1 ? on : 1 - on), 1) / some,
    );
  });
}

describe('the terms', () => {
  const [edges, ops] = logitsOf();
  const probabilities = dintsProbabilities(edges, ops, patterns);
  const elements = edgeElements({ rank: 3, levels, filters: 4 }, { batch: 2, size: [8, 8, 16] });
  const costs = fromArray(elements.flat(), [4, 5], 'float64');

  it('are the sums over patterns and operators that the paper writes', () => {
    const eta = etas(edges);
    expect(patternEntropy(probabilities.logPatterns).item()).toBeCloseTo(
      mean(eta.flat().map((p) => -p * Math.log(p))),
      12,
    );
    const alpha = rows(ops).map((row) => {
      const weights = row.map(Math.exp);
      return weights.map((weight) => weight / total(weights));
    });
    expect(operatorEntropy(probabilities.operators).item()).toBeCloseTo(
      mean(alpha.flat().map((p) => -p * Math.log(p))),
      12,
    );
    let crossEntropy = 0;
    for (let boundary = 0; boundary < layers - 1; boundary++) {
      for (let set = 1; set <= nodeSetCount(levels); set++) {
        const sumOf = (row: number[], key: 'inputs' | 'outputs') =>
          total(layerPatterns(levels).flatMap((pattern, j) => (pattern[key] === set ? [row[j]] : [])));
        const [fed, read] = [sumOf(eta[boundary], 'outputs'), sumOf(eta[boundary + 1], 'inputs')];
        crossEntropy -= fed * Math.log(read) + (1 - fed) * Math.log(1 - read);
      }
    }
    expect(topologyLoss(probabilities.logPatterns, levels).item()).toBeCloseTo(crossEntropy, 10);
    // Expected memory: over all patterns of a layer, and over all operators of the edges that are on.
    const memory = total(
      eta.map((row, layer) =>
        total(
          layerPatterns(levels).map(({ edges: pattern }, j) =>
            total(
              elements.map((own, e) =>
                (pattern >> e) & 1 ? row[j] * total(own.map((value, k) => value * alpha[4 * layer + e][k])) : 0,
              ),
            ),
          ),
        ),
      ),
    );
    expect(expectedMemory(probabilities, costs).item() / memory).toBeCloseTo(1, 10);
    const full = layers * total(elements.map((row) => Math.max(...row)));
    expect(fullMemory(costs, layers)).toBe(full);
    expect(memoryLoss(probabilities, { share: 0.9, elements: costs, full }).item()).toBeCloseTo(
      0.9 - memory / full,
      10,
    );
    expect(memoryLoss(probabilities, { share: 0.01, elements: costs, full }).item()).toBeCloseTo(
      memory / full - 0.01,
      10,
    );
  });

  it.each([
    ['operatorEntropy', 'ops', (p) => operatorEntropy(p.operators)],
    ['patternEntropy', 'edges', (p) => patternEntropy(p.logPatterns)],
    ['topologyLoss', 'edges', (p) => topologyLoss(p.logPatterns, levels)],
    ['memoryLoss', 'both', (p) => memoryLoss(p, { share: 0.3, elements: costs, full: fullMemory(costs, layers) })],
    [
      'searchObjective',
      'both',
      (p) => {
        const terms = objectiveTerms(p, {
          levels,
          budget: { share: 0.3, elements: costs, full: fullMemory(costs, layers) },
        });
        return searchObjective(op.power(op.sum(p.edges), 2), terms, 0.7);
      },
    ],
  ] as [string, 'edges' | 'ops' | 'both', (p: ReturnType<typeof dintsProbabilities>) => Tensor][])(
    '%s has the gradient of central differences in its logits (%s)',
    (_, tables, term) => {
      const [a, b] = logitsOf();
      const valueAt = (x: Tensor, y: Tensor) => term(dintsProbabilities(x, y, patterns));
      if (tables === 'both') expectGradients(valueAt, [a, b]);
      else if (tables === 'edges') expectGradients((x) => valueAt(x, b), [a]);
      else expectGradients((y) => valueAt(a, y), [b]);
    },
  );

  it('are finite, and so are their gradients, when everything is decided', () => {
    const decided = [
      requireGradient(op.scale(op.randn([layers, 4], generator.id), 300)),
      requireGradient(op.scale(op.randn([layers, 4, 5], generator.id), 300)),
    ];
    const p = dintsProbabilities(decided[0], decided[1], patternTable(levels));
    const budget = { share: 0.5, elements: costs, full: fullMemory(costs, layers) };
    const objective = searchObjective(fromArray([0], []), objectiveTerms(p, { levels, budget }), 1);
    expect(objective.item()).toSatisfy(Number.isFinite);
    for (const gradient of gradients([objective], decided))
      expect(gradient?.numbers().every(Number.isFinite)).toBe(true);
  });
});

describe('the objective', () => {
  const terms = Object.fromEntries(
    ['operatorEntropy', 'patternEntropy', 'topologyLoss', 'memoryLoss'].map((name, i) => [
      name,
      fromArray([2 ** i], []),
    ]),
  ) as unknown as Parameters<typeof searchObjective>[1];

  it('ramps every term but the loss of the outputs', () => {
    const loss = fromArray([100], []);
    expect(searchObjective(loss, terms, 0).item()).toBe(100);
    expect(searchObjective(loss, terms, 1).item()).toBeCloseTo(100 + 1 + 2 + 8 + 0.004, 4);
    expect(searchObjective(loss, terms, 0.5).item()).toBeCloseTo(100 + (1 + 2 + 8 + 0.004) / 2, 4);
  });
});

describe('expected memory of a decided architecture', () => {
  it.each([2, 3] as const)('is what the edges of its network hold, counted in the graph, in rank %i', (rank) => {
    const space = { rank, levels: 3, layers: 4, filters: 4 };
    const size = [32, 16, 48].slice(0, rank);
    const costs = edgeElements(space, { batch: 1, size });
    const random = createRandom(rank);
    for (let i = 0; i < 10; i++) {
      const genotype = randomDints(space, random);
      const names = DINTS_OPERATOR_NAMES[rank];
      const find = (layer: number, e: number) => {
        const { from, to } = layerEdges(3)[e];
        return genotype.topology[layer].find((edge) => edge.from === from && edge.to === to);
      };
      const table = genotype.topology.map((_, layer) => layerEdges(3).map((_, e) => find(layer, e)));
      const on = table.flat().map((edge) => (edge ? 200 : -200));
      const chosen = table.flat().flatMap((edge) => names.map((name) => (edge?.operator === name ? 200 : 0)));
      const decided = dintsProbabilities(
        fromArray(on, [4, 7], 'float64'),
        fromArray(chosen, [4, 7, names.length], 'float64'),
        patternTable(3, 'float64'),
      );
      const expected = expectedMemory(decided, fromArray(costs.flat(), [7, names.length], 'float64')).item();
      expect(expected).toBeCloseTo(countEdges(genotype, size), 6);
    }
  });
});

/** Elements of the tensors in the layers of a network: outputs of convolutions, norms, resizes and concatenations, the ReLU that each convolution reads, and one term of a sum an edge. */
function countEdges(genotype: ReturnType<typeof randomDints>, size: readonly number[]): number {
  const graph = buildDints(genotype, { inputs: 1, classes: 2 });
  const shapes = inferShapes(graph, size);
  const elements = (node: number) => shapes[node].channels * shapes[node].size.reduce((a, b) => a * b, 1);
  let sum = 0;
  graph.nodes.forEach((node, i) => {
    if (!node.stage.startsWith('layer')) return;
    if (['norm', 'concat'].includes(node.kind)) sum += elements(i);
    // The two halves of a way down make up one tensor together.
    if (node.kind === 'convolution') sum += elements(i);
    if (node.kind === 'convolution' && graph.nodes[node.inputs[0]].kind === 'relu') sum += elements(node.inputs[0]);
  });
  const elementsOf = (channelsOf: number, sizeOf: number) =>
    genotype.filters * 2 ** channelsOf * size.reduce((product, side) => product * (side / 2 ** (sizeOf + 1)), 1);
  // By edge: where a node hands on what it reads, the network enlarges it once for the edges up of two layers.
  const enlarged = ({ from, to }: { from: number; to: number }) => (from > to ? elementsOf(from, to) : 0);
  return genotype.topology.flat().reduce((all, edge) => all + elementsOf(edge.to, edge.to) + enlarged(edge), sum);
}
