/**
 * @file The numbers of an event by name, as other programs that follow runs take them: what TensorBoard and MLflow get. Behind its group a number has
 * the name that it has in the log and in results.csv, and no number has two.
 */
import type { RunEvent } from '../events.ts';

/** Finite numbers of one step; names are paths such as `train/loss`. */
export interface Scalars {
  /** The epoch, from 1. */
  readonly step: number;
  readonly values: readonly (readonly [name: string, value: number])[];
}

/** Scores of the validation split among the metrics of an epoch. */
const SCORES: ReadonlySet<string> = new Set(['miou', 'pixelAccuracy', 'dice']);

/** What a single step measured; the losses of a search have the names of their means over an epoch. */
export function stepScalarsOf({
  phase,
  loss,
  architectureLoss,
  learningRate,
}: Extract<RunEvent, { type: 'step' }>): Scalars['values'] {
  const losses = phase === 'search' ? { weightLoss: loss, architectureLoss } : { loss };
  return finite('step', { ...losses, learningRate });
}

/** What an event measured over an epoch; undefined for an event that measures nothing, and for single steps. */
export function scalarsOf(event: RunEvent): Scalars | undefined {
  switch (event.type) {
    case 'epoch': {
      const { epoch, phase, metrics } = event;
      const isScore = ([key]: [string, unknown]) => SCORES.has(key);
      const entries = Object.entries(metrics);
      const own = Object.fromEntries(entries.filter((entry) => !isScore(entry)));
      // The scores of a training are those of the evaluation that follows.
      const scores = phase === 'search' ? Object.fromEntries(entries.filter(isScore)) : {};
      return { step: epoch + 1, values: [...finite(phase, own), ...finite('val', scores)] };
    }
    case 'evaluation': {
      const { split, iou, classNames } = event;
      // Whatever was measured, but not the numbers that say where the event belongs.
      const scores = { ...event, ...event.volumes, seq: undefined, epoch: undefined };
      const byClass = Object.fromEntries(iou.map((value, c) => [classNames?.[c] ?? `class ${c}`, value]));
      return { step: (event.epoch ?? 0) + 1, values: [...finite(split, scores), ...finite('iou', byClass)] };
    }
    case 'memory': {
      const { residentBytes, peakBytes } = event;
      return { step: event.epoch + 1, values: finite('memory', { residentBytes, peakBytes }) };
    }
    case 'ranks': {
      const { computedSeconds, exchangedSeconds } = event;
      const byRank = (values: readonly number[]) =>
        Object.fromEntries(values.map((seconds, rank) => [`rank ${rank}`, seconds]));
      const computed = finite('computedSeconds', byRank(computedSeconds));
      return { step: event.epoch + 1, values: [...computed, ...finite('exchangedSeconds', byRank(exchangedSeconds))] };
    }
    default:
      return undefined;
  }
}

const finite = (group: string, fields: Readonly<Record<string, unknown>>): [string, number][] =>
  Object.entries(fields).flatMap(([key, value]): [string, number][] =>
    typeof value === 'number' && Number.isFinite(value) ? [[`${group}/${key}`, value]] : [],
  );
