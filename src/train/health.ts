/**
 * @file The rules for losses that go wrong: when a run counts as diverged, when it is warned about, and what a skipped step leaves behind.
 *
 * Steps without a finite loss or gradient are skipped (`descend.ts`); {@link DIVERGED_AFTER} in a row end the run. So do
 * {@link EXPLODED_AFTER} steps in a row whose loss is above {@link EXPLODED_FACTOR} times the mean of the first {@link REFERENCE_STEPS}.
 */
import { NumericError } from '../base/errors.ts';
import { noGrad } from '../engine/autograd.ts';
import * as op from '../engine/operators.ts';
import { scope } from '../engine/tensor.ts';
import type { ParameterSet } from '../nn/parameters.ts';
import { addLoss, type MeanLoss, meanLoss, noLoss } from './descend.ts';

/** Steps in a row without a finite loss after which a run counts as diverged. */
export const DIVERGED_AFTER = 10;
/** Steps at the start whose mean loss the later ones are compared with. */
export const REFERENCE_STEPS = 10;
/** A loss so many times the first ones is higher than any guess: all classes alike cost the logarithm of their number. */
export const EXPLODED_FACTOR = 3;
/** Steps in a row with such a loss after which a run counts as diverged. */
export const EXPLODED_AFTER = 20;

/** How the losses of a run have gone so far. Plain numbers, so that a checkpoint holds them. */
export interface Health {
  /** Steps in a row without a finite loss. */
  lost: number;
  /** Steps in a row with an exploded loss. */
  high: number;
  /** The first finite losses. */
  first: MeanLoss;
}

export const startOfHealth = (): Health => ({ lost: 0, high: 0, first: noLoss() });

/**
 * Takes the loss of a step.
 * @throws NumericError by the rules above.
 */
export function checkLoss(what: string, health: Health, loss: number): void {
  const finite = Number.isFinite(loss);
  health.lost = finite ? 0 : health.lost + 1;
  if (health.lost >= DIVERGED_AFTER)
    throw diverged(what, `${DIVERGED_AFTER} steps in a row without a finite loss or gradient`);
  if (!finite) return;
  if (health.first.steps < REFERENCE_STEPS) {
    addLoss(health.first, loss);
    return;
  }
  const reference = meanLoss(health.first);
  health.high = loss > EXPLODED_FACTOR * reference ? health.high + 1 : 0;
  if (health.high >= EXPLODED_AFTER) {
    const first = `${reference.toPrecision(3)} in the first ${REFERENCE_STEPS}`;
    throw diverged(
      what,
      `a loss of ${loss.toPrecision(3)} after ${EXPLODED_AFTER} such steps in a row, against ${first}`,
    );
  }
}

/** Whether the last loss was as it should be: in between, nothing is worth keeping. */
export const isSound = ({ lost, high }: Health): boolean => lost === 0 && high === 0;

/** What to say after an epoch, not the first, whose loss is no better than the first steps of the run; undefined where it is better. */
export function slowWarning({ first }: Health, epoch: number, loss: number): string | undefined {
  if (epoch < 1 || first.steps < REFERENCE_STEPS || loss < meanLoss(first)) return undefined;
  return `the loss does not fall: ${loss.toPrecision(3)} in this epoch, ${meanLoss(first).toPrecision(3)} in the first ${REFERENCE_STEPS} steps; ${ADVICE}`;
}

/** Puts the entries of running statistics that a skipped step made not finite back to where they began: mean 0, variance 1. */
export function mendStatistics(parameters: ParameterSet): void {
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
