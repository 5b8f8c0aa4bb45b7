/**
 * @file The rules for losses that go wrong: when a run counts as diverged, when it is warned about, and what a skipped step leaves behind.
 *
 * Steps without a finite loss or gradient are skipped (`optimiserStep.ts`); {@link DIVERGED_AFTER} in a row end the run. So do
 * {@link EXPLODED_AFTER} steps in a row whose loss is above {@link EXPLODED_FACTOR} times the first one.
 */
import { NumericError } from '../../base/errors.ts';
import { noGrad } from '../../engine/autograd.ts';
import * as op from '../../engine/operators.ts';
import { scope } from '../../engine/tensor.ts';
import type { ParameterSet } from '../../nn/parameters.ts';

/** Steps in a row without a finite loss after which a run counts as diverged. */
export const DIVERGED_AFTER = 10;
/** A loss so many times the first one is higher than any guess: all classes alike cost the logarithm of their number, as fresh weights do. */
export const EXPLODED_FACTOR = 3;
/** Steps in a row with such a loss after which a run counts as diverged. */
export const EXPLODED_AFTER = 20;

/** How the losses of a run have gone so far. Plain numbers, so that a checkpoint holds them. */
export interface Health {
  /** Steps in a row without a finite loss. */
  lost: number;
  /** Steps in a row with an exploded loss. */
  high: number;
  /** The first finite loss; null before it. Not a mean: a step that is far too large shows in the second. */
  first: number | null;
}

export const startOfHealth = (): Health => ({ lost: 0, high: 0, first: null });

/**
 * Takes the loss of a step; a batch without a pixel that counts is none. One that holds more than the loss of the weights (entropies, a budget) is not `compared` with the first.
 * @throws NumericError by the rules above.
 */
export function checkLoss(what: string, health: Health, loss: number, compared = true): void {
  const finite = Number.isFinite(loss);
  health.lost = finite ? 0 : health.lost + 1;
  if (health.lost >= DIVERGED_AFTER)
    throw diverged(what, `${DIVERGED_AFTER} steps in a row without a finite loss or gradient`);
  if (!finite || !compared) return;
  health.first ??= loss;
  health.high = loss > EXPLODED_FACTOR * health.first ? health.high + 1 : 0;
  if (health.high >= EXPLODED_AFTER) {
    const times = `${EXPLODED_AFTER} steps in a row above ${EXPLODED_FACTOR} times the first loss`;
    throw diverged(what, `${times}, which was ${health.first.toPrecision(3)}; the last is ${loss.toPrecision(3)}`);
  }
}

/** Whether the last loss was as it should be: in between, nothing is worth keeping. */
export const isSound = ({ lost, high }: Health): boolean => lost === 0 && high === 0;

/** What to say after an epoch, not the first, whose loss is no better than that of the first step; undefined where it is better. */
export function slowWarning({ first }: Health, epoch: number, loss: number): string | undefined {
  // NaN is the loss of an epoch in which no step was taken.
  if (epoch < 1 || first === null || loss < first || Number.isNaN(loss)) return undefined;
  return `the loss does not fall: ${loss.toPrecision(3)} in this epoch, ${first.toPrecision(3)} in the first step; ${ADVICE}`;
}

/** Resets entries of running statistics that a skipped step made non-finite: mean 0, variance 1. */
export function resetStatistics(parameters: ParameterSet): void {
  const trained = new Set(parameters.parameters().map(({ name }) => name));
  noGrad(() =>
    scope(() => {
      for (const [name, tensor] of parameters.entries())
        if (!trained.has(name)) op.replaceNotFinite(tensor, name.endsWith('runningVariance') ? 1 : 0);
    }),
  );
}

const ADVICE = 'the learning rate may be too high: a tenth of it is a good start';

const diverged = (what: string, why: string): NumericError =>
  new NumericError(
    `${what} diverged: ${why}`,
    `${ADVICE}, in a new run; the last checkpoint is from before it went wrong`,
  );
