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
  const secondsOf = (work: () => void): number => {
    const started = performance.now();
    work();
    return (performance.now() - started) / 1000;
  };
  let seconds = { weightSeconds: 0, architectureSeconds: 0 };
  for (let i = 0; i < 2; i++) {
    seconds = {
      weightSeconds: secondsOf(() => descend(learn, 0, loss)),
      architectureSeconds: secondsOf(() => descend(adapt, 0, () => network.objective(loss(), 1))),
    };
  }
  return { ...seconds, peakBytes: memory().peakBytes };
}
