import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import { STANDARD_AUGMENTATION } from '../../src/data/images/augment.ts';
import { createLoader } from '../../src/data/loader/loader.ts';
import { Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { fromArray, type Tensor } from '../../src/engine/tensor.ts';
import { infer, reduced } from '../../src/infer/inference.ts';
import { measureNorms } from '../../src/infer/measureNorms.ts';
import { restoreTraining, storeTraining } from '../../src/jobs/checkpoint/training.ts';
import { createDescribed, type NetworkDescription } from '../../src/jobs/network.ts';
import { averageInto, copyParameters } from '../../src/nn/average.ts';
import { dropPath, keepProbability } from '../../src/nn/dropPath.ts';
import { crossEntropy } from '../../src/nn/losses.ts';
import { adam } from '../../src/nn/optimisers.ts';
import { randomGenotype } from '../../src/space/genotype.ts';
import { type TrainSettings, trainLoop, warmUpFactor } from '../../src/train/retrain.ts';
import { startOfTraining, type Training } from '../../src/train/trainState.ts';
import { smallScenes } from '../helpers/scenes.ts';

const dataset = smallScenes(8, 2);
const description: NetworkDescription = {
  architecture: randomGenotype({ layers: 3, blocks: 2, filters: 2 }, createRandom(2)),
  options: { inputs: 3, classes: dataset.classes.length, stem: [4, 4, 8], head: { aspp: 8, decoder: 8, lowLevel: 4 } },
  classes: dataset.classes,
  reduction: 1,
};
const settings: TrainSettings = {
  budget: { epochs: 3 },
  batch: 4,
  crop: [33, 33],
  seed: 1,
  workers: 0,
  augmentation: STANDARD_AUGMENTATION,
  learningRate: 0.01,
  power: 0.9,
  warmupSteps: 2,
  clip: 5,
  averageDecay: 0.9,
  evaluateEvery: 1,
  reduction: 1,
  accumulate: 1,
  precision: 'float32',
  frozenNorms: false,
};

function start(): Training {
  const generator = new Generator(1);
  const network = createDescribed(description, generator, 'cpu', { dropPathKeep: 0.5 });
  return {
    network,
    optimiser: adam(network.parameters.parameters(), { decay: 0.01, decoupled: true }),
    averaged: createDescribed(description, new Generator(0), 'cpu'),
    generator,
    progress: startOfTraining(),
  };
}

describe('the warm-up', () => {
  const factors = (warm: Partial<TrainSettings>, steps: readonly number[], all = 400) =>
    steps.map((done) => warmUpFactor({ budget: { steps: all }, ...warm }, done, done / all, 10));

  it('of a share is that of as many steps of the budget, in steps or epochs', () => {
    const steps = [0, 1, 18, 19, 20, 399];
    expect(factors({ warmup: 0.05 }, steps)).toEqual(factors({ warmupSteps: 20 }, steps));
    expect(factors({ warmup: 0.05 }, steps)).toEqual([0.05, 0.1, 0.95, 1, 1, 1]);
    expect(factors({ warmup: 0.05, budget: { epochs: 40 } }, steps)).toEqual(factors({ warmupSteps: 20 }, steps));
    expect(factors({ warmup: 1 / 26 }, [0, 49, 99], 2600)).toEqual([0.01, 0.5, 1]);
  });

  it('of a share of minutes goes by the clock', () => {
    expect(factors({ warmup: 0.1, budget: { minutes: 50 } }, [0, 20, 40, 80])).toEqual([0, 0.5, 1, 1]);
    expect(factors({ warmupSteps: 20, budget: { minutes: 50 } }, [0, 19])).toEqual([0.05, 1]);
  });

  it('is none by default', () => {
    for (const budget of [{ steps: 400 }, { epochs: 3 }, { minutes: 1 }])
      expect(factors({ budget }, [0, 1])).toEqual([1, 1]);
  });
});

async function run(training: Training, stopAfter?: number, afterStep?: (step: number) => void) {
  const losses: number[] = [];
  const scores: (number | undefined)[] = [];
  await trainLoop(training, {
    dataset,
    settings,
    device: 'cpu',
    loss: crossEntropy,
    recorder: {
      step: ({ loss }) => {
        losses.push(loss);
        afterStep?.(losses.length);
      },
      epoch: (event) => void scores.push(event.scores?.miou),
    },
    stop: () => scores.length === stopAfter,
  });
  return { losses, scores };
}

describe('training', () => {
  it('resumes after a stored epoch exactly as if it had never stopped, drop path and average included', async () => {
    const whole = start();
    const uninterrupted = await run(whole);
    const first = start();
    const early = await run(first, 1);
    const stored = storeTraining(first);
    const second = start();
    restoreTraining(second, structuredClone(stored));
    const late = await run(second);
    expect([...early.losses, ...late.losses]).toEqual(uninterrupted.losses);
    expect([...early.scores, ...late.scores]).toEqual(uninterrupted.scores);
    expect(storeTraining(second).tensors).toEqual(storeTraining(whole).tensors);
    expect(uninterrupted.losses).toHaveLength(6);
  });

  it('resumes in the middle of an epoch', async () => {
    const whole = start();
    let stored: ReturnType<typeof storeTraining> | undefined;
    const uninterrupted = await run(whole, undefined, (step) => {
      if (step === 3) stored = structuredClone(storeTraining(whole));
    });
    const second = start();
    restoreTraining(second, stored!);
    expect(second.progress).toMatchObject({ epoch: 1, step: 3, current: { steps: 1 } });
    expect((await run(second)).losses).toEqual(uninterrupted.losses.slice(3));
    expect(storeTraining(second).tensors).toEqual(storeTraining(whole).tensors);
  });
});

describe('drop path', () => {
  it('keeps by the schedule of the paper and rescales what it keeps', () => {
    expect(keepProbability(0.5, 6 / 12, 0.8)).toBeCloseTo(1 - 0.5 * 0.5 * 0.2, 12);
    const generator = new Generator(2);
    const x = op.ones([4000, 1, 1, 1]);
    const values = dropPath(x, 1, 0.6, { training: true, progress: 1, generator: generator.id }).numbers();
    expect(new Set(values.map((value) => value.toFixed(4)))).toEqual(new Set(['0.0000', (1 / 0.6).toFixed(4)]));
    expect(values.reduce((a, b) => a + b, 0) / 4000).toBeCloseTo(1, 1);
    expect(dropPath(x, 1, 0.6, { training: false, progress: 1 })).toBe(x);
  });
});

describe('averaged weights', () => {
  it('follow the formula for weights and buffers', () => {
    const [a, b] = [start().network, start().network];
    const first = [...a.parameters.entries().values()][0];
    op.copyInto(op.detach(first), op.addNumber(op.detach(first), 1));
    const before = [...b.parameters.entries().values()][0].numbers();
    averageInto(a.parameters, b.parameters, 0.75);
    [...b.parameters.entries().values()][0].numbers().forEach((value, i) => {
      expect(value).toBeCloseTo(0.75 * before[i] + 0.25 * (before[i] + 1), 5);
    });
    copyParameters(a.parameters, b.parameters);
    expect([...b.parameters.entries().values()][0].numbers()).toEqual(first.numbers());
  });
});

describe('norm statistics of averaged weights', () => {
  it('are measured with these weights before they are scored, not averaged along', async () => {
    const training = start();
    await run(training);
    const buffers = (network: Training['network']) =>
      new Map(
        [...network.parameters.entries()].flatMap(([name, t]) => (/running/.test(name) ? [[name, t.numbers()]] : [])),
      );
    const scored = buffers(training.averaged!);
    expect(scored.size).toBeGreaterThan(4);
    const loader = createLoader({ dataset, samples: dataset.splits.train, ...settings });
    await measureNorms(training.averaged!, loader, { device: 'cpu' });
    expect(buffers(training.averaged!)).toEqual(scored);
    // Those of the trained weights are another matter.
    expect(buffers(training.network)).not.toEqual(scored);
  });
});

describe('inference', () => {
  const image = fromArray(
    Float32Array.from({ length: 7 * 9 }, (_, i) => (i * 37) % 11),
    [1, 1, 7, 9],
  );

  it('takes every scale from the original picture, and averages probabilities', () => {
    const seen: Tensor[] = [];
    const network = (x: Tensor) => {
      seen.push(op.clone(x));
      return op.concat([x, op.negate(x)], 1);
    };
    const kept: number[][] = [];
    const spy = (x: Tensor) => {
      kept.push([...x.shape.slice(2), ...x.numbers()]);
      return network(x);
    };
    const scores = infer(spy, image, { scales: [0.5, 1, 1.5], mirror: ['width'] });
    const scaled = (factor: number) =>
      op.resize(
        image,
        [7, 9].map((length) => Math.floor((length - 1) * factor + 1)),
      );
    for (const [i, factor] of [0.5, 1, 1.5].entries()) {
      expect(kept[2 * i]).toEqual([...scaled(factor).shape.slice(2), ...scaled(factor).numbers()]);
      expect(kept[2 * i + 1]).toEqual([...scaled(factor).shape.slice(2), ...op.flip(scaled(factor), [3]).numbers()]);
    }
    for (const total of op.sumOver(scores, [1]).numbers()) expect(total).toBeCloseTo(1, 5);
  });

  it('mirrored and averaged is symmetric; one plain scale is the network itself', () => {
    const shifted = (x: Tensor) => op.concat([op.pad(op.slice(x, 3, 1, 9), [0, 1]), x], 1);
    const [a, b] = [image, op.flip(image, [3])].map((x) => infer(shifted, x, { scales: [1], mirror: ['width'] }));
    op.flip(b, [3])
      .numbers()
      .forEach((value, i) => {
        expect(value).toBeCloseTo(a.numbers()[i], 6);
      });
    expect(infer(shifted, image).numbers()).toEqual(shifted(image).numbers());
  });

  it('at a reduced size gives logits at the full size', () => {
    const sizes: number[][] = [];
    const network = (x: Tensor) => {
      sizes.push(x.shape.slice(2));
      return x;
    };
    expect(reduced(network, 2)(image).shape).toEqual([1, 1, 7, 9]);
    expect(sizes).toEqual([[4, 5]]);
  });
});
