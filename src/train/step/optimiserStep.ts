/**
 * @file One optimizer step, the same for search and training, and means of losses.
 */
import { requireGradient } from '../../engine/autograd.ts';
import { addInto } from '../../engine/operators.ts';
import { scope, type Tensor } from '../../engine/tensor.ts';
import { clipScale, jointNorm, type Optimiser } from '../../nn/optimisers.ts';
import type { Parameter } from '../../nn/parameters.ts';
import { type Parallel, singleProcess } from '../../parallel/parallel.ts';
import { byAutograd, type Differentiate } from './differentiate.ts';

/** What an optimizer step trains, and how. */
export interface StepPlan {
  readonly trained: readonly Parameter[];
  /** Parameters that are left out of autograd: what only they need is neither stored nor computed. */
  readonly frozen?: readonly Parameter[];
  readonly optimiser: Optimiser;
  /** Largest joint norm of the gradients; 0 for no limit. */
  readonly clip: number;
  /** Those who compute the other parts of each batch; default nobody. */
  readonly parallel?: Parallel;
}

/**
 * One optimizer step on the sum of `losses`, each computed and differentiated after the other; every intermediate tensor is freed. Returns the sum.
 * Of several processes it is the mean over all: every one gives its own losses, and takes the same step. Where it or the norm of its gradient is not
 * finite, nothing is changed and the result is NaN.
 */
export const takeStep = (plan: StepPlan, learningRate: number, ...losses: readonly (() => Tensor)[]): number =>
  takeStepWith(plan, learningRate, losses.map(byAutograd));

/** The same with losses that know how their gradients are computed. */
export function takeStepWith(
  { trained, frozen = [], optimiser, clip, parallel = singleProcess }: StepPlan,
  learningRate: number,
  losses: readonly Differentiate[],
): number {
  return withFrozen(frozen, () =>
    scope(() => {
      const { result, gradients } = addGradients(losses, trained, parallel);
      return applyGradients({ optimiser, clip }, learningRate, result, gradients);
    }),
  );
}

/** The optimizer step itself, once the gradients are known; the result as of `takeStep`. */
export function applyGradients(
  { optimiser, clip }: Pick<StepPlan, 'optimiser' | 'clip'>,
  learningRate: number,
  result: number,
  gradients: readonly (Tensor | null)[],
): number {
  if (!Number.isFinite(result)) return Number.NaN;
  // Compute the norm even without clipping: it detects non-finite gradients.
  const norm = jointNorm(gradients.filter((gradient): gradient is Tensor => gradient !== null));
  if (!Number.isFinite(norm)) return Number.NaN;
  optimiser.step(gradients, learningRate, clip > 0 ? clipScale(norm, clip) : 1);
  return result;
}

/** The sum of the losses and its gradients, as means over all processes; the gradients are incomplete where the sum is not finite. */
function addGradients(
  losses: readonly Differentiate[],
  trained: readonly Parameter[],
  parallel: Parallel,
): { result: number; gradients: (Tensor | null)[] } {
  const tensors = trained.map(({ tensor }) => tensor);
  let result = 0;
  let gradients: (Tensor | null)[] = tensors.map(() => null);
  for (const differentiate of losses) {
    // All-reduced once, with the last loss: its gradients then are those of all losses and ranks.
    const mean = differentiate === losses[losses.length - 1] ? parallel.meanGradients?.(gradients) : undefined;
    gradients = scope(() => {
      const { value, gradients: own } = differentiate(tensors, mean);
      // Of all: a loss that is no number on one rank is none anywhere.
      result += parallel.total(value.item()) / parallel.size;
      if (!Number.isFinite(result)) return gradients;
      if (mean) return [...own];
      return own.map((gradient, i) => {
        const before = gradients[i];
        return gradient && before ? addInto(before, gradient) : (before ?? gradient);
      });
    });
  }
  return { result, gradients };
}

/** Runs `work` with some parameters left out of autograd. */
export function withFrozen<T>(frozen: readonly Parameter[], work: () => T): T {
  for (const { tensor } of frozen) requireGradient(tensor, false);
  try {
    return work();
  } finally {
    for (const { tensor } of frozen) requireGradient(tensor, true);
  }
}

/** The losses of some steps; those that were skipped do not count. Plain numbers, so that a checkpoint holds them. */
export interface MeanLoss {
  total: number;
  steps: number;
}

export const noLoss = (): MeanLoss => ({ total: 0, steps: 0 });

/** Takes the loss of a step; NaN where it was skipped. */
export function addLoss(mean: MeanLoss, loss: number): void {
  if (!Number.isFinite(loss)) return;
  mean.total += loss;
  mean.steps++;
}

/** NaN when every step was skipped. */
export const meanLoss = ({ total, steps }: MeanLoss): number => total / steps;
