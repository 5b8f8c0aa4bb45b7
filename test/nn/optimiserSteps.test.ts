import { describe, expect, it } from 'vitest';
import { noGrad } from '../../src/engine/autograd.ts';
import { operator } from '../../src/engine/call.ts';
import { Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { type DType, fromArray, scope, type Tensor } from '../../src/engine/tensor.ts';
import { adam, jointNorm, type RateOf, sgd } from '../../src/nn/optimisers.ts';
import { type Parameter, ParameterSet } from '../../src/nn/parameters.ts';

const generator = new Generator(5);
/** More than a piece, a few, one, and none. */
const SHAPES = [[70, 31, 5, 5], [3, 4], [1], [0]];
const TOLERANCE: Partial<Record<DType, number>> = { float32: 1e-5, float64: 1e-12 };

/** Weights of which the first lies in another order than its gradient. */
function createSet(dtype: DType): ParameterSet {
  const set = new ParameterSet({ generator: generator.id, device: 'cpu' });
  SHAPES.forEach((shape, i) => {
    const initialise = () => op.randn(shape, generator.id, dtype);
    set.weight(`w${i}`, shape, initialise, { decay: i !== 1, ...(i === 0 ? { outputsLast: true } : {}) });
  });
  return set;
}

const gradientsOf = (dtype: DType) => SHAPES.map((shape) => op.randn(shape, generator.id, dtype));

function expectClose(tensor: Tensor, expected: readonly number[], dtype: DType): void {
  const worst = tensor.numbers().reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0);
  expect(worst).toBeLessThan(TOLERANCE[dtype] as number);
}

describe.each(['float32', 'float64'] as const)('steps as one operator, in %s', (dtype) => {
  it('of SGD follow the formula in every element', () => {
    const set = createSet(dtype);
    const [momentum, decay, rate, scale] = [0.9, 0.1, 0.05, 0.7];
    const optimiser = sgd(set.parameters(), { momentum, decay });
    const state = set.parameters().map(({ tensor }) => ({ w: tensor.numbers(), v: tensor.numbers().map(() => 0) }));
    for (let step = 0; step < 3; step++) {
      scope(() => {
        const grads = gradientsOf(dtype);
        optimiser.step(grads, rate, scale);
        state.forEach(({ w, v }, k) => {
          grads[k].numbers().forEach((grad, i) => {
            v[i] = momentum * v[i] + scale * grad + (set.parameters()[k].decay ? decay : 0) * w[i];
            w[i] -= rate * v[i];
          });
        });
      });
    }
    set.parameters().forEach(({ tensor }, k) => {
      expectClose(tensor, state[k].w, dtype);
    });
  });

  it.each([false, true])('of Adam follow the formula in every element (decoupled %s)', (decoupled) => {
    const set = createSet(dtype);
    const [beta1, beta2, decay, rate, scale] = [0.8, 0.99, 0.1, 0.01, 0.7];
    const optimiser = adam(set.parameters(), { beta1, beta2, decay, decoupled });
    const state = set.parameters().map(({ tensor }) => {
      const zeros = () => tensor.numbers().map(() => 0);
      return { w: tensor.numbers(), m: zeros(), v: zeros() };
    });
    for (let step = 1; step <= 3; step++) {
      scope(() => {
        const grads = gradientsOf(dtype);
        optimiser.step(grads, rate, scale);
        state.forEach(({ w, m, v }, k) => {
          const own = set.parameters()[k].decay ? decay : 0;
          grads[k].numbers().forEach((grad, i) => {
            const g = scale * grad + (decoupled ? 0 : own * w[i]);
            m[i] = beta1 * m[i] + (1 - beta1) * g;
            v[i] = beta2 * v[i] + (1 - beta2) * g * g;
            const shrunk = decoupled ? w[i] * (1 - rate * own) : w[i];
            w[i] = shrunk - (rate * (m[i] / (1 - beta1 ** step))) / (Math.sqrt(v[i] / (1 - beta2 ** step)) + 1e-8);
          });
        });
      });
    }
    set.parameters().forEach(({ tensor }, k) => {
      expectClose(tensor, state[k].w, dtype);
    });
  });

  it.each(['sgd', 'adam'])('of %s take a rate of its own for each parameter', (kind) => {
    const [all, apart] = [createSet(dtype), createSet(dtype)];
    const rateOf = (name: string) => 0.5 ** Number(name.slice(1));
    const create = (parameters: readonly Parameter[], rates?: RateOf) =>
      kind === 'sgd'
        ? sgd(parameters, { momentum: 0.9, decay: 0.1, ...(rates ? { rateOf: rates } : {}) })
        : adam(parameters, { decay: 0.1, decoupled: true, ...(rates ? { rateOf: rates } : {}) });
    const together = create(all.parameters(), rateOf);
    const single = apart.parameters().map((parameter) => create([parameter]));
    noGrad(() =>
      scope(() => {
        all.parameters().forEach(({ tensor }, i) => {
          op.copyInto(apart.parameters()[i].tensor, tensor);
        });
      }),
    );
    for (let step = 0; step < 3; step++)
      scope(() => {
        const grads = gradientsOf(dtype);
        together.step(grads, 0.05);
        single.forEach((optimiser, i) => {
          optimiser.step([grads[i]], 0.05 * rateOf(optimiser.parameters[0].name));
        });
      });
    all.parameters().forEach(({ tensor }, i) => {
      expectClose(tensor, apart.parameters()[i].tensor.numbers(), dtype);
    });
  });

  it('know the joint norm, of tensors with gaps too', () => {
    const tensors = gradientsOf(dtype);
    const gaps = op.slice(tensors[0], 1, 0, 7);
    const squares = [...tensors, gaps]
      .flatMap((tensor) => tensor.numbers())
      .reduce((sum, value) => sum + value * value, 0);
    expect(jointNorm([...tensors, gaps]) / Math.sqrt(squares)).toBeCloseTo(1, 7);
  });
});

it('refuses what does not belong together', () => {
  const step = (...lists: Tensor[][]) => operator('espalier::sgd_step').plain(...lists, 0.9, 0, 0.1, 1);
  const [two, three] = [fromArray([1, 2], [2]), fromArray([1, 2, 3], [3])];
  expect(() => step([two], [three], [two])).toThrow(/weight 0 has shape \[2\], its gradient \[3\]/);
  expect(() => step([two], [], [two])).toThrow(/1 weights, but 0 gradients/);
  expect(() => step([two], [two], [three])).toThrow(/state of weight 0/);
  expect(() => step([two, op.toDType(two, 'float64')], [two, two], [two, op.toDType(two, 'float64')])).toThrow(
    /one type/,
  );
});
