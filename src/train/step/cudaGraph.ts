/**
 * @file A loss and its gradients as one recording for a CUDA device. A step of a search is thousands of small calls, and a device that waits for
 * each of them computes little else; replayed, it is one. Elsewhere, and for steps that differ from each other, nothing is recorded.
 */
import { EngineError } from '../../base/errors.ts';
import { type GradientsOf, gradients, noGrad } from '../../engine/autograd.ts';
import { canRecord, type Recording, record } from '../../engine/graph.ts';
import { copyInto, toDevice } from '../../engine/operators.ts';
import { fromArray, keepForever, scope, type Tensor } from '../../engine/tensor.ts';
import { type Inputs, type PixelBatch, toTensors } from '../../infer/batch.ts';

/** What a loss of a step may depend on beside the batch: a number that changes from step to step, as a tensor of one element where it is recorded. */
export type Factor = number | Tensor;

/** A loss (one element) and its gradients, in the order of the tensors that are trained. */
export type Differentiated = {
  readonly value: Tensor;
  readonly slopes: readonly (Tensor | null)[];
};

/** Computes a loss and its gradients with respect to `tensors`, inside the scope that is open. What is recorded takes its gradients its own way. */
export type Differentiate = (tensors: readonly Tensor[], gradientsOf?: GradientsOf) => Differentiated;

/** Computes the loss, and its gradients, anew. */
export const computed =
  (loss: () => Tensor): Differentiate =>
  (tensors, gradientsOf = (value) => gradients([value], tensors)) => {
    // Autograd alone holds what was made on the way, so that it is freed as the way back goes on.
    const value = scope(loss);
    return { value, slopes: gradientsOf(value, tensors) };
  };

/** Steps that are computed before one is recorded: libraries choose their algorithms and take their memory in these. */
export const STEPS_BEFORE = 3;

/** A loss of batches that is recorded once its first steps have been computed. */
export interface ReplayedLoss {
  /** The loss of a batch, for `descend`. */
  of(batch: PixelBatch, factor?: number): Differentiate;
  /** Gives the memory of the recording back. */
  close(): void;
}

/**
 * @param loss must do the same in every step: no draws, no decisions, and no numbers but `factor` that change.
 * @param note is told once when the device refuses, and the loss is computed as elsewhere.
 */
export function createReplay(
  device: string,
  loss: (inputs: Inputs, factor: Factor) => Tensor,
  note: (message: string) => void = () => undefined,
): ReplayedLoss {
  let computedSteps = 0;
  let possible = canRecord(device);
  let recorded: { inputs: Inputs; factor: Tensor; recording: Recording<Differentiated> } | undefined;
  const plain = (batch: PixelBatch, factor: number) => computed(() => loss(toTensors(batch, device), factor));
  return {
    of(batch, factor = 1) {
      if (!possible) return plain(batch, factor);
      if (computedSteps < STEPS_BEFORE) {
        computedSteps++;
        return plain(batch, factor);
      }
      return (tensors) => {
        if (!recorded) {
          try {
            recorded = recordLoss(batch, factor, device, tensors, loss);
          } catch (error) {
            if (!(error instanceof EngineError)) throw error;
            possible = false;
            note(`steps are not recorded on ${device}: ${error.message}`);
            return plain(batch, factor)(tensors);
          }
        }
        const { inputs, factor: ownFactor, recording } = recorded;
        noGrad(() =>
          scope(() => {
            const { images, labels } = toTensors(batch, 'cpu');
            copyInto(inputs.images, images);
            copyInto(inputs.labels, labels);
            copyInto(ownFactor, fromArray([factor], []));
          }),
        );
        recording.replay();
        return recording.outputs;
      };
    },
    close() {
      recorded?.recording.free();
      recorded = undefined;
    },
  };
}

function recordLoss(
  batch: PixelBatch,
  factor: number,
  device: string,
  tensors: readonly Tensor[],
  loss: (inputs: Inputs, factor: Factor) => Tensor,
) {
  const { images, labels } = toTensors(batch, device);
  const inputs = { images: keepForever(images), labels: keepForever(labels) };
  const ownFactor = keepForever(toDevice(fromArray([factor], []), device));
  const recording = record(() => computed(() => loss(inputs, ownFactor))(tensors));
  return { inputs, factor: ownFactor, recording };
}
