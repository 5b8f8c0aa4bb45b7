import { describe, expect, it, vi } from 'vitest';

// GPUs, which other tests do not see, and products of matrices as precise as the processor's; read by CUDA's libraries when they are loaded.
vi.hoisted(() => {
  process.env.NVIDIA_TF32_OVERRIDE = '0';
  delete process.env.CUDA_VISIBLE_DEVICES;
});

import { createRandom } from '../../src/base/random.ts';
import { NO_AUGMENTATION } from '../../src/data/images/augment.ts';
import { createLoader } from '../../src/data/loader/loader.ts';
import { captureGraph, devicePeak, hasCudaGraphs, synchronise } from '../../src/engine/cudaGraph.ts';
import { engineFacts, Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { fromArray, scope } from '../../src/engine/tensor.ts';
import { predictClasses } from '../../src/infer/inference.ts';
import { createDescribed } from '../../src/jobs/network.ts';
import { METHODS } from '../../src/method/registry.ts';
import { crossEntropy } from '../../src/nn/losses.ts';
import { sgd } from '../../src/nn/optimisers.ts';
import { randomGenotype } from '../../src/space/genotype.ts';
import { trainLoop } from '../../src/train/retrain.ts';
import { searchLoop } from '../../src/train/search.ts';
import { createSearch } from '../../src/train/searchState.ts';
import { startOfTraining } from '../../src/train/trainState.ts';
import { smallScenes } from '../helpers/scenes.ts';

const dataset = smallScenes(24, 2);
const classes = dataset.classes.length;
const weights = { learningRate: 0.02, minimumLearningRate: 0.001, momentum: 0.9, decay: 3e-4, clip: 5 };
const architecture = { learningRate: 0.01, decay: 0 };
const METHOD_CASES = [
  METHODS['auto-deeplab']({
    layers: 3,
    filters: 4,
    blocks: 2,
    atrous: 'dense',
    cellWeights: 'perNode',
    betaNormalisation: 'outgoing',
    weights,
    architecture,
  }),
  METHODS.dints({
    epochs: 2,
    warmupEpochs: 0,
    layers: 3,
    levels: 3,
    width: 0.125,
    budget: { memory: 0.3 },
    weights,
    architecture,
  }),
].map((method) => [method.name, method] as const);

// The machine has no such device, or libtorch none for it: nothing to test.
describe.skipIf(!engineFacts().cuda)('on a CUDA device', () => {
  it('replays captured work on new values', () => {
    expect(hasCudaGraphs('cuda')).toBe(true);
    const x = op.toDevice(fromArray([1, 2, 3], [3], 'float32'), 'cuda');
    scope(() => op.exp(op.multiply(x, x)));
    const graph = captureGraph(() => op.multiply(x, op.addNumber(x, 1)));
    op.copyInto(x, fromArray([4, 5, 6], [3], 'float32'));
    graph.replay();
    expect(graph.outputs.numbers()).toEqual([20, 30, 42]);
    op.copyInto(x, fromArray([3, 1, 5], [3], 'float32'));
    graph.replay();
    expect(graph.outputs.numbers()).toEqual([12, 2, 30]);
    graph.free();
    expect(devicePeak('cuda')).toBeGreaterThan(0);
  });

  it('refuses to capture what waits for a value, and continues', () => {
    const x = op.toDevice(fromArray([1, 2, 3], [3], 'float32'), 'cuda');
    expect(() => captureGraph(() => op.scale(x, op.sum(x).item()))).toThrow();
    expect(op.sum(x).item()).toBe(6);
    synchronise('cuda');
  });

  it.each(METHOD_CASES)('searches with %s as on the processor, recorded', async (_, method) => {
    const side = 64 + method.sides.remainder;
    const run = async (device: string) => {
      const data = { rank: 2, inputs: 3, classes, batch: 2, size: [side, side] } as const;
      const network = method.createSearchNetwork({ generator: new Generator(1).id, device }, data);
      const losses: number[] = [];
      const notes: string[] = [];
      await searchLoop(createSearch(method, network), {
        dataset,
        settings: {
          epochs: 2,
          warmupEpochs: 0,
          batch: 2,
          crop: data.size,
          seed: 1,
          workers: 0,
          augmentation: NO_AUGMENTATION,
          evaluateSamples: 1,
          splitFraction: 0.5,
          reduction: 1,
        },
        device,
        loss: crossEntropy,
        describe: (snapshot) => method.describe(snapshot, data),
        recorder: {
          note: (message) => void notes.push(message),
          step: ({ loss, architectureLoss }) => void losses.push(loss, architectureLoss as number),
          epoch: () => undefined,
        },
      });
      return { losses, notes };
    };
    const [cpu, cuda] = [await run('cpu'), await run('cuda')];
    expect(cuda.notes).toEqual([]);
    expect(cuda.losses).toHaveLength(24);
    // Rounding grows from step to step.
    cuda.losses.forEach(
      (loss, i) => void expect(Math.abs(loss / cpu.losses[i] - 1), `loss ${i}`).toBeLessThan(0.0002 * (i + 5)),
    );
  });

  const trained = async (
    device: string,
    { dropPathKeep = 1, precision = 'float32' }: { dropPathKeep?: number; precision?: 'float32' | 'bfloat16' } = {},
  ) => {
    const network = createDescribed(
      {
        architecture: randomGenotype({ layers: 3, blocks: 2, filters: 4 }, createRandom(3)),
        options: { inputs: 3, classes, stem: [8, 8, 16], head: { aspp: 16, decoder: 16, lowLevel: 8 } },
      },
      new Generator(1),
      device,
      { dropPathKeep },
    );
    const losses: number[] = [];
    const notes: string[] = [];
    await trainLoop(
      {
        network,
        optimiser: sgd(network.parameters.parameters(), { momentum: 0.9, decay: 1e-4 }),
        averaged: null,
        generator: new Generator(1),
        progress: startOfTraining(),
      },
      {
        dataset,
        settings: {
          budget: { steps: 12 },
          batch: 2,
          crop: [65, 65],
          seed: 1,
          workers: 0,
          augmentation: NO_AUGMENTATION,
          learningRate: 0.02,
          power: 0.9,
          warmupSteps: 0,
          clip: 5,
          averageDecay: 0,
          evaluateEvery: 1,
          reduction: 1,
          accumulate: 1,
          precision,
          frozenNorms: false,
        },
        device,
        loss: crossEntropy,
        steady: dropPathKeep === 1,
        recorder: {
          note: (message) => void notes.push(message),
          step: ({ loss }) => void losses.push(loss),
          epoch: () => undefined,
        },
      },
    );
    return { losses, notes, network };
  };

  it.each([1, 0.7])('trains as on the processor, with a drop path that ends at %s', async (dropPathKeep) => {
    const [cpu, cuda] = [await trained('cpu', { dropPathKeep }), await trained('cuda', { dropPathKeep })];
    expect(cuda.notes).toEqual([]);
    cuda.losses.forEach(
      (loss, i) => void expect(Math.abs(loss / cpu.losses[i] - 1), `loss ${i}`).toBeLessThan(0.0002 * (i + 5)),
    );
  });

  it('trains in bfloat16, recorded', async () => {
    const [exact, half] = [await trained('cuda'), await trained('cuda', { precision: 'bfloat16' })];
    expect(half.notes).toEqual([]);
    const last = (losses: number[]) => losses.slice(-3).reduce((sum, loss) => sum + loss) / 3;
    expect(Math.abs(last(half.losses) / last(exact.losses) - 1)).toBeLessThan(0.1);
  });

  it('predicts as the processor does', async () => {
    const [cpu, cuda] = [await trained('cpu'), await trained('cuda')];
    cuda.network.parameters.entries().forEach((tensor, name) => {
      const source = cpu.network.parameters.entries().get(name);
      if (source) scope(() => op.copyInto(op.detach(tensor), source));
    });
    const loader = createLoader({ dataset, samples: dataset.splits.val, batch: 1, crop: [65, 65], seed: 1 });
    for await (const { images } of loader.batches(0)) {
      const pixels = fromArray(images, [1, 65, 65, 3]);
      const maps = (['cpu', 'cuda'] as const).map((device) => {
        const { network } = device === 'cpu' ? cpu : cuda;
        return predictClasses((x) => network.forward(x, { training: false }), op.permute(pixels, [0, 3, 1, 2]), device);
      });
      const equal = maps[0].filter((value, i) => value === maps[1][i]).length;
      expect(equal / maps[0].length).toBeGreaterThan(0.999);
    }
  });
});
