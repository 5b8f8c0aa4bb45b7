/**
 * @file What a training works on and where it stands.
 */
import type { Generator } from '../engine/device.ts';
import type { Network } from '../models/network.ts';
import type { Optimiser } from '../nn/optimisers.ts';
import { type Health, startOfHealth } from './step/health.ts';
import { type MeanLoss, noLoss } from './step/optimiserStep.ts';
import { type DrawnBatches, noBatches } from './step/pixelWeights.ts';

/** Where a training stands; with its tensors, all that a checkpoint holds. */
export interface TrainProgress {
  /** Epochs that are done. */
  epoch: number;
  /** Steps that are done. */
  step: number;
  /** The epoch that has begun. */
  current: { steps: number; loss: MeanLoss; learningRate: number };
  /** Seconds of training so far. */
  seconds: number;
  /** The main score of the best weights so far. */
  best: number;
  /** Evaluations since then. */
  waited: number;
  /** The epochs with the best scores so far, the best first: those whose weights are kept for an average. */
  kept: { epoch: number; score: number }[];
  health: Health;
  drawn: DrawnBatches;
}

export const startOfTraining = (): TrainProgress => ({
  epoch: 0,
  step: 0,
  current: startOfTrainEpoch(),
  seconds: 0,
  best: -1,
  waited: 0,
  kept: [],
  health: startOfHealth(),
  drawn: noBatches(),
});

export const startOfTrainEpoch = () => ({ steps: 0, loss: noLoss(), learningRate: 0 });

/** Everything a training works on. */
export interface Training {
  readonly network: Network;
  readonly optimiser: Optimiser;
  /** The averaged network, if any: it is what is evaluated. */
  readonly averaged: Network | null;
  readonly generator: Generator;
  readonly progress: TrainProgress;
}
