import { describe, expect, it } from 'vitest';
import { moveProbabilities } from '../../src/decode/autoDeepLab.ts';
import { gradients, noGrad } from '../../src/engine/autograd.ts';
import { Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { scope, type Tensor } from '../../src/engine/tensor.ts';
import { trellisEdges } from '../../src/space/trellis.ts';
import { createSupernet, trellisFacts } from '../../src/supernet/network.ts';
import { largestOf } from '../helpers/tensors.ts';

const generator = new Generator(2);
const small = {
  rank: 2,
  inputs: 3,
  classes: 4,
  layers: 3,
  filters: 2,
  blocks: 2,
  atrous: 'dense',
  cellWeights: 'perNode',
} as const;
const origin = { generator: generator.id, device: 'cpu' };

describe('the trellis', () => {
  it('has at 12 layers the counts of the paper', () => {
    expect(trellisFacts(12)).toEqual({ levels: 4, nodes: 45, edges: 105, cellEvaluations: 105 });
  });
});

describe('the supernet', () => {
  it('moves sum to one at every node and are zero where there is no edge', () => {
    const { architecture } = createSupernet(origin, { ...small, layers: 12 });
    const moves = architecture.moveProbabilities().numbers();
    const { beta } = architecture.snapshot();
    let edges = 0;
    for (let i = 0; i < 48; i++) {
      const row = beta[Math.floor(i / 4)][i % 4];
      edges += row.filter((value) => value !== null).length;
      const sum = moves.slice(3 * i, 3 * i + 3).reduce((a, b) => a + b, 0);
      expect(sum).toBeCloseTo(row.some((value) => value !== null) ? 1 : 0, 6);
      for (const move of [0, 1, 2]) if (row[move] === null) expect(moves[3 * i + move]).toBe(0);
    }
    expect(edges).toBe(105);
  });

  it('can make the moves that enter a node sum to one instead', () => {
    const { architecture } = createSupernet(origin, { ...small, layers: 12, betaNormalisation: 'incoming' });
    const moves = architecture.moveProbabilities().numbers();
    const sums = new Map<string, number>();
    let total = 0;
    for (const { layer, from, to, move } of trellisEdges(12)) {
      const probability = moves[(layer * 4 + from) * 3 + move];
      sums.set(`${layer},${to}`, (sums.get(`${layer},${to}`) ?? 0) + probability);
      total += probability;
    }
    expect(sums.size).toBe(45);
    for (const sum of sums.values()) expect(sum).toBeCloseTo(1, 6);
    expect(moves.reduce((a, b) => a + b, 0)).toBeCloseTo(total, 5);
  });

  it.each(['outgoing', 'incoming'] as const)(
    'computes the moves that its snapshot decodes to (%s)',
    (betaNormalisation) => {
      const { architecture } = createSupernet(origin, { ...small, layers: 5, betaNormalisation });
      const [, beta] = architecture.parameters;
      noGrad(() => op.copyInto(beta.tensor, op.randn(beta.tensor.shape, generator.id)));
      const decoded = moveProbabilities(architecture.snapshot()).flat(2);
      architecture
        .moveProbabilities()
        .numbers()
        .forEach((p, i) => void expect(p).toBeCloseTo(decoded[i], 6));
    },
  );

  it.each(['dense', 'separable'] as const)(
    'gives logits at the size of the input and a gradient to every logit (%s)',
    (atrous) => {
      for (const cellWeights of ['perNode', 'perEdge'] as const) {
        const supernet = createSupernet(origin, { ...small, atrous, cellWeights });
        scope(() => {
          const logits = supernet.forward(op.randn([2, 3, 33, 49], generator.id), { training: true });
          expect(logits.shape).toEqual([2, 4, 33, 49]);
          const leaves = [...supernet.architecture.parameters, ...supernet.parameters.parameters()];
          const grads = gradients(
            [op.sum(op.power(logits, 2))],
            leaves.map(({ tensor }) => tensor),
          );
          expect(leaves.filter((_, i) => grads[i] === null).map(({ name }) => name)).toEqual([]);
          expect(grads[0]?.numbers().every((value) => value !== 0)).toBe(true);
        });
      }
    },
  );

  it('has with weights of their own a cell for each edge, which computes what shared ones do when they are equal', () => {
    const [shared, own] = (['perNode', 'perEdge'] as const).map((cellWeights) =>
      createSupernet(origin, { ...small, layers: 4, cellWeights }),
    );
    const cells = new Set<string>();
    noGrad(() => {
      const values = shared.parameters.entries();
      for (const [name, tensor] of own.parameters.entries()) {
        const [cell] = name.match(/^.*\.cell\.from\d/) ?? [];
        if (cell !== undefined) cells.add(cell);
        op.copyInto(tensor, values.get(name.replace(/cell\.from\d/, 'cell')) as Tensor);
      }
      own.architecture.parameters.forEach(({ tensor }, i) => {
        op.copyInto(tensor, shared.architecture.parameters[i].tensor);
      });
    });
    expect(cells.size).toBe(trellisEdges(4).length);
    const images = op.randn([2, 3, 33, 33], generator.id);
    const [a, b] = [shared, own].map((supernet) => supernet.forward(images, { training: true }));
    const largest = largestOf(op.abs(a).numbers());
    expect(largestOf(op.abs(op.subtract(a, b)).numbers())).toBeLessThan(1e-4 * largest);
  });

  it('can learn a scale and a shift after every convolution that has a norm, from the plain norm on', () => {
    const plain = createSupernet(origin, { ...small, fused: false });
    const affine = createSupernet(origin, { ...small, affineNorms: true });
    const values = plain.parameters.entries();
    const added = [...affine.parameters.entries()].filter(([name, tensor]) => {
      const value = values.get(name);
      if (value) noGrad(() => op.copyInto(tensor, value));
      return !value;
    });
    expect(added.filter(([name]) => !/\.norm\d?\.(scale|shift|weight|bias)$/.test(name))).toEqual([]);
    noGrad(() =>
      affine.architecture.parameters.forEach(({ tensor }, i) => {
        op.copyInto(tensor, plain.architecture.parameters[i].tensor);
      }),
    );
    scope(() => {
      const images = op.randn([2, 3, 33, 33], generator.id);
      const [a, b] = [plain, affine].map((supernet) => supernet.forward(images, { training: true }));
      expect(largestOf(op.abs(op.subtract(a, b)).numbers())).toBeLessThan(1e-4);
      const grads = gradients(
        [op.sum(op.power(b, 2))],
        added.map(([, tensor]) => tensor),
      );
      expect(added.filter((_, i) => grads[i] === null)).toEqual([]);
    });
  });

  it('takes any size, also those whose levels do not double exactly', () => {
    const supernet = createSupernet(origin, small);
    for (const size of [
      [40, 64],
      [50, 33],
      [36, 47],
    ])
      expect(scope(() => supernet.forward(op.randn([2, 3, ...size], generator.id), { training: true }).shape)).toEqual([
        2,
        4,
        ...size,
      ]);
  });

  it('keeps weights and architecture apart', () => {
    const { parameters, architecture } = createSupernet(origin, small);
    const names = new Set(parameters.parameters().map(({ name }) => name));
    expect(architecture.parameters.map(({ name }) => name)).toEqual(['alpha', 'beta']);
    expect(architecture.parameters.some(({ name }) => names.has(name))).toBe(false);
  });
});
