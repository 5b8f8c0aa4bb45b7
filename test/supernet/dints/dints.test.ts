/** @file The supernet of DiNTS: probabilities against the formulas, the pass against a plain sum, one-hot against the discrete network. @paper dints section 3 */
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/base/random.ts';
import { gradients, noGrad } from '../../../src/engine/autograd.ts';
import { Generator } from '../../../src/engine/device.ts';
import * as op from '../../../src/engine/operators.ts';
import { fromArray, scope, type Tensor } from '../../../src/engine/tensor.ts';
import { buildDints } from '../../../src/models/dints.ts';
import { createNetwork } from '../../../src/models/network.ts';
import { copyParameters } from '../../../src/nn/average.ts';
import { ParameterSet } from '../../../src/nn/parameters.ts';
import { DINTS_OPERATOR_NAMES } from '../../../src/space/dints/operators.ts';
import { randomDints } from '../../../src/space/dints/random.ts';
import { layerEdges } from '../../../src/space/dints/trellis.ts';
import type { DintsGenotype } from '../../../src/space/genotype.ts';
import { dintsProbabilities, patternTable } from '../../../src/supernet/dints/architecture.ts';
import { createEdge, type EdgeOptions, nodeValue } from '../../../src/supernet/dints/edge.ts';
import { createDintsSupernet } from '../../../src/supernet/dints/network.ts';
import { largestOf } from '../../helpers/tensors.ts';

const generator = new Generator(5);
const origin = { generator: generator.id, device: 'cpu' };
const small = { inputs: 2, classes: 3, layers: 3, levels: 3, filters: 4 };
const ranks = [2, 3] as const;
const largest = (a: Tensor, b: Tensor) => largestOf(op.abs(op.subtract(a, b)).numbers());

/** Logits that decide for a genotype: a softmax or sigmoid of them is exact in float32. */
function decideFor(supernet: ReturnType<typeof createDintsSupernet>, genotype: DintsGenotype): void {
  const [edges, ops] = supernet.architecture.parameters.map(({ tensor }) => op.detach(tensor));
  const all = layerEdges(genotype.levels);
  const names = DINTS_OPERATOR_NAMES[genotype.rank];
  const found = genotype.topology.map((layer) =>
    all.map(({ from, to }) => layer.find((edge) => edge.from === from && edge.to === to)),
  );
  const on = found.flat().map((edge) => (edge ? 200 : -200));
  const chosen = found.flat().flatMap((edge) => names.map((name) => (edge?.operator === name ? 200 : 0)));
  op.copyInto(edges, fromArray(on, edges.shape));
  op.copyInto(ops, fromArray(chosen, ops.shape));
}

describe('the probabilities', () => {
  it('are sigmoids without the empty pattern, and softmax over operators', () => {
    const logits = op.randn([2, 7], generator.id, 'float64');
    const ops = op.randn([2, 7, 5], generator.id, 'float64');
    const { logPatterns, edges, operators } = dintsProbabilities(logits, ops, patternTable(3, 'float64'));
    expect([logPatterns.shape, edges.shape, operators.shape]).toEqual([
      [2, 127],
      [2, 7],
      [2, 7, 5],
    ]);
    const rows = logits.numbers().map((logit) => 1 / (1 + Math.exp(-logit)));
    for (const layer of [0, 1]) {
      const p = rows.slice(7 * layer, 7 * layer + 7);
      const some = 1 - p.reduce((all, on) => all * (1 - on), 1);
      p.forEach((on, e) => {
        expect(edges.numbers()[7 * layer + e]).toBeCloseTo(on / some, 12);
      });
      for (const pattern of [1, 5, 100, 127]) {
        const product = p.reduce((all, on, e) => all * ((pattern >> e) & 1 ? on : 1 - on), 1);
        expect(logPatterns.numbers()[127 * layer + pattern - 1]).toBeCloseTo(Math.log(product / some), 12);
      }
    }
    const sums = op.sumOver(operators, [2]).numbers();
    for (const sum of sums) expect(sum).toBeCloseTo(1, 12);
  });

  it('start near one half for edges and one fifth for operators', () => {
    const { architecture } = createDintsSupernet(origin, { ...small, levels: 4, layers: 12, rank: 3 });
    const [edges, ops] = architecture.parameters.map(({ tensor }) => tensor);
    expect([edges.shape, ops.shape]).toEqual([
      [12, 10],
      [12, 10, 5],
    ]);
    for (const [logits, mean] of [
      [edges, 0],
      [ops, 1],
    ] as const) {
      const values = logits.numbers();
      const average = values.reduce((a, b) => a + b) / values.length;
      const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - average) ** 2, 0) / values.length);
      expect(Math.abs(average - mean)).toBeLessThan(0.004);
      expect(Math.abs(deviation - 0.01)).toBeLessThan(0.003);
    }
  });
});

