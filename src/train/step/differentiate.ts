/**
 * @file How a loss says how its gradients are taken: by autograd anew, or by replaying a CUDA graph (`graphedLoss.ts`). Optimizer steps need not know.
 */
import { type GradientsOf, gradients } from '../../engine/autograd.ts';
import { scope, type Tensor } from '../../engine/tensor.ts';

/** A loss (one element) and its gradients, in the order of the tensors that are trained. */
export type Differentiated = {
  readonly value: Tensor;
  readonly gradients: readonly (Tensor | null)[];
};

/**
 * Computes a loss and its gradients with respect to `tensors`, inside the scope that is open. `gradientsOf` replaces autograd, such as by gradients
 * averaged over processes; a CUDA graph ignores it.
 */
export type Differentiate = (tensors: readonly Tensor[], gradientsOf?: GradientsOf) => Differentiated;

/** Computes the loss, and its gradients, anew. */
export const byAutograd =
  (loss: () => Tensor): Differentiate =>
  (tensors, gradientsOf = (value) => gradients([value], tensors)) => {
    // Autograd alone holds the activations, so that they are freed as the backward pass consumes them.
    const value = scope(loss);
    return { value, gradients: gradientsOf(value, tensors) };
  };
