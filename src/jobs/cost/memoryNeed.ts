/**
 * @file The memory that a run is about to need, before its first step: what the process has by then, and what a step adds, counted from shapes.
 * On the CPU; what a GPU has left is not known here.
 */
import { formatBytes } from '../../base/text.ts';
import { memory } from '../../engine/device.ts';
import type { Reporter } from '../watcher.ts';
import { availableBytes } from './chooseMemory.ts';

/** What a run needs, and what it may have. */
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

/** Programs that are made at the first step, batches, what fits nowhere else. */
const SMALL_THINGS = 60e6;

/** What a step of a training adds to the process. `activationBytes` are those of `estimateMemory`. */
export const trainingStepBytes = (activationBytes: number, weightBytes: number): number =>
  activationBytes + GRADIENTS_AND_STATE * weightBytes + SMALL_THINGS;

/**
 * What a search adds to a process without its network. Measured on spaces of both methods: 15 % more than what is kept for the backward pass,
 * for its temporaries; weights and their momentum, and a quarter of their gradients, which are allocated while activations are freed; and a little.
 * @param keptBytes those of `Method.keptBytes`
 */
export const searchBytes = (keptBytes: number, weightBytes: number): number =>
  weightBytes + Math.max(1.15 * keptBytes + GRADIENTS_AND_STATE * weightBytes, 2 * weightBytes) + SMALL_THINGS;

/**
 * What a run needs beside what the machine has left.
 * @param neededBytes peak resident bytes of the process
 * @param processes that share the memory of this machine
 */
export const memoryNeed = (neededBytes: number, processes: number): MemoryNeed => ({
  neededBytes,
  availableBytes: memory().residentBytes + availableBytes() / processes,
});

/** Reports what a run is about to need, `remark` before it, and warns with `advice` when that is more than there is. */
export function reportMemoryNeed({ note, warn }: Reporter, need: MemoryNeed, advice: string, remark = ''): void {
  const { neededBytes, availableBytes: available } = need;
  const prediction = `${remark}predicted peak memory ${formatBytes(neededBytes)} of ${formatBytes(available)}`;
  note(prediction);
  if (neededBytes > available) warn(`${prediction}: this will not fit; ${advice}`);
}
