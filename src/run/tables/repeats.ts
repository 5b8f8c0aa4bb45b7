/**
 * @file What counts in a log of a run that was resumed: a resumed run repeats what followed its checkpoint, and the first tries do not
 * count. Pure, so that the dashboard can apply the same rule in a browser.
 */
import type { RunEvent } from '../events.ts';

/** A start that resumes from a checkpoint, or any other event. */
type Start = Extract<RunEvent, { type: 'start' }>;

/** Whether an event before a start still counts after it. */
export function isKept(event: RunEvent, { resumedEpoch, resumedStep = 0 }: Start): boolean {
  if (resumedEpoch === undefined || !('epoch' in event) || (event.epoch ?? -1) < resumedEpoch) return true;
  return event.type === 'step' && event.epoch === resumedEpoch && event.step <= resumedStep;
}

/** The events that count, in order: epochs that were done again appear once. */
export function withoutRepeats(log: readonly RunEvent[]): RunEvent[] {
  let kept: RunEvent[] = [];
  for (const event of log) {
    if (event.type === 'start' && event.resumedEpoch !== undefined) kept = kept.filter((other) => isKept(other, event));
    kept.push(event);
  }
  return kept;
}
