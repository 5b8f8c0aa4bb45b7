/**
 * @file The second-order step of the architecture: down the validation loss that the weights will have after their next step, not the one that
 * they have. The product of the Hessian with the slope of the weights is a finite difference, so no operator needs a second derivative.
 * @paper darts section 2.3
 */
import { noGrad } from '../../engine/autograd.ts';
import * as op from '../../engine/operators.ts';
import { scope, type Tensor } from '../../engine/tensor.ts';
import { addScaled, jointNorm } from '../../nn/optimisers.ts';
import type { Parameter } from '../../nn/parameters.ts';
import { type Parallel, singleProcess } from '../../parallel/parallel.ts';
import { computed } from './cudaGraph.ts';
import { applyGradients, type Descent, withFrozen } from './descend.ts';

/** What the unrolled objective is made of: `validation(w - rate * slope of training(w, a), a)`. */
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
export function descendUnrolled(descent: Descent, learningRate: number, unrolled: Unrolled): number {
  const { trained, frozen = [], parallel } = descent;
  return scope(() => {
    const { result, slopes } = unrolledGradients(trained, frozen, unrolled, parallel);
    return applyGradients(descent, learningRate, result, slopes);
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
): { result: number; slopes: (Tensor | null)[] } {
  const tensors = weights.map(({ tensor }) => tensor);
  const before = noGrad(() => tensors.map(op.clone));
  const restore = () =>
    noGrad(() =>
      tensors.forEach((tensor, i) => {
        op.copyInto(tensor, before[i]);
      }),
    );
  try {
    const step = withFrozen(architecture, () => slopesOf(training, weights, parallel));
    if (!Number.isFinite(step.value)) return { result: Number.NaN, slopes: [] };
    addScaled(tensors, step.slopes, -rate);
    const ahead = slopesOf(validation, [...architecture, ...weights], parallel);
    restore();
    const direct = ahead.slopes.slice(0, architecture.length);
    const direction = ahead.slopes.slice(architecture.length);
    const norm = jointNorm(direction.filter((slope): slope is Tensor => slope !== null));
    if (!Number.isFinite(norm)) return { result: Number.NaN, slopes: [] };
    // Weights that do not matter to the validation loss pass nothing on.
    if (norm === 0) return { result: ahead.value, slopes: direct };
    const epsilon = DIFFERENCE / norm;
    const [plus, minus] = [epsilon, -epsilon].map((offset) => {
      addScaled(tensors, direction, offset);
      const { slopes } = withFrozen(weights, () => slopesOf(training, architecture, parallel));
      restore();
      return slopes;
    });
    const factor = -rate / (2 * epsilon);
    return {
      result: ahead.value,
      slopes: direct.map((slope, i) => {
        const terms = [slope, scaled(plus[i], factor), scaled(minus[i], -factor)].filter((term) => term !== null);
        return terms.length > 0 ? terms.reduce(op.add) : null;
      }),
    };
  } finally {
    restore();
  }
}

/** Norm of the step of the finite difference. @paper darts eq. 8 */
const DIFFERENCE = 0.01;

const scaled = (slope: Tensor | null, factor: number) => slope && op.scale(slope, factor);

/** A loss and its gradients, as means over all processes: each step that they take together follows all of them. */
function slopesOf(
  loss: () => Tensor,
  parameters: readonly Parameter[],
  parallel: Parallel,
): { value: number; slopes: (Tensor | null)[] } {
  return scope(() => {
    const { value, slopes } = computed(loss)(
      parameters.map(({ tensor }) => tensor),
      parallel.meanGradients?.(parameters.map(() => null)),
    );
    return { value: parallel.total(value.item()) / parallel.size, slopes: [...slopes] };
  });
}
