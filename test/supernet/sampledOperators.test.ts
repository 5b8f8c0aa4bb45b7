import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import { gradients, requireGradient } from '../../src/engine/autograd.ts';
import { Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { fromArray, scope } from '../../src/engine/tensor.ts';
import { ParameterSet } from '../../src/nn/parameters.ts';
import { edgeCount, edgeIndex } from '../../src/space/cell.ts';
import { OPERATOR_NAMES } from '../../src/space/operators.ts';
import { cellProbabilities, createCell } from '../../src/supernet/cell.ts';
import { createSupernet } from '../../src/supernet/network.ts';
import { sampleOperators, strongestOperators, temperatureAt } from '../../src/supernet/sampledOperators.ts';
import { largestOf } from '../helpers/tensors.ts';

const generator = new Generator(12);
const origin = { generator: generator.id, device: 'cpu' };

describe('sampled operators', () => {
  it.each([0.1, 10])('are drawn as often as their softmax says, at temperature %f', (temperature) => {
    scope(() => {
      const alpha = op.scale(op.randn([3, 8], generator.id, 'float64'), 1.5);
      const expected = op.softmax(alpha, 1).numbers();
      const counts = Array<number>(24).fill(0);
      const draws = 4000;
      const random = createRandom(7);
      for (let i = 0; i < draws; i++)
        scope(() => {
          const { chosen, table } = sampleOperators(alpha, random, temperature);
          chosen.forEach((k, edge) => {
            counts[8 * edge + k]++;
          });
          if (i > 5) return;
          const oneHot = chosen.flatMap((k) => OPERATOR_NAMES.map((_, other) => Number(other === k)));
          expect(table.numbers()).toEqual(oneHot);
        });
      counts.forEach((count, i) => {
        const deviation = Math.sqrt(draws * expected[i] * (1 - expected[i]));
        expect(Math.abs(count - draws * expected[i]), `entry ${i}`).toBeLessThan(4 * deviation + 1);
      });
    });
  });

  it('pass the gradient of the softmax with the same noise straight through', () => {
    scope(() => {
      const alpha = requireGradient(op.randn([2, 8], generator.id, 'float64'));
      const grad = op.randn([2, 8], generator.id, 'float64').numbers();
      const [temperature, seed] = [0.7, 5];
      const [found] = gradients([sampleOperators(alpha, createRandom(seed), temperature).table], [alpha], {
        gradients: [fromArray(grad, [2, 8], 'float64')],
      });
      const random = createRandom(seed);
      const noise = grad.map(() => -Math.log(-Math.log(random.uniform())));
      const soft = (logits: number[]) =>
        [0, 1].flatMap((row) => {
          const powers = Array.from({ length: 8 }, (_, k) =>
            Math.exp((logits[8 * row + k] + noise[8 * row + k]) / temperature),
          );
          const total = powers.reduce((a, b) => a + b);
          return powers.map((power) => power / total);
        });
      const at = (i: number, offset: number) => {
        const logits = alpha.numbers();
        logits[i] += offset;
        return soft(logits).reduce((sum, p, k) => sum + p * grad[k], 0);
      };
      found?.numbers().forEach((value, i) => {
        expect(value).toBeCloseTo((at(i, 1e-5) - at(i, -1e-5)) / 2e-5, 7);
      });
    });
  });

  it('are the strongest between the steps', () => {
    const alpha = op.randn([5, 8], generator.id);
    const rows = alpha.numbers();
    const expected = [0, 1, 2, 3, 4].map((row) => {
      const logits = rows.slice(8 * row, 8 * row + 8);
      return logits.indexOf(Math.max(...logits));
    });
    expect(strongestOperators(alpha).chosen).toEqual(expected);
  });

  it('have a temperature that falls in a straight line', () => {
    expect([0, 0.5, 1, 1.2].map((progress) => temperatureAt([10, 0.1], progress))).toEqual([10, 5.05, 0.1, 0.1]);
  });
});

describe('a cell with one operator an edge', () => {
  it('gives what the relaxed cell gives at the one-hot table, and computes no other operator', () => {
    const blocks = 3;
    const set = new ParameterSet(origin);
    const cell = createCell(set, { rank: 2, blocks, channels: 4, atrous: 'dense', fused: false });
    const inputs = [0, 1].map(() => op.randn([2, 4, 9, 7], generator.id));
    for (let seed = 0; seed < 5; seed++)
      scope(() => {
        const alpha = requireGradient(op.randn([edgeCount(blocks), 8], generator.id));
        const sampled = sampleOperators(alpha, createRandom(seed), 1);
        const output = cell.cellOutput(inputs[0], inputs[1], cellProbabilities(sampled, blocks));
        const relaxed = cell.cellOutput(
          inputs[0],
          inputs[1],
          cellProbabilities({ table: op.detach(sampled.table) }, blocks),
        );
        expect(largestOf(op.abs(op.subtract(output, relaxed)).numbers())).toBeLessThan(1e-4);

        const names = set.parameters().map(({ name }) => name);
        const grads = gradients(
          [op.sum(op.power(output, 3))],
          [alpha, ...set.parameters().map(({ tensor }) => tensor)],
        );
        // What was not computed has no gradient at all, rather than one of zeros.
        const computed = new Set(
          names.filter((_, i) => grads[i + 1] !== null).map((name) => name.split('.').slice(0, 2).join()),
        );
        const drawn = new Set<string>();
        for (let block = 0; block < blocks; block++)
          for (let state = 0; state < block + 2; state++) {
            const name = OPERATOR_NAMES[sampled.chosen[edgeIndex(block, state)]];
            if (/sep|atrous/.test(name)) drawn.add(`state${state},${name}`);
          }
        expect(computed).toEqual(drawn);
      });
  });

  it('that is zero everywhere gives zeros', () => {
    const cell = createCell(new ParameterSet(origin), { rank: 2, blocks: 2, channels: 2, atrous: 'dense' });
    const x = op.randn([1, 2, 5, 5], generator.id);
    const chosen = Array<number>(edgeCount(2)).fill(OPERATOR_NAMES.indexOf('zero'));
    const output = cell.cellOutput(x, x, cellProbabilities({ table: op.zeros([edgeCount(2), 8]), chosen }, 2));
    expect(output.shape).toEqual([1, 4, 5, 5]);
    expect(output.numbers().every((value) => value === 0)).toBe(true);
  });
});

describe('a supernet with sampled operators', () => {
  const options = {
    rank: 2,
    inputs: 3,
    classes: 2,
    layers: 2,
    filters: 2,
    blocks: 1,
    atrous: 'dense',
    cellWeights: 'perNode',
    sampling: { temperature: [5, 1] },
  } as const;

  it('draws in training, again the same from the same numbers, and takes the strongest otherwise', () => {
    const supernet = createSupernet(origin, options);
    const images = op.randn([2, 3, 33, 33], generator.id);
    const logits = (seed: number) =>
      scope(() => supernet.forward(images, { training: true, random: createRandom(seed) }).numbers());
    expect(logits(1)).toEqual(logits(1));
    expect(new Set([1, 2, 3, 4, 5, 6].map((seed) => logits(seed)[0])).size).toBeGreaterThan(1);
    const scored = () => scope(() => supernet.forward(images, { training: false }).numbers());
    expect(scored()).toEqual(scored());
    expect(() => supernet.forward(images, { training: true })).toThrow(/random numbers/);
  });
});
