/**
 * @file The second-order step of the architecture: it lowers the validation loss after one virtual step of the weights, not the one of the weights as
 * they are. The product of the Hessian and the gradient of the weights is a finite difference, so no operator needs a second derivative.
 * @paper darts section 2.3
 */
import { noGrad } from '../../engine/autograd.ts';
import * as op from '../../engine/operators.ts';
import { scope, type Tensor } from '../../engine/tensor.ts';
import { addScaled, jointNorm } from '../../nn/optimisers.ts';
import type { Parameter } from '../../nn/parameters.ts';
import { type Parallel, singleProcess } from '../../parallel/parallel.ts';
import { byAutograd } from './differentiate.ts';
import { applyGradients, type StepPlan, withFrozen } from './optimiserStep.ts';

/** What the unrolled objective is made of: `validation(w - rate * gradient of training(w, a), a)`. */
export interface Unrolled {
  readonly training: () => Tensor;
  readonly validation: () => Tensor;
  /** Learning rate of the virtual step of the weights, which has no momentum, no decay and no clipping. */
  readonly rate: number;
}

/**
 * One step of the architecture (`trained`) through a virtual step of the weights (`frozen`), which are afterwards bit for bit what they were.
 * Returns the validation loss after the virtual step; NaN, and nothing changed, where a loss or a gradient is not finite.
 */
export function takeUnrolledStep(plan: StepPlan, learningRate: number, unrolled: Unrolled): number {
  const { trained, frozen = [], parallel } = plan;
  return scope(() => {
    const { result, gradients } = unrolledGradients(trained, frozen, unrolled, parallel);
    return applyGradients(plan, learningRate, result, gradients);
  });
}

/**
 * The unrolled objective and its gradient for the architecture a:
 * `d_a validation(w', a) - rate * (d_a training(w+, a) - d_a training(w-, a)) / (2 epsilon)` with `w+- = w +- epsilon d_w' validation(w', a)`.
 * @paper darts eq. 7-8
 */
export function unrolledGradients(
  architecture: readonly Parameter[],
  weights: readonly Parameter[],
  { training, validation, rate }: Unrolled,
  parallel: Parallel = singleProcess,
): { result: number; gradients: (Tensor | null)[] } {
  const tensors = weights.map(({ tensor }) => tensor);
  const before = noGrad(() => tensors.map(op.clone));
  const restore = () =>
    noGrad(() =>
      tensors.forEach((tensor, i) => {
        op.copyInto(tensor, before[i]);
      }),
    );
  try {
    const step = withFrozen(architecture, () => meanGradients(training, weights, parallel));
    if (!Number.isFinite(step.value)) return { result: Number.NaN, gradients: [] };
    addScaled(tensors, step.gradients, -rate);
    const ahead = meanGradients(validation, [...architecture, ...weights], parallel);
    restore();
    const direct = ahead.gradients.slice(0, architecture.length);
    const direction = ahead.gradients.slice(architecture.length);
    const norm = jointNorm(direction.filter((gradient): gradient is Tensor => gradient !== null));
    if (!Number.isFinite(norm)) return { result: Number.NaN, gradients: [] };
    // Weights that do not matter to the validation loss pass nothing on.
    if (norm === 0) return { result: ahead.value, gradients: direct };
    const epsilon = DIFFERENCE / norm;
    const [plus, minus] = [epsilon, -epsilon].map((offset) => {
      addScaled(tensors, direction, offset);
      const { gradients } = withFrozen(weights, () => meanGradients(training, architecture, parallel));
      restore();
      return gradients;
    });
    const factor = -rate / (2 * epsilon);
    return {
      result: ahead.value,
      gradients: direct.map((gradient, i) => {
        const terms = [gradient, scaled(plus[i], factor), scaled(minus[i], -factor)].filter((term) => term !== null);
        return terms.length > 0 ? terms.reduce(op.add) : null;
      }),
    };
  } finally {
    restore();
  }
}

/** Norm of the step of the finite difference. @paper darts eq. 8 */
const DIFFERENCE = 0.01;

const scaled = (gradient: Tensor | null, factor: number) => gradient && op.scale(gradient, factor);

/** A loss and its gradients, as means over all processes: each step that they take together follows all of them. */
function meanGradients(
  loss: () => Tensor,
  parameters: readonly Parameter[],
  parallel: Parallel,
): { value: number; gradients: (Tensor | null)[] } {
  return scope(() => {
    const { value, gradients } = byAutograd(loss)(
      parameters.map(({ tensor }) => tensor),
      parallel.meanGradients?.(parameters.map(() => null)),
    );
    return { value: parallel.total(value.item()) / parallel.size, gradients: [...gradients] };
  });
}
