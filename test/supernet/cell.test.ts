import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import { decodeAutoDeepLab } from '../../src/decode/autoDeepLab.ts';
import { engineFacts, Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { fromArray, scope } from '../../src/engine/tensor.ts';
import { ParameterSet } from '../../src/nn/parameters.ts';
import { edgeIndex } from '../../src/space/cell.ts';
import { randomGenotype } from '../../src/space/genotype.ts';
import { OPERATOR_NAMES } from '../../src/space/operators.ts';
import { createRelaxedArchitecture, oneHotOperators } from '../../src/supernet/architecture.ts';
import { cellProbabilities, createCell } from '../../src/supernet/cell.ts';
import { applyOperator } from '../../src/supernet/mixedOp.ts';
import { largestOf } from '../helpers/tensors.ts';

const generator = new Generator(6);

describe('a one-hot cell', () => {
  it('gives the output of the discrete cell with the same weights', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 4 }), (seed, blocks) =>
        scope(() => {
          const genotype = randomGenotype({ layers: 3, blocks, filters: 4 }, createRandom(seed));
          const cell = createCell(new ParameterSet({ generator: generator.id, device: 'cpu' }), {
            rank: 2,
            blocks,
            channels: 3,
            atrous: 'dense',
          });
          const inputs = [op.randn([1, 3, 9, 7], generator.id), op.randn([1, 3, 9, 7], generator.id)];
          const relaxed = cell.cellOutput(
            inputs[0],
            inputs[1],
            cellProbabilities({ table: oneHotOperators(genotype) }, blocks),
          );
          const states = [...inputs];
          for (const { block, inputs: edges } of genotype.cell) {
            const [a, b] = edges.map(({ from, operator }) =>
              applyOperator(
                operator as Exclude<typeof operator, 'zero'>,
                states[from],
                cell.edgeWeights(block - 1, from),
              ),
            );
            states.push(op.add(a, b));
          }
          const difference = op.abs(op.subtract(relaxed, op.concat(states.slice(2), 1)));
          expect(largestOf(difference.numbers())).toBeLessThan(1e-4);
        }),
      ),
      { numRuns: 20 },
    );
  });
});

describe('a composed cell', () => {
  it('leaves nothing of what it made on the way but its output: autograd alone holds what the way back needs', () => {
    scope(() => {
      const [blocks, channels, lasts] = [3, 4, 2];
      const cell = createCell(new ParameterSet({ generator: generator.id, device: 'cpu' }), {
        rank: 2,
        blocks,
        channels,
        atrous: 'separable',
        fused: false,
      });
      const states = Array.from({ length: lasts + 1 }, () => op.randn([1, channels, 9, 7], generator.id));
      const table = op.softmax(op.randn([edgeIndex(blocks, 0), OPERATOR_NAMES.length], generator.id), 1);
      const probabilities = cellProbabilities({ table }, blocks);
      probabilities.byState();
      const moves = op.ones([lasts], 'float32', 'cpu');
      const output = () => cell.resolutionState(states.slice(1), states[0], moves, probabilities, { training: true });
      // The first pass makes what all later ones share.
      output();
      const before = engineFacts().liveTensors;
      output();
      // The output of each last input, its weight, and their sum.
      expect(engineFacts().liveTensors - before).toBeLessThanOrEqual(2 * lasts + 1);
    });
  });
});

describe('a one-hot supernet', () => {
  it('decodes to the genotype it was made from', () => {
    const random = createRandom(8);
    for (let i = 0; i < 20; i++) {
      const genotype = randomGenotype({ layers: 12, blocks: 5, filters: 8 }, random);
      const architecture = createRelaxedArchitecture(new ParameterSet({ generator: generator.id, device: 'cpu' }), {
        layers: 12,
        blocks: 5,
      });
      const [alpha, beta] = architecture.parameters.map(({ tensor }) => op.detach(tensor));
      const alphas = new Float32Array(20 * 8);
      for (const { block, inputs } of genotype.cell) {
        for (const { from, operator } of inputs)
          alphas[edgeIndex(block - 1, from) * 8 + OPERATOR_NAMES.indexOf(operator)] = 20;
      }
      const betas = new Float32Array(12 * 4 * 3);
      genotype.path.forEach((level, layer) => {
        const from = layer === 0 ? 0 : genotype.path[layer - 1];
        betas[(layer * 4 + from) * 3 + level - from + 1] = 20;
      });
      op.copyInto(alpha, fromArray(alphas, alpha.shape));
      op.copyInto(beta, fromArray(betas, beta.shape));
      const decoded = decodeAutoDeepLab(architecture.snapshot(), { filters: 8, atrous: 'dense', rank: 2 });
      expect({ path: decoded.path, cell: decoded.cell }).toEqual({ path: genotype.path, cell: genotype.cell });
    }
  });
});
