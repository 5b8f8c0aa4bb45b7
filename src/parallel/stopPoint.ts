/**
 * @file Where a loop can be stopped: between two steps, when everything it has is consistent.
 */
import { setImmediate } from 'node:timers/promises';
import { StoppedError } from '../base/errors.ts';
import { type Parallel, singleProcess } from './parallel.ts';

/**
 * Lets the events of the process come in (a signal is one; a loop that computes without a pause would never see it), then ends the loop
 * if a stop was requested. All processes stop together when one of them is asked to.
 * @throws StoppedError when `signal` is aborted.
 */
export async function stopPoint(signal: AbortSignal | undefined, parallel: Parallel = singleProcess): Promise<void> {
  await setImmediate();
  if (parallel.largest(signal?.aborted ? 1 : 0) > 0) throw new StoppedError('stopped');
}
