import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/engine/autograd.ts';
import { Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { scope } from '../../src/engine/tensor.ts';
import { trellisEdges } from '../../src/space/trellis.ts';
import { createSupernet, trellisFacts } from '../../src/supernet/network.ts';

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

  it.each(['dense', 'separable'] as const)(
    'gives logits at the size of the input and a gradient to every logit (%s)',
    (atrous) => {
      for (const cellWeights of ['perNode', 'perEdge'] as const) {
        const supernet = createSupernet(origin, { ...small, atrous, cellWeights });
        scope(() => {
          const logits = supernet.forward(op.randn([2, 3, 33, 49], generator.id), { training: true });
          expect(logits.shape).toEqual([2, 4, 33, 49]);
          const leaves = [...supernet.architecture.parameters, ...supernet.parameters.parameters()];
          const slopes = gradients(
            [op.sum(op.power(logits, 2))],
            leaves.map(({ tensor }) => tensor),
          );
          expect(leaves.filter((_, i) => slopes[i] === null).map(({ name }) => name)).toEqual([]);
          expect(slopes[0]?.numbers().every((value) => value !== 0)).toBe(true);
        });
      }
    },
  );

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
