/**
 * @file Time and memory of one search step, measured on random pictures.
 */
import type { Generator } from '../engine/device.ts';
import { memory } from '../engine/device.ts';
import * as op from '../engine/operators.ts';
import { crossEntropy } from '../nn/losses.ts';
import { descend } from './descend.ts';
import { type Search, searchDescents } from './searchSteps.ts';

/** What a search step takes: seconds of the second of two steps, and the largest resident size of the process. */
export interface MeasuredStep {
  readonly weightSeconds: number;
  readonly architectureSeconds: number;
  /** Of all threads together. */
  readonly weightCpuSeconds: number;
  readonly architectureCpuSeconds: number;
  readonly peakBytes: number;
}

/** Runs two search steps on random pictures. */
export function measureSearchStep(
  search: Search,
  options: {
    batch: number;
    crop: readonly number[];
    inputs: number;
    classes: number;
    device: string;
    generator: Generator;
  },
): MeasuredStep {
  const { batch, crop, inputs, classes, device, generator } = options;
  const { network } = search;
  const { learn, adapt } = searchDescents(search);
  const loss = () => {
    const last = crop.length + 1;
    const channelsLast = op.randn([batch, ...crop, inputs], generator.id);
    const images = op.toDevice(op.permute(channelsLast, [0, last, ...crop.map((_, axis) => axis + 1)]), device);
    const labels = op.scale(op.rand([batch, ...crop], generator.id, 'float32', device), classes);
    return crossEntropy(network.forward(images, { training: true }), op.toDType(labels, 'int64'));
  };
  const timed = (work: () => void): { seconds: number; cpuSeconds: number } => {
    const started = performance.now();
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return { seconds: (performance.now() - started) / 1000, cpuSeconds: (user + system) / 1e6 };
  };
  const step = () => ({
    weights: timed(() => descend(learn, 0, loss)),
    architecture: timed(() => descend(adapt, 0, () => network.objective(loss(), 1))),
  });
  step();
  const { weights, architecture } = step();
  return {
    weightSeconds: weights.seconds,
    architectureSeconds: architecture.seconds,
    weightCpuSeconds: weights.cpuSeconds,
    architectureCpuSeconds: architecture.cpuSeconds,
    peakBytes: memory().peakBytes,
  };
}
