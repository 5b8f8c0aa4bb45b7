/**
 * @file Settings that the loops of search and training share: how samples become batches, and how the network reads inputs when it is scored.
 */
import type { Augmentation } from '../data/images/augment.ts';
import type { PatchSettings } from '../data/volumes/patches.ts';
import type { InferenceOptions } from '../infer/inference.ts';

/** @see SearchSettings, TrainSettings */
export interface LoopSettings {
  /** Samples a step. */
  readonly batch: number;
  /** Size of a crop or patch: `[height, width]` or `[depth, height, width]`. */
  readonly crop: readonly number[];
  readonly seed: number;
  /** Threads that make batches; 0 works in process. */
  readonly workers: number;
  /** Of images. */
  readonly augmentation: Augmentation;
  /** Of volumes. */
  readonly patches?: PatchSettings;
  /** How inputs are read for evaluation; default: as a whole. */
  readonly inference?: InferenceOptions;
  /** Images are read at 1 / reduction of their size. */
  readonly reduction: number;
}
