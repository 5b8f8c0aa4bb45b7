/**
 * @file A loss and its gradients as one CUDA graph. A step of a search is thousands of small kernels, and launching them takes longer than running them;
 * replayed as a graph, it is one launch. On other devices, and for steps that differ from each other, the loss is computed by autograd each time.
 */
import { EngineError } from '../../base/errors.ts';
import type { PixelBatch } from '../../data/loader/batch.ts';
import { noGrad } from '../../engine/autograd.ts';
import { type CudaGraph, captureGraph, hasCudaGraphs } from '../../engine/cudaGraph.ts';
import { copyInto, toDevice } from '../../engine/operators.ts';
import { fromArray, keepForever, scope, type Tensor } from '../../engine/tensor.ts';
import { type Inputs, toTensors } from '../../infer/batch.ts';
import { byAutograd, type Differentiate, type Differentiated } from './differentiate.ts';

/** What a loss may depend on beside the batch: a number that changes from step to step, as a tensor of one element inside a CUDA graph. */
export type Factor = number | Tensor;

/** Steps that are computed before one is captured: libraries choose their algorithms and allocate their memory in these. */
export const WARMUP_STEPS = 3;

/** A loss of batches that becomes a CUDA graph once its first steps have been computed. */
export interface GraphedLoss {
  /** The loss of a batch, for `takeStepWith`. */
  of(batch: PixelBatch, factor?: number): Differentiate;
  /** Frees the graph. */
  close(): void;
}

/**
 * @param loss must do the same in every step: no draws, no decisions, and no numbers but `factor` that change.
 * @param note is called once when the device refuses; the loss is then computed by autograd.
 */
export function createGraphedLoss(
  device: string,
  loss: (inputs: Inputs, factor: Factor) => Tensor,
  note: (message: string) => void = () => undefined,
): GraphedLoss {
  let computedSteps = 0;
  let possible = hasCudaGraphs(device);
  let captured: { inputs: Inputs; factor: Tensor; graph: CudaGraph<Differentiated> } | undefined;
  const plain = (batch: PixelBatch, factor: number) => byAutograd(() => loss(toTensors(batch, device), factor));
  return {
    of(batch, factor = 1) {
      if (!possible) return plain(batch, factor);
      if (computedSteps < WARMUP_STEPS) {
        computedSteps++;
        return plain(batch, factor);
      }
      return (tensors) => {
        if (!captured) {
          try {
            captured = captureLoss(batch, factor, device, tensors, loss);
          } catch (error) {
            if (!(error instanceof EngineError)) throw error;
            possible = false;
            note(`no CUDA graphs on ${device}, steps are computed one by one: ${error.message}`);
            return plain(batch, factor)(tensors);
          }
        }
        const { inputs, factor: ownFactor, graph } = captured;
        noGrad(() =>
          scope(() => {
            const { images, labels } = toTensors(batch, 'cpu');
            copyInto(inputs.images, images);
            copyInto(inputs.labels, labels);
            copyInto(ownFactor, fromArray([factor], []));
          }),
        );
        graph.replay();
        return graph.outputs;
      };
    },
    close() {
      captured?.graph.free();
      captured = undefined;
    },
  };
}

function captureLoss(
  batch: PixelBatch,
  factor: number,
  device: string,
  tensors: readonly Tensor[],
  loss: (inputs: Inputs, factor: Factor) => Tensor,
) {
  const { images, labels } = toTensors(batch, device);
  const inputs = { images: keepForever(images), labels: keepForever(labels) };
  const ownFactor = keepForever(toDevice(fromArray([factor], []), device));
  const graph = captureGraph(() => byAutograd(() => loss(inputs, ownFactor))(tensors));
  return { inputs, factor: ownFactor, graph };
}
