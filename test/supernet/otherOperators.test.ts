/** @file A space with other operators than the published ones: every kind with another kernel size, in another order, without a skip. */
import { describe, expect, it, vi } from 'vitest';
import { decodeCell } from '../../src/decode/cell.ts';
import { gradients, requireGradient } from '../../src/engine/autograd.ts';
import { Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { scope, type Tensor } from '../../src/engine/tensor.ts';
import { buildArchitecture } from '../../src/models/architecture.ts';
import { countNetwork } from '../../src/models/graph.ts';
import { ParameterSet } from '../../src/nn/parameters.ts';
import { edgeCount } from '../../src/space/cell.ts';
import { drawCell } from '../../src/space/drawing.ts';
import { createGenotype } from '../../src/space/genotype.ts';
import { DECODED_OPERATOR_NAMES, OPERATOR_NAMES } from '../../src/space/operators.ts';
import { cellProbabilities, createCell } from '../../src/supernet/cell.ts';
import { edgeOperatorsNotFused } from '../../src/supernet/dints/fusedEdge.ts';
import { isFusible, operatorsNotFused } from '../../src/supernet/fusedCell.ts';
import { mixedOp } from '../../src/supernet/mixedOp.ts';
import { elementsKept } from '../../src/supernet/networkMemory.ts';
import { createStateOperators } from '../../src/supernet/stateOperators.ts';

vi.mock('../../src/space/operators.ts', () => {
  const OPERATORS = {
    zero: { kind: 'zero', kernel: 1 },
    avgPool5x5: { kind: 'averagePool', kernel: 5 },
    sep7x7: { kind: 'separable', kernel: 7 },
    atrous5x5: { kind: 'atrous', kernel: 5 },
    maxPool7x7: { kind: 'maxPool', kernel: 7 },
    sep1x1: { kind: 'separable', kernel: 1 },
  };
  const OPERATOR_NAMES = Object.keys(OPERATORS);
  const DECODED_OPERATOR_NAMES = OPERATOR_NAMES.filter((name) => name !== 'zero');
  return { OPERATORS, OPERATOR_NAMES, DECODED_OPERATOR_NAMES };
});

const generator = new Generator(6);
const largest = (a: Tensor, b: Tensor) =>
  op
    .abs(op.subtract(a, b))
    .numbers()
    .reduce((most, value) => Math.max(most, value));
const options = { rank: 2, inputs: 3, classes: 2, layers: 2, filters: 4, blocks: 2, atrous: 'dense' } as const;

describe('a space of other operators', () => {
  it.each(['dense', 'separable'] as const)(
    'has state operators equal to the plain composition (%s), and gradients',
    (atrous) => {
      scope(() => {
        const set = new ParameterSet({ generator: generator.id, device: 'cpu' });
        const readers = 2;
        const operators = createStateOperators(set, { rank: 2, channels: 3, readers, atrous });
        const x = requireGradient(op.randn([2, 3, 9, 7], generator.id));
        const logits = requireGradient(op.randn([readers, OPERATOR_NAMES.length], generator.id));

        const fast = operators.contributions(x, op.softmax(logits, 1));
        const plain = op.concat(
          Array.from({ length: readers }, (_, r) => {
            const row = op.select(op.softmax(logits, 1), 0, r);
            return mixedOp(
              x,
              operators.edgeWeights(r),
              OPERATOR_NAMES.map((_, k) => op.select(row, 0, k)),
            );
          }),
          1,
        );
        expect(largest(fast, plain)).toBeLessThan(1e-4);
        const grad = op.randn(fast.shape, generator.id);
        const leaves = [x, logits, ...set.parameters().map(({ tensor }) => tensor)];
        const [a, b] = [fast, plain].map((output) => gradients([output], leaves, { gradients: [grad] }) as Tensor[]);
        a.forEach((gradient, i) => {
          const scale = op
            .abs(b[i])
            .numbers()
            .reduce((most, value) => Math.max(most, value), 1);
          expect(largest(gradient, b[i]) / scale, `leaf ${i}`).toBeLessThan(2e-3);
        });
      });
    },
  );

  it('composes its cells', () => {
    const set = new ParameterSet({ generator: generator.id, device: 'cpu' });
    const cell = createCell(set, { ...options, channels: 4 });
    const [last, before] = [0, 1].map(() => op.randn([1, 4, 6, 5], generator.id));
    expect(isFusible(before)).toBe(false);
    const table = op.softmax(op.randn([edgeCount(2), OPERATOR_NAMES.length], generator.id), 1);
    const probabilities = cellProbabilities({ table }, 2);
    const output = cell.resolutionState([last], before, op.ones([1], 'float32'), probabilities, { training: true });
    expect(largest(output, cell.cellOutput(last, before, probabilities))).toBeLessThan(1e-6);
    const elements = (atrous: 'dense' | 'separable') =>
      elementsKept({ ...options, atrous, cellWeights: 'perNode' }, { batch: 1, size: [33, 33] }, 'composed');
    expect(elements('separable')).toBeGreaterThan(elements('dense'));
  });

  it('decodes to every operator but zero, builds, counts and draws it', () => {
    for (const [i, name] of DECODED_OPERATOR_NAMES.entries()) {
      const alpha = Array.from({ length: edgeCount(1) }, () =>
        OPERATOR_NAMES.map((other) => (other === name ? 2 : other === 'zero' ? 9 : 0)),
      );
      const cell = decodeCell(alpha, 1);
      expect(cell.flat().map(({ operator }) => operator)).toEqual([name, name]);
      const genotype = createGenotype({ rank: 2, filters: 4, atrous: 'dense', path: [0, 1, 0], cell });
      const cost = countNetwork(buildArchitecture(genotype, { inputs: 3, classes: 2 }), [33, 33]);
      expect(cost.multiplyAdds, `operator ${i}`).toBeGreaterThan(0);
      expect(drawCell(genotype)).toContain(name);
    }
  });
});

describe('the fused cell', () => {
  const published = {
    sep3x3: { kind: 'separable', kernel: 3 },
    sep5x5: { kind: 'separable', kernel: 5 },
    atrous3x3: { kind: 'atrous', kernel: 3 },
    atrous5x5: { kind: 'atrous', kernel: 5 },
    avgPool3x3: { kind: 'averagePool', kernel: 3 },
    maxPool3x3: { kind: 'maxPool', kernel: 3 },
    skip: { kind: 'skip', kernel: 1 },
    zero: { kind: 'zero', kernel: 1 },
  };

  it('says which operators it does not compute', () => {
    const { skip, ...others } = published;
    expect(operatorsNotFused(published)).toEqual([]);
    expect(operatorsNotFused({ ...published, sep7x7: { kind: 'separable', kernel: 7 } })).toEqual(['operator sep7x7']);
    expect(operatorsNotFused({ ...published, sep3x3: { kind: 'atrous', kernel: 3 } })).toEqual(['operator sep3x3']);
    expect(operatorsNotFused(others)).toEqual(['no operator skip']);
    expect(operatorsNotFused({ skip, ...others })).toEqual(['operators in another order']);
    expect(operatorsNotFused()).toHaveLength(10);
  });

  it('of DiNTS likewise', () => {
    const kernels = {
      skip: { kernels: [] },
      conv3: { kernels: [3] },
      conv5: { kernels: [5] },
      line: {
        kernels: [
          [1, 3, 3],
          [3, 1, 1],
        ],
      },
    };
    const others = { ...kernels, three: { kernels: [3, 1, 3] }, pass: { kernels: [] }, a: { kernels: [1] } };
    expect(edgeOperatorsNotFused(['skip', 'conv3', 'line'], others)).toEqual([]);
    expect(edgeOperatorsNotFused(['skip', 'conv3', 'conv5', 'three', 'pass'], others)).toEqual([
      ...['operator conv5', 'operator three', 'operator pass'],
    ]);
    expect(edgeOperatorsNotFused(['conv3', 'skip'], others)).toEqual(['operator conv3', 'operator skip']);
    expect(edgeOperatorsNotFused(['skip', 'conv3', 'line', 'a', 'conv3', 'line'], others)).toEqual([
      '6 operators an edge',
    ]);
  });
});
