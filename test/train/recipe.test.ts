import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import type { LoadedBatch } from '../../src/data/loader/batch.ts';
import { createLoader } from '../../src/data/loader/loader.ts';
import { IGNORE } from '../../src/data/types.ts';
import { gradients } from '../../src/engine/autograd.ts';
import { Generator, hasBfloat16Tiles } from '../../src/engine/device.ts';
import type { Tensor } from '../../src/engine/tensor.ts';
import { splitBatch, toTensors } from '../../src/infer/batch.ts';
import { reduced } from '../../src/infer/inference.ts';
import { storeTraining } from '../../src/jobs/checkpoint/training.ts';
import { createDescribed, type NetworkDescription, saveDescription } from '../../src/jobs/network.ts';
import { logitsOf, transferWeights } from '../../src/jobs/weights/transferWeights.ts';
import { crossEntropy } from '../../src/nn/losses.ts';
import { sgd } from '../../src/nn/optimisers.ts';
import { saveCheckpoint } from '../../src/run/checkpoint.ts';
import { openRunFolder } from '../../src/run/folder.ts';
import { openRun } from '../../src/run/openRun.ts';
import { randomGenotype } from '../../src/space/genotype.ts';
import { takeStep } from '../../src/train/step/optimiserStep.ts';
import { startOfTraining, type Training } from '../../src/train/trainState.ts';
import { trainingLosses, trainingPlan } from '../../src/train/trainStep.ts';
import { smallScenes } from '../helpers/scenes.ts';
import { sharedFolder } from '../helpers/temporaryFolder.ts';

const dataset = smallScenes(6, 1);
const describeNetwork = (classes: number): NetworkDescription => ({
  architecture: randomGenotype({ layers: 2, blocks: 2, filters: 2 }, createRandom(3)),
  options: { inputs: 3, classes, stem: [4, 4, 8], head: { aspp: 32, decoder: 32, lowLevel: 4 } },
  classes: dataset.classes.slice(0, classes),
  reduction: 1,
});

function start(seed = 1, classes = dataset.classes.length): Training {
  const network = createDescribed(describeNetwork(classes), new Generator(seed), 'cpu');
  return {
    network,
    optimiser: sgd(network.parameters.parameters(), { momentum: 0, decay: 0 }),
    averaged: null,
    generator: new Generator(seed),
    progress: startOfTraining(),
  };
}

/** A batch of 5 pictures whose last one hardly counts. */
async function unevenBatch(): Promise<LoadedBatch> {
  const loader = createLoader({ dataset, samples: dataset.splits.train, batch: 5, crop: [33, 49], seed: 1 });
  for await (const batch of loader.batches(0)) {
    batch.labels.fill(IGNORE, 4 * 33 * 49 + 100);
    return batch;
  }
  throw new Error('no batch');
}

const plain = { accumulate: 1, precision: 'float32', frozenNorms: true, ignore: IGNORE } as const;
const valuesOf = (training: Training) =>
  new Map([...training.network.parameters.entries()].map(([name, tensor]) => [name, tensor.numbers()]));

describe('a step in parts', () => {
  it('splits a batch into views that are the batch again', async () => {
    const batch = await unevenBatch();
    for (const parts of [1, 2, 3, 5, 9]) {
      const split = splitBatch(batch, parts);
      expect(split).toHaveLength(Math.min(parts, 5));
      expect(split.flatMap(({ images }) => [...images])).toEqual([...batch.images]);
      expect(split.flatMap(({ labels }) => [...labels])).toEqual([...batch.labels]);
      expect(split.reduce((total, part) => total + part.batch, 0)).toBe(5);
      const sizes = split.map((part) => part.batch);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    }
  });

  it('moves the weights as the whole batch does, where norms do not look at it', async () => {
    const batch = await unevenBatch();
    const [whole, ...inParts] = [1, 2, 3, 5].map((accumulate) => {
      const training = start();
      const losses = trainingLosses(training, batch, { ...plain, accumulate }, 'cpu', crossEntropy, 0);
      const loss = takeStep(trainingPlan(training, 0), 0.5, ...losses);
      return { loss, values: valuesOf(training) };
    });
    const before = valuesOf(start());
    for (const { loss, values } of inParts) {
      expect(loss).toBeCloseTo(whole.loss, 5);
      for (const [name, expected] of whole.values)
        values.get(name)!.forEach((value, i) => {
          expect(Math.abs(value - expected[i]), name).toBeLessThan(1e-5);
        });
    }
    const moved = [...whole.values].filter(([name, values]) =>
      values.some((value, i) => Math.abs(value - before.get(name)![i]) > 1e-4),
    );
    expect(moved.length).toBeGreaterThan(5);
  });

  it('survives a part in which nothing counts, and a batch in which nothing counts changes nothing', async () => {
    const batch = await unevenBatch();
    batch.labels.fill(IGNORE, 33 * 49);
    const step = (training: Training, accumulate: number) => {
      const losses = trainingLosses(training, batch, { ...plain, accumulate }, 'cpu', crossEntropy, 0);
      return takeStep(trainingPlan(training, 0), 0.1, ...losses);
    };
    const training = start();
    const whole = step(training, 1);
    expect(Number.isFinite(whole)).toBe(true);
    expect(step(start(), 5)).toBeCloseTo(whole, 5);
    batch.labels.fill(IGNORE);
    const before = valuesOf(training);
    step(training, 2);
    expect(valuesOf(training)).toEqual(before);
  });
});

