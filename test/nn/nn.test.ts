import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/engine/autograd.ts';
import { Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { fromArray, scope, type Tensor } from '../../src/engine/tensor.ts';
import { fanInUniform, heNormal } from '../../src/nn/initialisers.ts';
import { batchNorm, convolution, instanceNorm, type Rank, relu, sequence } from '../../src/nn/layers.ts';
import { crossEntropy, diceLoss, hardPixelCrossEntropy } from '../../src/nn/losses.ts';
import { adam, clipScale, jointNorm, sgd } from '../../src/nn/optimisers.ts';
import { ParameterSet } from '../../src/nn/parameters.ts';
import { cosine, poly, type ScheduleSettings, scheduleOf, step, warmUp } from '../../src/nn/schedules.ts';
import { expectGradients } from '../helpers/centralDifferences.ts';

const generator = new Generator(3);
const double = (shape: number[]) => op.randn(shape, generator.id, 'float64');
const parameters = () => new ParameterSet({ generator: generator.id, device: 'cpu' });

describe('operators against central differences', () => {
  const cases: [string, number[][], (...inputs: Tensor[]) => Tensor][] = [
    [
      'convolution 2D',
      [
        [2, 3, 5, 4],
        [4, 3, 3, 3],
      ],
      (x, w) => op.convolution(x, w, null, [1, 1], [2, 2], [2, 2], 1),
    ],
    [
      'strided depthwise',
      [
        [1, 3, 5, 5],
        [3, 1, 3, 3],
      ],
      (x, w) => op.convolution(x, w, null, [2, 2], [1, 1], [1, 1], 3),
    ],
    [
      'convolution 3D',
      [
        [1, 2, 3, 4, 3],
        [2, 2, 3, 3, 3],
      ],
      (x, w) => op.convolution(x, w, null, [1, 1, 1], [1, 1, 1], [1, 1, 1], 1),
    ],
    ['batch norm', [[3, 2, 3, 2], [2], [2]], (x, w, b) => op.batchNorm(x, w, b, null, null, true, 0.1, 1e-5)],
    ['instance norm', [[2, 2, 3, 2], [2], [2]], (x, w, b) => op.instanceNorm(x, w, b, 1e-5)],
    ['average pool', [[1, 2, 5, 5]], (x) => op.averagePool(x, 3, 2, 1)],
    ['max pool', [[1, 2, 5, 5]], (x) => op.maxPool(x, 3, 1, 1)],
    ['average pool 3D', [[1, 1, 3, 4, 3]], (x) => op.averagePool(x, 3, 1, 1)],
    ['bilinear', [[1, 2, 3, 4]], (x) => op.resize(x, [5, 7])],
    ['trilinear', [[1, 2, 2, 3, 2]], (x) => op.resize(x, [3, 5, 4])],
    ['global average pool', [[2, 3, 3, 2]], (x) => op.globalAveragePool(x)],
    ['softmax', [[2, 5]], (x) => op.softmax(x, 1)],
    ['relu, sigmoid, log', [[4, 3]], (x) => op.log(op.addNumber(op.relu(op.sigmoid(x)), 0.1))],
    [
      'matmul, divide',
      [
        [2, 3],
        [3, 2],
      ],
      (a, b) => op.divide(op.matmul(a, b), op.addNumber(op.power(op.matmul(a, b), 2), 1)),
    ],
  ];
  it.each(cases)('%s', (_, shapes, fn) => expectGradients(fn, shapes.map(double)));

  it('average pooling leaves padding out', () => {
    expect(op.averagePool(op.ones([1, 1, 3, 3]), 3, 1, 1).numbers()).toEqual(Array(9).fill(1));
  });
});

describe('losses', () => {
  const labels = fromArray([0, 1, 255, 2, 1, 0], [1, 2, 3], 'int64');

  it('cross-entropy is the closed form over counting pixels', () => {
    const logits = double([1, 3, 2, 3]);
    const probability = op.softmax(logits, 1).numbers();
    const classes = [0, 1, 255, 2, 1, 0];
    const weights = [1, 2, 3];
    let total = 0;
    let weight = 0;
    classes.forEach((label, pixel) => {
      if (label === 255) return;
      total -= weights[label] * Math.log(probability[label * 6 + pixel]);
      weight += weights[label];
    });
    expect(crossEntropy(logits, labels, { weight: fromArray(weights, [3], 'float64') }).item()).toBeCloseTo(
      total / weight,
      12,
    );
  });

  it.each<[string, (logits: Tensor) => Tensor]>([
    ['cross-entropy', (x) => crossEntropy(x, labels)],
    ['hard pixels', (x) => hardPixelCrossEntropy(x, labels, { fraction: 0.6 })],
    ['dice', (x) => diceLoss(x, labels)],
    ['dice without background', (x) => diceLoss(x, labels, { background: false })],
  ])('%s has the gradient of central differences', (_, loss) => expectGradients(loss, [double([1, 3, 2, 3])]));

  it('hard pixel mining keeps the largest losses; fraction 1 is the mean', () => {
    const logits = double([1, 3, 2, 3]);
    const losses = op
      .crossEntropy(logits, labels, null, 255, 'none')
      .numbers()
      .sort((a, b) => b - a);
    expect(hardPixelCrossEntropy(logits, labels, { fraction: 0.4 }).item()).toBeCloseTo(
      (losses[0] + losses[1]) / 2,
      12,
    );
    expect(hardPixelCrossEntropy(logits, labels, { fraction: 1 }).item()).toBeCloseTo(
      crossEntropy(logits, labels).item(),
      12,
    );
    expect(() => hardPixelCrossEntropy(logits, labels, { fraction: 0 })).toThrow(/\(0, 1\]/);
  });

  it('dice is 0 for a perfect and near 1 for a wrong prediction, whatever stands on ignored pixels', () => {
    const sharp = (classes: number[]) =>
      fromArray(
        [0, 1, 2].flatMap((c) => classes.map((label) => (label === c ? 50 : -50))),
        [1, 3, 2, 3],
        'float64',
      );
    expect(diceLoss(sharp([0, 1, 2, 2, 1, 0]), labels).item()).toBeCloseTo(0, 5);
    expect(diceLoss(sharp([1, 2, 0, 0, 2, 1]), labels).item()).toBeCloseTo(1, 4);
  });
});

describe('layers', () => {
  it.each<[Rank]>([[2], [3]])('keep sizes and halve by ceil at rank %i', (rank) => {
    const set = parameters();
    const layer = sequence(
      convolution(set.child('a'), { rank, inputs: 2, outputs: 4, kernel: 5, dilation: 2 }),
      batchNorm(set.child('n'), { channels: 4 }),
      relu,
      convolution(set.child('b'), { rank, inputs: 4, outputs: 3, kernel: 3, stride: 2, bias: true }),
      instanceNorm(set.child('i'), { channels: 3 }),
    );
    const output = layer(op.randn([2, 2, ...Array(rank).fill(7)], generator.id), { training: true });
    expect(output.shape).toEqual([2, 3, ...Array(rank).fill(4)]);
    expect(set.count()).toBe(2 * 4 * 5 ** rank + 8 + 4 * 3 * 3 ** rank + 3 + 6);
    expect(() => convolution(set.child('a'), { rank, inputs: 1, outputs: 1, kernel: 1 })).toThrow(
      /two tensors are called "a.weight"/,
    );
  });

  it('batch norm normalises in training and uses running statistics in inference', () => {
    const set = parameters();
    const norm = batchNorm(set, { channels: 2, momentum: 1 });
    const x = op.addNumber(op.scale(op.randn([4, 2, 8, 8], generator.id), 3), 5);
    const trained = norm(x, { training: true });
    expect(op.mean(trained).item()).toBeCloseTo(0, 4);
    const inferred = norm(x, { training: false });
    // The running variance is the unbiased one: a ratio of n / (n - 1) remains.
    expect(op.mean(op.abs(op.subtract(trained, inferred))).item()).toBeLessThan(0.01);
  });

  it('initialises with the stated variance', () => {
    const variance = (tensor: Tensor) => op.mean(op.power(tensor, 2)).item();
    expect(variance(fanInUniform()([64, 32, 3, 3], generator.id)) * 32 * 9).toBeCloseTo(1 / 3, 1);
    expect((variance(heNormal()([64, 32, 3, 3], generator.id)) * 64 * 9) / 2).toBeCloseTo(1, 1);
  });
});

describe('optimisers', () => {
  const setOf = (values: number[]) => {
    const set = parameters();
    const weight = set.weight('w', [values.length], (shape) => fromArray(values, shape));
    set.weight('unused', [1], (shape) => fromArray([1], shape));
    return { set, weight };
  };

  it('SGD follows its formula', () => {
    const { set, weight } = setOf([1, -2]);
    const optimiser = sgd(set.parameters(), { momentum: 0.9, decay: 0.1 });
    let [w, v] = [1, 0];
    for (let i = 0; i < 5; i++) {
      scope(() => optimiser.step([fromArray([0.5, 0.5], [2]), null], 0.2));
      v = 0.9 * v + 0.5 + 0.1 * w;
      w -= 0.2 * v;
    }
    expect(weight.numbers()[0]).toBeCloseTo(w, 5);
    expect([optimiser.steps, [...optimiser.state().keys()]]).toEqual([5, ['w.velocity', 'unused.velocity']]);
  });

  it.each([false, true])('Adam follows its formula (decoupled %s)', (decoupled) => {
    const { set, weight } = setOf([1, -2]);
    const optimiser = adam(set.parameters(), { decay: 0.1, decoupled });
    let [w, m, v] = [1, 0, 0];
    for (let i = 1; i <= 5; i++) {
      scope(() => optimiser.step([fromArray([0.5 * i, 0.5], [2]), null], 0.02));
      const g = 0.5 * i + (decoupled ? 0 : 0.1 * w);
      if (decoupled) w *= 1 - 0.02 * 0.1;
      m = 0.9 * m + 0.1 * g;
      v = 0.999 * v + 0.001 * g * g;
      w -= (0.02 * (m / (1 - 0.9 ** i))) / (Math.sqrt(v / (1 - 0.999 ** i)) + 1e-8);
    }
    expect(weight.numbers()[0]).toBeCloseTo(w, 5);
  });

  it('trains a small network', () => {
    const set = parameters();
    const net = sequence(
      convolution(set.child('a'), { rank: 2, inputs: 1, outputs: 8, kernel: 3 }),
      batchNorm(set.child('n'), { channels: 8 }),
      relu,
      convolution(set.child('b'), { rank: 2, inputs: 8, outputs: 2, kernel: 1, bias: true }),
    );
    const optimiser = sgd(set.parameters(), { momentum: 0.9, decay: 1e-4 });
    const x = op.randn([4, 1, 8, 8], generator.id);
    const labels = op.reshape(
      op.toDType(
        fromArray(
          x.numbers().map((v) => (v > 0 ? 1 : 0)),
          [256],
        ),
        'int64',
      ),
      [4, 8, 8],
    );
    const losses = Array.from({ length: 60 }, () =>
      scope(() => {
        const loss = crossEntropy(net(x, { training: true }), labels);
        optimiser.step(
          gradients(
            [loss],
            set.parameters().map((p) => p.tensor),
          ),
          0.1,
        );
        return loss.item();
      }),
    );
    expect(losses.at(-1)).toBeLessThan(losses[0] / 3);
  });

  it('clips to a joint norm', () => {
    expect(jointNorm([fromArray([3, 4], [2]), fromArray([[12]].flat(), [1])])).toBeCloseTo(13, 6);
    expect(clipScale(13, 1) * 13).toBeCloseTo(1, 5);
    expect(clipScale(13, 20)).toBe(1);
    const { set, weight } = setOf([0, 0]);
    scope(() =>
      sgd(set.parameters(), { momentum: 0, decay: 0 }).step([fromArray([3, 4], [2]), null], 1, clipScale(5, 1)),
    );
    expect(weight.numbers()).toEqual([expect.closeTo(-0.6, 5), expect.closeTo(-0.8, 5)]);
  });
});

describe('schedules', () => {
  it('have the values of their formulas', () => {
    expect([cosine(0.025, 0.001)(0), cosine(0.025, 0.001)(1)]).toEqual([0.025, 0.001]);
    expect(cosine(0.025, 0.001)(0.5)).toBeCloseTo(0.013, 12);
    expect(poly(0.05)(0.5)).toBeCloseTo(0.05 * 0.5 ** 0.9, 12);
    expect([0.1, 0.5, 0.9].map(step(1, [0.4, 0.8], 0.5))).toEqual([1, 0.5, 0.25]);
    expect(warmUp(() => 1, 0.1)(0.05)).toBeCloseTo(0.5, 12);
    expect(poly(0.05, 2, 0.01)(0.5)).toBeCloseTo(0.01 + 0.04 * 0.25, 12);
  });

  it('are those that settings ask for', () => {
    const shares = [0, 0.1, 0.5, 0.9, 1];
    const rates = (settings: Omit<ScheduleSettings, 'learningRate'>, from?: number) =>
      shares.map(scheduleOf({ learningRate: 0.4, ...settings }, from));
    expect(rates({})).toEqual(shares.map(poly(0.4)));
    expect(rates({ schedule: 'poly', power: 2, minimumLearningRate: 0.1 })).toEqual(shares.map(poly(0.4, 2, 0.1)));
    expect(rates({ schedule: 'cosine', minimumLearningRate: 0.1 })).toEqual(shares.map(cosine(0.4, 0.1)));
    expect(rates({ schedule: 'steps', milestones: [0.5, 0.8], factor: 0.1 })).toEqual([
      0.4,
      0.4,
      expect.closeTo(0.04, 12),
      expect.closeTo(0.004, 12),
      expect.closeTo(0.004, 12),
    ]);
    // After a warm-up of half the run, milestones at 40 and 80 % of the rest lie at 70 and 90 % of the whole.
    expect(
      [0.69, 0.71, 0.89, 0.91].map(scheduleOf({ schedule: 'steps', learningRate: 1, milestones: [0.4, 0.8] }, 0.5)),
    ).toEqual([1, 0.5, 0.5, 0.25]);
  });
});
