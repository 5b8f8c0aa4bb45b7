/**
 * @file How much a search keeps of a forward pass, chosen so that its steps fit the memory of the machine.
 */
import { freemem } from 'node:os';
import { formatBytes } from '../base/text.ts';
import type { KeptMemory } from '../supernet/keptMemory.ts';

/** What was chosen and why, in a sentence for the log. */
export interface MemoryChoice {
  readonly memory: KeptMemory;
  readonly message: string;
}

/** Bytes that this process may still take: what the system has left, or less where it is fenced in. */
export function availableBytes(): number {
  const limit = process.constrainedMemory() ?? 0;
  return limit > 0 ? Math.min(freemem(), limit - process.memoryUsage.rss()) : freemem();
}

/**
 * The most that fits: of `available` bytes a fifth is left alone.
 * @param stepBytes of weights with their gradients and momentum, and of what a step keeps
 */
export function chooseMemory(stepBytes: (memory: KeptMemory) => number, available: number): MemoryChoice {
  const all = ['fast', 'balanced', 'small'] as const;
  const memory = all.find((candidate) => stepBytes(candidate) <= SHARE * available) ?? 'small';
  const bytes = stepBytes(memory);
  const fits = bytes <= SHARE * available ? '' : ', which may not fit: use a smaller batch or crop';
  return {
    memory,
    message: `memory=${memory}: a step needs about ${formatBytes(bytes)} of the ${formatBytes(available)} that are free${fits}`,
  };
}

const SHARE = 0.8;
