/**
 * @file What the search loop is given, and what it reports.
 */
import type { DataSet } from '../data/types.ts';
import type { Tensor } from '../engine/tensor.ts';
import type { Scores } from '../infer/evaluate.ts';
import type { DecodedArchitecture } from '../method/method.ts';
import type { Parallel } from '../parallel/parallel.ts';
import type { RankSeconds } from '../parallel/rankClock.ts';
import type { LoopSettings } from './loopSettings.ts';
import type { SearchProgress } from './searchState.ts';

/** Settings of the loop; the method has its own. */
export interface SearchSettings extends LoopSettings {
  readonly epochs: number;
  /** Epochs in which the architecture is frozen. */
  readonly warmupEpochs: number;
  /** Samples of the validation split to score after an epoch; 0 scores none. */
  readonly evaluateSamples: number;
  /** Share of the training samples that train the weights. */
  readonly splitFraction: number;
  /** Share of skips among the decoded operators above which the search ends; default 1, which never ends it. @paper darts-plus criterion 1: two skips of eight operators */
  readonly maximumSkipShare?: number;
  /** Take the gradient of the architecture after one virtual step of the weights; default false: with the weights as they are. @paper darts eq. 6 */
  readonly secondOrder?: boolean;
}

/** What the search loop is given beside the search. */
export interface SearchOptions {
  readonly dataset: DataSet;
  readonly settings: SearchSettings;
  readonly device: string;
  /** Loss of logits against labels. */
  readonly loss: (logits: Tensor, labels: Tensor) => Tensor;
  readonly describe: (snapshot: unknown) => DecodedArchitecture;
  readonly recorder: SearchRecorder;
  /** Called after every epoch: true ends the search there. */
  readonly stop?: () => boolean;
  /** Ends the search after the step in progress, with a `StoppedError`. */
  readonly signal?: AbortSignal;
  /** The processes that compute the other parts of each batch; default none. */
  readonly parallel?: Parallel;
}

/** Receives what happens: the run folder, the progress bar and tests are recorders. May store the search in every call. */
export interface SearchRecorder {
  /** After each step; losses of a step that was skipped, or of a batch without a pixel that counts, are NaN. */
  step?(event: {
    epoch: number;
    step: number;
    steps: number;
    loss: number;
    architectureLoss: number | null;
    learningRate: number;
  }): void;
  /** What the user should know about how it computes. */
  note?(message: string): void;
  /** After each epoch; awaited, so that it can write a checkpoint. */
  epoch(event: SearchEpoch, progress: SearchProgress): Promise<void> | void;
}

/** What an epoch of search found out. */
export interface SearchEpoch extends DecodedArchitecture {
  readonly epoch: number;
  readonly weightLoss: number;
  /** Null while the architecture is frozen. */
  readonly architectureLoss: number | null;
  readonly learningRate: number;
  readonly snapshot: unknown;
  readonly scores: Scores | null;
  /** Main score of the supernet minus that of the genotype on the same weights; null while the architecture is frozen. */
  readonly discretisationGap: number | null;
  /** Where the seconds of each process went; null for a single one. */
  readonly ranks: readonly RankSeconds[] | null;
}
