/**
 * @file Time and memory of one step, measured.
 */

import { gradients } from '../engine/autograd.ts';
import { Generator, memory } from '../engine/device.ts';
import * as op from '../engine/operators.ts';
import { scope } from '../engine/tensor.ts';
import { crossEntropy } from '../nn/losses.ts';
import type { SearchNetwork } from './method.ts';
import { withFrozen } from './search.ts';

/** What a search step takes: seconds of the second of two steps, and the largest resident size of the process. */
export interface MeasuredStep {
  readonly weightSeconds: number;
  readonly architectureSeconds: number;
  readonly peakBytes: number;
}

/** Runs two search steps on random pictures. */
export function measureSearchStep(
  network: SearchNetwork,
  options: { batch: number; crop: number; classes: number; device: string },
): MeasuredStep {
  const { batch, crop, classes, device } = options;
  const generator = new Generator(0);
  const weights = network.weights.parameters();
  const step = (trained: typeof weights, frozen: typeof weights): number => {
    const started = performance.now();
    withFrozen(frozen, () =>
      scope(() => {
        const images = op.toDevice(op.permute(op.randn([batch, crop, crop, 3], generator.id), [0, 3, 1, 2]), device);
        const labels = op.toDType(
          op.scale(op.rand([batch, crop, crop], generator.id, 'float32', device), classes),
          'int64',
        );
        const loss = crossEntropy(network.forward(images, { training: true }), labels);
        gradients(
          [loss],
          trained.map(({ tensor }) => tensor),
        );
        loss.item();
      }),
    );
    return (performance.now() - started) / 1000;
  };
  let seconds = { weightSeconds: 0, architectureSeconds: 0 };
  for (let i = 0; i < 2; i++) {
    seconds = {
      weightSeconds: step(weights, network.architecture),
      architectureSeconds: step(network.architecture, weights),
    };
  }
  return { ...seconds, peakBytes: memory().peakBytes };
}
