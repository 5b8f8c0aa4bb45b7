/**
 * @file The memory that a training is about to need, before its first step: what the process has by then, and what a step adds, counted from shapes.
 * On the CPU; what a GPU has left is not known here. What a search needs is chosen in `keptMemory.ts`.
 */
import { formatBytes } from '../base/text.ts';
import { memory } from '../engine/device.ts';
import type { EventLog } from '../run/eventLog.ts';
import { availableBytes } from './keptMemory.ts';
import { type RunWatcher, tellWarning } from './runner.ts';

/** What a training needs, and what it may have. */
export interface MemoryNeed {
  /** Peak resident bytes of the process, predicted. */
  readonly neededBytes: number;
  /** What the process has, and what it may still take. */
  readonly availableBytes: number;
}

/**
 * Weights are there before the first step; their gradients are not, nor what the optimiser keeps of each. Measured: of both together a quarter more
 * than once the weights counts at the peak, because gradients come while activations go.
 */
const GRADIENTS_AND_STATE = 1.25;

/**
 * The need of a training whose network is built.
 * @param stepBytes activations of a step
 * @param weightBytes of the trained weights
 */
export function memoryNeed(stepBytes: number, weightBytes: number): MemoryNeed {
  const { residentBytes } = memory();
  return {
    neededBytes: residentBytes + stepBytes + GRADIENTS_AND_STATE * weightBytes,
    availableBytes: residentBytes + availableBytes(),
  };
}

/** Says what a training is about to need, and warns with advice when that is more than there is. */
export function tellMemoryNeed(need: MemoryNeed, log: EventLog, watcher: RunWatcher): void {
  const { neededBytes, availableBytes: available } = need;
  const told = `predicted peak memory ${formatBytes(neededBytes)} of ${formatBytes(available)}`;
  log.append({ type: 'note', message: told });
  watcher.line(told);
  if (neededBytes > available) tellWarning(`${told}: this will not fit; ${ADVICE}`, log, watcher);
}

const ADVICE = 'raise accumulate, lower batch or crop, or take fewer filters';