describe('bfloat16', () => {
  it('gives nearly the loss and the gradient of float32, for weights that stay float32', async () => {
    const batch = await unevenBatch();
    const training = start();
    const tensors = training.network.parameters.parameters().map(({ tensor }) => tensor);
    const [exact, rough] = (['float32', 'bfloat16'] as const).map((precision) => {
      const [loss] = trainingLosses(
        training,
        batch,
        { ...plain, frozenNorms: false, precision },
        'cpu',
        crossEntropy,
        0,
      );
      const value = loss();
      const derivatives = gradients([value], tensors) as Tensor[];
      expect(new Set(derivatives.map(({ dtype }) => dtype))).toEqual(new Set(['float32']));
      return { value: value.item(), derivatives: derivatives.flatMap((gradient) => gradient.numbers()) };
    });
    expect(rough.value).toBeCloseTo(exact.value, 1);
    // Without tiles the training computes in float32.
    if (hasBfloat16Tiles()) expect(rough.value).not.toBe(exact.value);
    else expect(rough.value).toBe(exact.value);
    const dot = (a: number[], b: number[]) => a.reduce((total, value, i) => total + value * b[i], 0);
    const cosine =
      dot(exact.derivatives, rough.derivatives) /
      Math.sqrt(dot(exact.derivatives, exact.derivatives) * dot(rough.derivatives, rough.derivatives));
    expect(cosine).toBeGreaterThan(0.95);
  });
});

describe('frozen norms', () => {
  it('keep scale, shift and statistics while the rest learns', async () => {
    const batch = await unevenBatch();
    const training = start();
    const norms = training.network.graph.nodes.filter(({ kind }) => kind === 'norm').map(({ name }) => name);
    const others = training.network.parameters
      .parameters()
      .filter(({ name }) => !norms.some((norm) => name.startsWith(`${norm}.`)));
    const partly = { ...training, optimiser: sgd(others, { momentum: 0, decay: 0 }) };
    const before = valuesOf(training);
    takeStep(trainingPlan(partly, 0), 0.5, ...trainingLosses(partly, batch, plain, 'cpu', crossEntropy, 0));
    const changed = [...valuesOf(training)].filter(([name, values]) =>
      values.some((value, i) => value !== before.get(name)![i]),
    );
    expect(changed.map(([name]) => name).filter((name) => norms.some((norm) => name.startsWith(`${norm}.`)))).toEqual(
      [],
    );
    expect(changed.length).toBeGreaterThan(10);
    takeStep(
      trainingPlan(training, 0),
      0,
      ...trainingLosses(training, batch, { ...plain, frozenNorms: false }, 'cpu', crossEntropy, 0),
    );
    expect(training.network.parameters.entries().get(`${norms[0]}.runningMean`)!.numbers()).not.toEqual(
      before.get(`${norms[0]}.runningMean`),
    );
  });
});

describe('weights of another run', () => {
  const root = sharedFolder();
  const { folder, ...run } = openRun('train', { config: { runs: root, name: 'first' }, folder: null });
  const first = start(5);
  saveDescription(folder, describeNetwork(dataset.classes.length));
  saveCheckpoint(folder.best, storeTraining(first));
  run.log.close();

  it('are taken whole where the classes are the same', () => {
    const second = start(6);
    const { classes } = describeNetwork(dataset.classes.length);
    expect(transferWeights(openRunFolder(folder.path), second.network, { classes }).fresh).toEqual([]);
    expect(valuesOf(second)).toEqual(valuesOf(first));
  });

  it('go by the names of classes in the logits: moved, left out, or as they were initialised', () => {
    const own = describeNetwork(dataset.classes.length).classes;
    const added = { name: 'added', colour: own[0].colour };
    const classes = [own[2], added, own[0]];
    const [second, untouched] = [start(6, 3), start(6, 3)];
    const transfer = transferWeights(folder, second.network, { classes });
    expect(transfer).toEqual({ kept: [own[2].name, own[0].name], fresh: ['added'] });
    const heads = ['classifier.logits.weight', 'classifier.logits.bias'];
    expect(logitsOf(second.network.graph)).toEqual(['classifier.logits']);
    const rows = (values: readonly number[], of: number) =>
      Array.from({ length: of }, (_, row) =>
        values.slice((row * values.length) / of, ((row + 1) * values.length) / of),
      );
    for (const [name, values] of valuesOf(second)) {
      const before = valuesOf(first).get(name)!;
      if (!heads.includes(name)) {
        expect(values, name).toEqual(before);
        continue;
      }
      const trained = rows(before, own.length);
      expect(rows(values, 3), name).toEqual([trained[2], rows(valuesOf(untouched).get(name)!, 3)[1], trained[0]]);
    }
  });

  it('are refused for another network', () => {
    const network = createDescribed(
      { ...describeNetwork(3), options: { ...describeNetwork(3).options, filters: 4 } },
      new Generator(1),
      'cpu',
    );
    expect(() => transferWeights(folder, network, describeNetwork(3))).toThrow(/it belongs to another network/);
  });
});

describe('the longer side', () => {
  it('is what the network sees, in training and in inference', async () => {
    const sizes: number[][] = [];
    const network = (x: Tensor) => {
      sizes.push(x.shape.slice(2));
      return x;
    };
    const batch = await unevenBatch();
    const { images } = toTensors(batch, 'cpu');
    expect(reduced(network, 1, 98)(images).shape).toEqual([5, 3, 33, 49]);
    reduced(network, 2, 98)(images);
    expect(sizes).toEqual([
      [66, 98],
      [33, 49],
    ]);
  });
});
