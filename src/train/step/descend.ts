/**
 * @file One gradient step, the same for search and training, and means of losses.
 */
import { requireGradient } from '../../engine/autograd.ts';
import { addInto } from '../../engine/operators.ts';
import { scope, type Tensor } from '../../engine/tensor.ts';
import { clipScale, jointNorm, type Optimiser } from '../../nn/optimisers.ts';
import type { Parameter } from '../../nn/parameters.ts';
import { type Parallel, singleProcess } from '../../parallel/parallel.ts';
import { computed, type Differentiate } from './cudaGraph.ts';

/** What is trained, and how. */
export interface Descent {
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
 * One step down the sum of `losses`, each computed and differentiated after the other; everything made on the way is freed. Returns the sum.
 * Of several processes it is the mean over all: every one gives its own losses, and takes the same step. Where it or the norm of its gradient is not
 * finite, nothing is changed and the result is NaN.
 */
export const descend = (descent: Descent, learningRate: number, ...losses: readonly (() => Tensor)[]): number =>
  descendAlong(descent, learningRate, losses.map(computed));

/** The same with losses that know how their gradients are computed. */
export function descendAlong(
  { trained, frozen = [], optimiser, clip, parallel = singleProcess }: Descent,
  learningRate: number,
  losses: readonly Differentiate[],
): number {
  return withFrozen(frozen, () =>
    scope(() => {
      const { result, slopes } = addGradients(losses, trained, parallel);
      return applyGradients({ optimiser, clip }, learningRate, result, slopes);
    }),
  );
}

/** A step of the optimiser with gradients that are there; the result as of `descend`. */
export function applyGradients(
  { optimiser, clip }: Pick<Descent, 'optimiser' | 'clip'>,
  learningRate: number,
  result: number,
  slopes: readonly (Tensor | null)[],
): number {
  if (!Number.isFinite(result)) return Number.NaN;
  // Without a limit the norm is taken all the same: it is what tells a gradient that is not finite.
  const norm = jointNorm(slopes.filter((slope): slope is Tensor => slope !== null));
  if (!Number.isFinite(norm)) return Number.NaN;
  optimiser.step(slopes, learningRate, clip > 0 ? clipScale(norm, clip) : 1);
  return result;
}

/** The sum of the losses and its gradients, as means over all processes; the gradients are incomplete where the sum is not finite. */
function addGradients(
  losses: readonly Differentiate[],
  trained: readonly Parameter[],
  parallel: Parallel,
): { result: number; slopes: (Tensor | null)[] } {
  const tensors = trained.map(({ tensor }) => tensor);
  let result = 0;
  let slopes: (Tensor | null)[] = tensors.map(() => null);
  for (const differentiate of losses) {
    // Exchanged once, with the last loss: its gradients then are those of all losses and ranks.
    const mean = differentiate === losses[losses.length - 1] ? parallel.meanGradients?.(slopes) : undefined;
    slopes = scope(() => {
      const { value, slopes: own } = differentiate(tensors, mean);
      // Of all: a loss that is no number on one rank is none anywhere.
      result += parallel.total(value.item()) / parallel.size;
      if (!Number.isFinite(result)) return slopes;
      if (mean) return [...own];
      return own.map((slope, i) => {
        const before = slopes[i];
        return slope && before ? addInto(before, slope) : (before ?? slope);
      });
    });
  }
  return { result, slopes };
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
