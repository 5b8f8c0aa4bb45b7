import { describe, expect, it } from 'vitest';
import { noGrad } from '../../src/engine/autograd.ts';
import { Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { scope } from '../../src/engine/tensor.ts';
import { buildAutoDeepLab } from '../../src/models/autoDeepLab.ts';
import { countNetwork, inferShapes } from '../../src/models/graph.ts';
import { createNetwork } from '../../src/models/network.ts';
import { ParameterSet } from '../../src/nn/parameters.ts';
import type { AutoDeepLabGenotype } from '../../src/space/genotype.ts';

const input = (from: number, operator: AutoDeepLabGenotype['cell'][number]['inputs'][number]['operator']) => ({
  from,
  operator,
});
const published: AutoDeepLabGenotype = {
  format: 'espalier-genotype',
  version: 1,
  method: 'auto-deeplab',
  rank: 2,
  layers: 12,
  blocks: 5,
  filters: 20,
  atrous: 'dense',
  path: [0, 0, 0, 1, 2, 1, 2, 2, 3, 3, 2, 1],
  cell: [
    { block: 1, inputs: [input(1, 'atrous5x5'), input(0, 'sep3x3')] },
    { block: 2, inputs: [input(1, 'sep3x3'), input(0, 'atrous3x3')] },
    { block: 3, inputs: [input(3, 'sep3x3'), input(1, 'sep3x3')] },
    { block: 4, inputs: [input(4, 'sep5x5'), input(2, 'sep5x5')] },
    { block: 5, inputs: [input(3, 'sep5x5'), input(5, 'atrous5x5')] },
  ],
};

describe('an atrous operator that goes down a level', () => {
  /** Both inputs through one atrous operator each, one level down: the first layer of a path that begins at stride 8. */
  const graphOf = (atrous: 'dense' | 'separable') =>
    buildAutoDeepLab(
      {
        ...published,
        ...{ atrous, layers: 2, blocks: 1, path: [0, 1] },
        cell: [{ block: 1, inputs: [input(0, 'atrous3x3'), input(1, 'atrous5x5')] }],
      },
      { inputs: 3, classes: 2, filters: 4, stem: [4, 4, 8] },
    );

  it.each(['dense', 'separable'] as const)('applies ReLU, halves, and convolves at rate 1 (%s)', (atrous) => {
    const { nodes } = graphOf(atrous);
    const halvings = nodes.flatMap((node, i) =>
      node.kind === 'resize' && 'factor' in node.to && node.to.factor === 0.5 ? [i] : [],
    );
    expect(halvings).toHaveLength(2);
    for (const at of halvings) {
      expect(nodes[nodes[at].inputs[0]].kind).toBe('relu');
      const readers = nodes.filter(({ inputs }) => inputs.includes(at));
      expect(readers).toMatchObject([{ kind: 'convolution', dilation: 1, stride: 1 }]);
    }
  });
});

describe('the published network', () => {
  it.each([
    [20, 10_147_427, 333.25],
    [32, 21_622_451, 460.93],
    [48, 44_424_691, 695.03],
  ])('has with F = %i the parameters of the paper and its multiply-adds within 5 %%', (filters, parameters, giga) => {
    const cost = countNetwork(buildAutoDeepLab(published, { inputs: 3, classes: 19, filters }), [1025, 2049]);
    expect(cost.parameters).toBe(parameters);
    expect(Math.abs(cost.multiplyAdds / 1e9 / giga - 1)).toBeLessThan(0.05);
  });

  it('computes no ReLU, pool or resize twice', () => {
    const { nodes } = buildAutoDeepLab(published, { inputs: 3, classes: 19 });
    const computed = nodes
      .filter(({ kind }) => ['relu', 'pool', 'resize'].includes(kind))
      .map(({ name, stage, ...what }) => JSON.stringify(what));
    expect(computed.length).toBeGreaterThan(100);
    expect(new Set(computed).size).toBe(computed.length);
  });

  it('runs at odd and even sizes, with the shapes and parameters that were counted', () => {
    const graph = buildAutoDeepLab(published, {
      inputs: 3,
      classes: 5,
      filters: 4,
      stem: [4, 4, 8],
      head: { aspp: 8, decoder: 8, lowLevel: 4 },
    });
    const generator = new Generator(1);
    const network = createNetwork(graph, new ParameterSet({ generator: generator.id, device: 'cpu' }));
    expect(network.parameters.count()).toBe(countNetwork(graph, [65, 65]).parameters);
    for (const size of [
      [65, 97],
      [64, 50],
      [33, 34],
    ]) {
      const shape = scope(() =>
        noGrad(() => network.forward(op.randn([1, 3, ...size], generator.id), { training: false }).shape),
      );
      expect(shape).toEqual([1, 5, ...size]);
      expect(inferShapes(graph, size).at(-1)).toEqual({ channels: 5, size });
    }
  });
});
