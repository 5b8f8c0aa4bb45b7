/**
 * @file How much of a forward pass a supernet keeps for the backward pass; what is not kept is computed again.
 */

/** Everything, the smaller part, or hardly anything. */
export type KeptMemory = 'fast' | 'balanced' | 'small';

/**
 * What the cells of Auto-DeepLab at a level keep. They know everything and nothing: between the two lies that the finest level, whose states are as large
 * as those of all others together, keeps nothing.
 */
export const keptByCells = (memory: KeptMemory, level: number): 'fast' | 'small' => {
  if (memory === 'balanced') return level === 0 ? 'small' : 'fast';
  return memory;
};
