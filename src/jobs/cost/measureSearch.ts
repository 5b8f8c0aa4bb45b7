/**
 * @file Time and memory of one search step, measured on random images.
 */

import { batchOf, type PixelBatch } from '../../data/loader/batch.ts';
import { devicePeak, hasCudaGraphs, synchronise } from '../../engine/cudaGraph.ts';
import type { Generator } from '../../engine/device.ts';
import { memory } from '../../engine/device.ts';
import * as op from '../../engine/operators.ts';
import { scope } from '../../engine/tensor.ts';
import { crossEntropy, IGNORE } from '../../nn/losses.ts';
import { type Search, startOfSearch } from '../../train/searchState.ts';
import { createSearchStep } from '../../train/searchStep.ts';
import { WARMUP_STEPS } from '../../train/step/graphedLoss.ts';

/** What a search step takes: seconds of one that is not the first, and the most memory: resident bytes of the process, or of tensors on a CUDA device. */
export interface MeasuredStep {
  readonly weightSeconds: number;
  readonly architectureSeconds: number;
  /** Of all threads together. */
  readonly weightCpuSeconds: number;
  readonly architectureCpuSeconds: number;
  readonly peakBytes: number;
}

/** Runs search steps on random images until they are as all later ones; without `cudaGraphs` a CUDA device computes each anew. */
export function measureSearchStep(
  search: Search,
  options: {
    batch: number;
    crop: readonly number[];
    inputs: number;
    classes: number;
    device: string;
    generator: Generator;
    cudaGraphs?: boolean;
  },
): MeasuredStep {
  const { device, cudaGraphs = true } = options;
  const settings = { epochs: 1, warmupEpochs: 0, seed: 0 };
  const dataset = { ignore: IGNORE };
  const given = { dataset, settings, device, loss: crossEntropy, steps: 1, cudaGraphs };
  const searchStep = createSearchStep(unmoved(search, settings.epochs), given);
  const batch = randomBatch(options);
  const batches = { weightBatch: batch, architectureBatch: batch };
  const timed = (work: () => void): { seconds: number; cpuSeconds: number } => {
    const started = performance.now();
    const before = process.cpuUsage();
    work();
    synchronise(device);
    const { user, system } = process.cpuUsage(before);
    return { seconds: (performance.now() - started) / 1000, cpuSeconds: (user + system) / 1e6 };
  };
  const step = () => ({
    weights: timed(() => searchStep.weights(batches)),
    architecture: timed(() => searchStep.architecture(batches)),
  });
  const before = hasCudaGraphs(device) ? WARMUP_STEPS + 1 : 1;
  for (let i = 0; i < before; i++) step();
  const { weights, architecture } = step();
  const peakBytes = devicePeak(device) ?? memory().peakBytes;
  searchStep.close();
  return {
    weightSeconds: weights.seconds,
    architectureSeconds: architecture.seconds,
    weightCpuSeconds: weights.cpuSeconds,
    architectureCpuSeconds: architecture.cpuSeconds,
    peakBytes,
  };
}

/** The same search at its end, with learning rates of 0: what is measured stays as it is. */
export const unmoved = (search: Search, epochs: number): Search => ({
  ...search,
  weights: { ...search.weights, rate: () => 0 },
  architecture: { ...search.architecture, rate: () => 0 },
  progress: { ...startOfSearch(), epoch: epochs },
});

function randomBatch({
  batch,
  crop,
  inputs,
  classes,
  generator,
}: Pick<Parameters<typeof measureSearchStep>[1], 'batch' | 'crop' | 'inputs' | 'classes' | 'generator'>): PixelBatch {
  return scope(() => {
    const labels = op.scale(op.rand([batch, ...crop], generator.id), classes);
    const images = op.randn([batch, ...crop, inputs], generator.id).data() as Float32Array;
    return batchOf(images, crop, inputs, op.toDType(labels, 'uint8').data() as Uint8Array);
  });
}
