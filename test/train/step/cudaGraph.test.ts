import { expect, it } from 'vitest';
import { gradients, requireGradient } from '../../../src/engine/autograd.ts';
import { engineFacts } from '../../../src/engine/device.ts';
import { canRecord } from '../../../src/engine/graph.ts';
import * as op from '../../../src/engine/operators.ts';
import { fromArray, scope, type Tensor } from '../../../src/engine/tensor.ts';
import { computed, createReplay } from '../../../src/train/step/cudaGraph.ts';

it('computes each step anew on the processor, with its own batch and factor', () => {
  expect(canRecord('cpu')).toBe(false);
  const weight = requireGradient(fromArray([2], [], 'float32'));
  let computed = 0;
  const notes: string[] = [];
  const replay = createReplay(
    'cpu',
    ({ images }, factor) => {
      computed++;
      return op.multiply(op.scale(op.sum(images), factor as number), weight);
    },
    (message) => void notes.push(message),
  );
  for (let step = 1; step <= 6; step++) {
    const batch = {
      images: Float32Array.of(step, 1, 1),
      labels: Uint8Array.of(0),
      batch: 1,
      size: [1, 1],
      channels: 3,
    };
    scope(() => {
      const { value, slopes } = replay.of(batch, 10)([weight]);
      expect([value.item(), (slopes[0] as Tensor).item()]).toEqual([20 * (step + 2), 10 * (step + 2)]);
    });
  }
  expect([computed, notes]).toEqual([6, []]);
  replay.close();
});

it('leaves what the way back needs to autograd alone', () => {
  const weight = requireGradient(fromArray([2], [], 'float32'));
  scope(() => {
    const before = engineFacts().liveTensors;
    const loss = () => [1, 2, 3].reduce((value: Tensor) => op.multiply(op.exp(value), weight), weight);
    computed(loss)([weight], (value) => {
      expect(engineFacts().liveTensors - before).toBe(1);
      return gradients([value], [weight]);
    });
  });
});
