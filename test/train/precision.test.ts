import { describe, expect, it } from 'vitest';
import { NO_AUGMENTATION } from '../../src/data/augment.ts';
import { Generator, hasBfloat16Tiles } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import type { Precision } from '../../src/engine/tensor.ts';
import { crossEntropy } from '../../src/nn/losses.ts';
import { METHODS } from '../../src/train/methods.ts';
import { runSearch } from '../../src/train/search.ts';
import { createSearch } from '../../src/train/searchSteps.ts';
import { smallScenes } from '../helpers/scenes.ts';

const generator = new Generator(3);
const dataset = smallScenes(12, 1);
const weights = { learningRate: 0.02, minimumLearningRate: 0.001, momentum: 0.9, decay: 3e-4, clip: 5 };
const architecture = { learningRate: 0.01, decay: 0 };
const settings = {
  epochs: 2,
  warmupEpochs: 1,
  batch: 2,
  seed: 1,
  workers: 0,
  augmentation: NO_AUGMENTATION,
  evaluateSamples: 1,
  splitFraction: 0.5,
  reduction: 1,
};
interface Computed {
  readonly precision: Precision;
  readonly fused: boolean;
}
const METHOD_CASES = [
  [
    'auto-deeplab',
    (computed: Computed) =>
      METHODS['auto-deeplab']({
        ...computed,
        layers: 3,
        filters: 4,
        blocks: 2,
        atrous: 'dense',
        cellWeights: 'perNode',
        betaNormalisation: 'outgoing',
        weights,
        architecture,
      }),
  ],
  [
    'dints',
    (computed: Computed) =>
      METHODS.dints({
        ...settings,
        ...computed,
        layers: 3,
        levels: 2,
        width: 0.125,
        budget: { memory: 0.3 },
        weights,
        architecture,
      }),
  ],
] as const;
const CASES = METHOD_CASES.flatMap(([name, of]) =>
  // Fused, they are in bfloat16 where the processor has tiles for it.
  [false, ...(hasBfloat16Tiles() ? [true] : [])].map((fused) => [name, fused ? 'fused' : 'composed', of] as const),
);

describe.each(CASES)('a search with %s in bfloat16, %s', (_, how, of) => {
  const methodIn = (precision: Precision) => of({ precision, fused: how === 'fused' });
  const method = methodIn('float32');
  const side = 64 + method.sides.remainder;
  const data = { rank: 2, inputs: 3, classes: dataset.classes.length, batch: 2, size: [side, side] } as const;
  const create = (precision: Precision) =>
    methodIn(precision).createSearchNetwork({ generator: new Generator(1).id, device: 'cpu' }, data);

  it('follows the one in float32', async () => {
    const run = async (precision: Precision) => {
      const losses: number[] = [];
      await runSearch(createSearch(method, create(precision)), {
        dataset,
        settings: { ...settings, crop: data.size },
        device: 'cpu',
        loss: crossEntropy,
        describe: (snapshot) => method.describe(snapshot, data),
        recorder: {
          step: ({ loss, architectureLoss }) =>
            void losses.push(loss, ...(architectureLoss === null ? [] : [architectureLoss])),
          epoch: () => undefined,
        },
      });
      return losses;
    };
    const [exact, half] = [await run('float32'), await run('bfloat16')];
    expect(half).toHaveLength(exact.length);
    expect(half).not.toEqual(exact);
    for (const [i, loss] of half.entries()) expect(Math.abs(loss / exact[i] - 1), `loss ${i}`).toBeLessThan(0.05);
  });

  it('has float32 weights and logits, and is scored in float32', () => {
    const [half, exact] = [create('bfloat16'), create('float32')];
    expect(half.precision).toBe(how === 'fused' ? undefined : 'bfloat16');
    for (const { tensor } of half.weights.parameters()) expect(tensor.dtype).toBe('float32');
    const images = op.randn([1, 3, side, side], generator.id);
    expect(half.forward(images, { training: true }).dtype).toBe('float32');
    expect(half.forward(images, { training: false }).data()).toEqual(exact.forward(images, { training: false }).data());
  });
});

it('convolves with weights in the precision of the input', () => {
  const [x, weight, bias] = [
    op.randn([1, 8, 6, 6, 6], generator.id),
    op.randn([8, 8, 3, 1, 1], generator.id),
    op.randn([8], generator.id),
  ];
  const apply = (input: typeof x) => op.convolution(input, weight, bias, [1, 1, 1], [1, 0, 0], [1, 1, 1], 1);
  const half = apply(op.toDType(x, 'bfloat16'));
  expect(half.dtype).toBe('bfloat16');
  const exact = apply(x);
  const error = op.subtract(op.toDType(half, 'float32'), exact);
  expect(op.sum(op.multiply(error, error)).item()).toBeLessThan(1e-4 * op.sum(op.multiply(exact, exact)).item());
});

it.each([
  [
    [2, 3, 5, 7],
    [9, 13],
  ],
  [
    [1, 2, 4, 3, 5],
    [8, 6, 10],
  ],
])('resizes %j in bfloat16 as in float32, rounded', (shape, size) => {
  const x = op.toDType(op.randn(shape, generator.id), 'bfloat16');
  const exact = op.resize(op.toDType(x, 'float32'), size);
  expect(op.resize(x, size).dtype).toBe('bfloat16');
  expect(op.resize(x, size).data()).toEqual(op.toDType(exact, 'bfloat16').data());
});
