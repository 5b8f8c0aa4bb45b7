/**
 * @file How much a search keeps of a forward pass, chosen so that its steps fit the memory of the machine.
 */
import { freemem } from 'node:os';
import type { KeptMemory } from '../../supernet/keptMemory.ts';

/** Bytes that this process may still take: what the system has left, or less where it is fenced in. */
export function availableBytes(): number {
  const limit = process.constrainedMemory() ?? 0;
  return limit > 0 ? Math.min(freemem(), limit - process.memoryUsage.rss()) : freemem();
}

/** The most that fits: of `available` bytes a fifth is left alone. As little as can be where nothing fits. */
export const chooseMemory = (stepBytes: (memory: KeptMemory) => number, available: number): KeptMemory =>
  (['fast', 'balanced'] as const).find((memory) => stepBytes(memory) <= SHARE * available) ?? 'small';

const SHARE = 0.8;
