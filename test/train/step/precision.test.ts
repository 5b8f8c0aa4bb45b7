import { describe, expect, it } from 'vitest';
import { NO_AUGMENTATION } from '../../../src/data/images/augment.ts';
import { Generator, hasBfloat16Tiles } from '../../../src/engine/device.ts';
import * as op from '../../../src/engine/operators.ts';
import { scope } from '../../../src/engine/tensor.ts';
import { METHODS } from '../../../src/method/registry.ts';
import { convolution, type Precision } from '../../../src/nn/layers.ts';
import { crossEntropy } from '../../../src/nn/losses.ts';
import { ParameterSet } from '../../../src/nn/parameters.ts';
import { searchLoop } from '../../../src/train/search.ts';
import { createSearch } from '../../../src/train/searchState.ts';
import { inPrecision, lowered, precisionNote } from '../../../src/train/step/precision.ts';
import { use } from '../../helpers/kernels.ts';
import { smallScenes } from '../../helpers/scenes.ts';
import { distance } from '../../helpers/tensors.ts';

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

describe.each(METHOD_CASES)('a search with %s in bfloat16', (_, of) => {
  const method = of({ precision: 'float32', fused: true });
  const side = 64 + method.sides.remainder;
  const data = { rank: 2, inputs: 3, classes: dataset.classes.length, batch: 2, size: [side, side] } as const;
  const created = (precision: Precision, fused: boolean) =>
    of({ precision, fused }).createSearchNetwork({ generator: new Generator(1).id, device: 'cpu' }, data);
  const create = (precision: Precision) => inPrecision(created(precision, true), precision);

  it('follows the one in float32', async () => {
    const run = async (precision: Precision) => {
      const losses: number[] = [];
      await searchLoop(createSearch(method, create(precision)), {
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
    // Without tiles a processor stays in float32.
    if (hasBfloat16Tiles()) expect(half).not.toEqual(exact);
    else expect(half).toEqual(exact);
    for (const [i, loss] of half.entries()) expect(Math.abs(loss / exact[i] - 1), `loss ${i}`).toBeLessThan(0.05);
  });

  it('has float32 weights and logits, and is scored in float32', () => {
    const [half, exact] = [create('bfloat16'), create('float32')];
    for (const { tensor } of half.weights.parameters()) expect(tensor.dtype).toBe('float32');
    const images = op.randn([1, 3, side, side], generator.id);
    expect(half.forward(images, { training: true }).dtype).toBe('float32');
    expect(half.forward(images, { training: false }).data()).toEqual(exact.forward(images, { training: false }).data());
  });

  it('takes images in bfloat16 where it is composed, as it does on a GPU', () => {
    const images = op.randn([2, 3, side, side], generator.id);
    const exact = created('float32', false).forward(images, { training: true });
    const half = created('bfloat16', false).forward(op.toDType(images, 'bfloat16'), { training: true });
    expect(half.dtype).toBe('bfloat16');
    expect(distance(op.toDType(half, 'float32'), exact)).toBeLessThan(0.1);
  });
});

describe('what is computed in', () => {
  const pass = { training: true };
  const images = op.ones([1, 3, 4, 4]);

  it.runIf(hasBfloat16Tiles())('is on a processor the products of training passes', () => {
    expect(lowered('bfloat16', images, pass)).toEqual({ images, pass: { training: true, products: 'bfloat16' } });
    expect(precisionNote('bfloat16', 'cpu')).toBeUndefined();
  });

  it('is float32 where nothing else is asked for, in passes that score, and on processors without tiles, which a note says', () => {
    expect(lowered('float32', images, pass)).toEqual({ images, pass });
    expect(lowered('bfloat16', images, { training: false })).toEqual({ images, pass: { training: false } });
    use('portable');
    expect(lowered('bfloat16', images, pass)).toEqual({ images, pass });
    expect(precisionNote('bfloat16', 'cpu')).toMatch(/no tiles for bfloat16 .* computes in float32/);
    use('best');
    expect(precisionNote('bfloat16', 'cuda:0')).toBeUndefined();
  });

  it('changes large convolutions alone', () => {
    scope(() => {
      const set = new ParameterSet({ generator: generator.id, device: 'cpu' });
      const sides = { rank: 2, kernel: 3 } as const;
      const large = convolution(set.child('large'), { ...sides, inputs: 32, outputs: 32 });
      const small = convolution(set.child('small'), { ...sides, inputs: 3, outputs: 8 });
      const both = (layer: typeof large, channels: number) => {
        const x = op.randn([2, channels, 9, 9], generator.id);
        return [layer(x, pass), layer(x, { ...pass, products: 'bfloat16' })];
      };
      const [exact, rounded] = both(large, 32);
      expect(rounded.dtype).toBe('float32');
      expect(distance(rounded, exact)).toBeGreaterThan(1e-4);
      expect(distance(rounded, exact)).toBeLessThan(0.01);
      const [one, other] = both(small, 3);
      expect(other.data()).toEqual(one.data());
    });
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
