/**
 * @file Which sample with which randomness comes when. A function of seed, epoch and place alone, so that the number of workers changes
 * nothing.
 */
import { createRandom, type Random, shuffled } from '../../base/random.ts';

/** The order of `count` samples in an epoch. */
export function epochOrder(count: number, seed: number, epoch: number, shuffle: boolean): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  return shuffle ? shuffled(order, createRandom(seed, 0x0bde8, epoch)) : order;
}

/** The random numbers of the sample at `place` in an epoch. */
export function sampleRandom(seed: number, epoch: number, place: number): Random {
  return createRandom(seed, 0xa0635, epoch, place);
}

/** One of several processes that make the samples of every batch together. */
export interface Part {
  /** From 0. */
  readonly index: number;
  readonly count: number;
}

export const WHOLE: Part = { index: 0, count: 1 };

/** The places in the epoch, from the first to before the second, that a part of the batch at `first` makes: all parts together make each once. */
export function partOfBatch(first: number, batch: number, { index, count }: Part): readonly [number, number] {
  const edge = (part: number) => first + Math.round((part * batch) / count);
  return [edge(index), edge(index + 1)];
}