describe('an edge', () => {
  it.each(ranks)('is the weighted sum of its operators in rank %i, whatever its direction', (rank) => {
    scope(() => {
      for (const [from, to] of [
        [0, 0],
        [1, 0],
        [0, 1],
      ]) {
        const edge = createEdge(new ParameterSet(origin), { from, to }, { rank, channels: (level) => 4 * 2 ** level });
        const x = nodeValue(op.randn([2, 4 * 2 ** from, ...Array<number>(rank).fill(4)], generator.id));
        const names = DINTS_OPERATOR_NAMES[rank];
        const weights = fromArray(
          names.map((_, k) => 0.1 + 0.2 * k),
          [names.length],
        );
        const mixed = edge(x, weights, { training: true });
        const plain = names
          .map((operator, k) => op.multiply(edge(x, operator, { training: true }), op.select(weights, 0, k)))
          .reduce(op.add);
        expect(mixed.shape.slice(2)).toEqual(Array(rank).fill(from === to ? 4 : from > to ? 8 : 2));
        expect(largest(mixed, plain)).toBeLessThan(1e-5);
      }
    });
  });
});

describe('the supernet', () => {
  it.each(ranks)(
    'gives logits at the size of the input and a gradient to every logit and weight in rank %i',
    (rank) => {
      const supernet = createDintsSupernet(origin, { ...small, rank });
      scope(() => {
        const size = [32, 16, 16].slice(0, rank);
        const logits = supernet.forward(op.randn([2, 2, ...size], generator.id), { training: true });
        expect(logits.shape).toEqual([2, 3, ...size]);
        const leaves = [...supernet.architecture.parameters, ...supernet.parameters.parameters()];
        const grads = gradients(
          [op.sum(op.power(logits, 2))],
          leaves.map(({ tensor }) => tensor),
        );
        expect(leaves.filter((_, i) => grads[i] === null).map(({ name }) => name)).toEqual([]);
        expect(grads[0]?.numbers().every((value) => value !== 0)).toBe(true);
        expect(grads[1]?.numbers().every((value) => value !== 0)).toBe(true);
      });
    },
  );

  it.each(ranks)('gives the same logits and gradients fused as composed, whatever it keeps, in rank %i', (rank) => {
    const image = op.randn([2, 2, ...[32, 16, 16].slice(0, rank)], generator.id);
    const run = (options: EdgeOptions) => {
      const { id } = new Generator(3);
      const supernet = createDintsSupernet({ generator: id, device: 'cpu' }, { ...small, ...options, rank });
      return scope(() => {
        const logits = supernet.forward(image, { training: true });
        const leaves = [...supernet.architecture.parameters, ...supernet.parameters.parameters()];
        const grads = gradients(
          [op.sum(op.power(logits, 2))],
          leaves.map(({ tensor }) => tensor),
        );
        return [logits, ...grads].map((tensor) => (tensor as Tensor).numbers());
      });
    };
    const composed = run({ fused: false });
    const fast = run({});
    const largestOf = (values: readonly number[], least: number) =>
      values.reduce((most, value) => Math.max(most, Math.abs(value)), least);
    // Some gradients are zero but for rounding, such as that of a shift before a norm: those are held to the others.
    const floor = 1e-3 * composed.reduce((most, values) => largestOf(values, most), 0);
    fast.forEach((values, i) => {
      const scale = largestOf(composed[i], floor);
      const distance = values.reduce((most, value, k) => Math.max(most, Math.abs(value - composed[i][k])), 0);
      expect(distance / scale).toBeLessThan(2e-3);
    });
    expect(run({ memory: 'balanced' })).toEqual(fast);
    expect(run({ memory: 'small' })).toEqual(fast);
  });

  it.each(ranks)('decided for a genotype is the discrete network of the same weights in rank %i', (rank) => {
    const random = createRandom(rank);
    for (let i = 0; i < 5; i++) {
      const genotype = randomDints({ ...small, rank }, random);
      const supernet = createDintsSupernet(origin, { ...small, rank });
      // Norms begin as the identity: with other scales and shifts they count too.
      scope(() =>
        noGrad(() => {
          for (const { name, tensor } of supernet.parameters.parameters())
            if (name.includes('norm')) op.copyInto(tensor, op.randn(tensor.shape, generator.id));
        }),
      );
      const network = createNetwork(buildDints(genotype, small), new ParameterSet(origin));
      copyParameters(supernet.parameters, network.parameters);
      scope(() =>
        noGrad(() => {
          const images = op.randn([2, 2, ...[32, 16, 16].slice(0, rank)], generator.id);
          const discrete = network.forward(images, { training: false });
          expect(largest(supernet.forward(images, { training: false }, genotype), discrete)).toBeLessThan(1e-4);
          // The relaxed pass with the same decision computes every level, also those that the genotype leaves empty.
          decideFor(supernet, genotype);
          if (genotype.topology[small.layers - 1].some(({ to }) => to === small.levels - 1))
            expect(largest(supernet.forward(images, { training: false }), discrete)).toBeLessThan(1e-4);
        }),
      );
    }
  });

  it('keeps weights and architecture apart, and decays no logit', () => {
    const { parameters, architecture } = createDintsSupernet(origin, { ...small, rank: 2 });
    const names = new Set(parameters.parameters().map(({ name }) => name));
    expect(architecture.parameters.map(({ name }) => name)).toEqual(['edges', 'ops']);
    expect(architecture.parameters.some(({ name, decay }) => names.has(name) || decay)).toBe(false);
  });
});
