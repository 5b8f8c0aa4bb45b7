/**
 * @file The CRF of an evaluation: its settings, and its weights where they are to be found first.
 */
import { ConfigError } from '../../base/errors.ts';
import { samplesOf, splitNames } from '../../data/splits.ts';
import type { DataSet, Sample } from '../../data/types.ts';
import type { CrfOptions } from '../../infer/crf/crf.ts';
import { tuneCrf, withWeights } from '../../infer/crf/tune.ts';
import type { Infer, InferenceOptions } from '../../infer/inference.ts';
import type { EvaluateConfig } from '../../run/config/schemas/evaluate.ts';

/** A CRF, and the split on which its weights were found. */
export interface FoundCrf {
  readonly options: CrfOptions;
  readonly tunedOn: string | null;
}

/** What the weights are found with. */
export interface CrfTask {
  readonly network: Infer;
  readonly dataset: DataSet;
  readonly device: string;
  /** Ends the search for weights after the sample in progress, with a `StoppedError`. */
  readonly signal?: AbortSignal;
}

/**
 * The CRF that the settings ask for, or undefined; with `crf.tune` its weights are found on other samples than those of `split`.
 * @throws ConfigError when the split of `crf.tuneOn` is the one that is scored, has a sample in common with it, or has none.
 */
export async function crfFor(
  { split, crf }: Pick<EvaluateConfig, 'split' | 'crf'>,
  { crf: options, ...inference }: InferenceOptions,
  { network, dataset, device, signal }: CrfTask,
): Promise<FoundCrf | undefined> {
  if (!options) return undefined;
  if (!crf.tune) return { options, tunedOn: null };
  const tuneOn = crf.tuneOn ?? (split === 'val' ? 'train' : 'val');
  const samples = spread(tuningSamples(dataset, tuneOn, split), crf.tuneSamples);
  const weights = await tuneCrf(network, dataset, samples, device, { ...inference, crf: options }, signal);
  return { options: withWeights(options, weights), tunedOn: tuneOn };
}

/** The samples of a split that none of the scored ones is among. */
function tuningSamples(dataset: DataSet, tuneOn: string, scored: string): Sample[] {
  const others = splitNames(dataset).filter((name) => name !== scored);
  if (tuneOn === scored)
    throw new ConfigError(
      `crf.tuneOn: expected another split than the one that is scored, got ${tuneOn}`,
      `give one of ${others.join(', ')}`,
    );
  const samples = samplesOf(dataset, tuneOn);
  if (samples.length === 0) throw new ConfigError(`crf.tuneOn: the split ${tuneOn} has no sample`, 'give another one');
  const known = new Set(samplesOf(dataset, scored).map(({ id }) => id));
  const both = samples.find(({ id }) => known.has(id));
  if (both)
    throw new ConfigError(
      `crf.tuneOn: ${both.id} of ${tuneOn} is also in ${scored}, which is scored`,
      'give a split that shares no sample with it',
    );
  return samples;
}

/** So many of a list, evenly. */
function spread<Item>(items: readonly Item[], count: number): Item[] {
  const taken = Math.min(count, items.length);
  return Array.from({ length: taken }, (_, i) => items[Math.floor((i * items.length) / taken)]);
}
