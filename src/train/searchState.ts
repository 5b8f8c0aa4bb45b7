/**
 * @file What a search works on and where it stands. Knows no method by name.
 */
import { createRandom, shuffled } from '../base/random.ts';
import type { Sample } from '../data/types.ts';
import type { Method, Optimisation, SearchNetwork } from '../method/method.ts';
import { type Health, startOfHealth } from './step/health.ts';
import { type MeanLoss, noLoss } from './step/optimiserStep.ts';
import { type DrawnBatches, noBatches } from './step/pixelWeights.ts';

/** Where a search stands; with its tensors, all that a checkpoint holds. */
export interface SearchProgress {
  /** Epochs that are done. */
  epoch: number;
  /** Steps that are done. */
  step: number;
  /** The epoch that has begun. */
  current: { steps: number; weightLoss: MeanLoss; architectureLoss: MeanLoss };
  health: Health;
  /** Batches of both halves. */
  drawn: DrawnBatches;
  /** Whether the search ended before its last epoch because it collapsed to skips. */
  collapsed: boolean;
}

/** Everything a search works on. */
export interface Search {
  readonly network: SearchNetwork;
  readonly weights: Optimisation;
  readonly architecture: Optimisation;
  readonly progress: SearchProgress;
}

export const startOfSearch = (): SearchProgress => ({
  epoch: 0,
  step: 0,
  current: startOfEpoch(),
  health: startOfHealth(),
  drawn: noBatches(),
  collapsed: false,
});

export const startOfEpoch = () => ({ steps: 0, weightLoss: noLoss(), architectureLoss: noLoss() });

/** A search from its start. */
export const createSearch = (method: Pick<Method, 'optimise'>, network: SearchNetwork): Search => ({
  network,
  ...method.optimise(network),
  progress: startOfSearch(),
});

/** The training samples in two disjoint halves, drawn from the seed. @paper auto-deeplab section 4.2 */
export function splitHalves(
  samples: readonly Sample[],
  seed: number,
  fraction = 0.5,
): { weightHalf: Sample[]; architectureHalf: Sample[] } {
  const order = shuffled(samples, createRandom(seed, 0x5917));
  const middle = Math.ceil(order.length * fraction);
  return { weightHalf: order.slice(0, middle), architectureHalf: order.slice(middle) };
}
