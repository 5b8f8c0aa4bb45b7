import { expect, it } from 'vitest';
import { gradients, requireGradient } from '../../../src/engine/autograd.ts';
import { hasCudaGraphs } from '../../../src/engine/cudaGraph.ts';
import { engineFacts } from '../../../src/engine/device.ts';
import * as op from '../../../src/engine/operators.ts';
import { fromArray, scope, type Tensor } from '../../../src/engine/tensor.ts';
import { byAutograd } from '../../../src/train/step/differentiate.ts';
import { createGraphedLoss } from '../../../src/train/step/graphedLoss.ts';

it('computes each step anew on the processor, with its own batch and factor', () => {
  expect(hasCudaGraphs('cpu')).toBe(false);
  const weight = requireGradient(fromArray([2], [], 'float32'));
  let computed = 0;
  const notes: string[] = [];
  const graphed = createGraphedLoss(
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
      const { value, gradients } = graphed.of(batch, 10)([weight]);
      expect([value.item(), (gradients[0] as Tensor).item()]).toEqual([20 * (step + 2), 10 * (step + 2)]);
    });
  }
  expect([computed, notes]).toEqual([6, []]);
  graphed.close();
});

it('leaves what the backward pass needs to autograd alone', () => {
  const weight = requireGradient(fromArray([2], [], 'float32'));
  scope(() => {
    const before = engineFacts().liveTensors;
    const loss = () => [1, 2, 3].reduce((value: Tensor) => op.multiply(op.exp(value), weight), weight);
    byAutograd(loss)([weight], (value) => {
      expect(engineFacts().liveTensors - before).toBe(1);
      return gradients([value], [weight]);
    });
  });
});
