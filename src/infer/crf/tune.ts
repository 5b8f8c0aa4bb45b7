/**
 * @file The weights of a CRF found on a small grid: which pair scores best on samples that are not the ones to be reported.
 */
import { DataError } from '../../base/errors.ts';
import { evaluationBatches } from '../../data/loader/loader.ts';
import type { DataSet, Sample, SampleFormat } from '../../data/types.ts';
import { evaluationVolumes } from '../../data/volumes/evaluation.ts';
import * as op from '../../engine/operators.ts';
import { scope } from '../../engine/tensor.ts';
import { diceOf } from '../../metrics/cases.ts';
import { addToConfusion, type ConfusionMatrix, createConfusion, segmentationScores } from '../../metrics/confusion.ts';
import { stopPoint } from '../../parallel/stopPoint.ts';
import { classMap, toTensors } from '../batch.ts';
import { type Infer, type InferenceOptions, predictProbabilities } from '../inference.ts';
import { type CrfOptions, refine } from './crf.ts';

/** Weights that are tried; with 0 for both the network predicts alone. */
export const APPEARANCE_WEIGHTS = [0, 1, 2, 4, 8] as const;
export const SMOOTHNESS_WEIGHTS = [0, 1, 3] as const;

/** The best weights, and what they score on the samples that they were found on: mIoU, of volumes the mean Dice of the foreground. */
export interface TunedWeights {
  readonly appearance: number;
  readonly smoothness: number;
  readonly score: number;
  /** Of the network alone. */
  readonly without: number;
}

/** A CRF with other weights. */
export const withWeights = (
  crf: CrfOptions,
  { appearance, smoothness }: Pick<TunedWeights, 'appearance' | 'smoothness'>,
): CrfOptions => ({
  ...crf,
  appearance: { ...crf.appearance, weight: appearance },
  smoothness: { ...crf.smoothness, weight: smoothness },
});

/**
 * The best pair of the grid on `samples`, the smallest of those that score the same. Volumes are scored on the grid that the network sees.
 * `signal` ends it after the sample in progress.
 * @throws DataError when no pixel of the samples has a label; StoppedError
 */
export async function tuneCrf(
  network: Infer,
  dataset: SampleFormat & Pick<DataSet, 'classes' | 'ignore'>,
  samples: readonly Sample[],
  device: string,
  { crf, ...inference }: InferenceOptions & { readonly crf: CrfOptions },
  signal?: AbortSignal,
): Promise<TunedWeights> {
  const classes = dataset.classes.length;
  const tried = APPEARANCE_WEIGHTS.flatMap((appearance) =>
    SMOOTHNESS_WEIGHTS.map((smoothness) => ({ appearance, smoothness, confusion: createConfusion(classes) })),
  );
  const batches = dataset.rank === 3 ? evaluationVolumes(dataset, samples) : evaluationBatches(dataset, samples);
  for await (const batch of batches) {
    scope(() => {
      const { images } = toTensors(batch, 'cpu');
      const probabilities = op.toDevice(predictProbabilities(network, images, device, inference), 'cpu');
      for (const { confusion, ...weights } of tried) {
        const isAlone = weights.appearance === 0 && weights.smoothness === 0;
        const ids = scope(() =>
          classMap(isAlone ? probabilities : refine(probabilities, images, withWeights(crf, weights))),
        );
        addToConfusion(confusion, ids, batch.labels, dataset.ignore);
      }
    });
    await stopPoint(signal);
  }
  const scoreOf = (confusion: ConfusionMatrix): number =>
    dataset.rank === 3 ? meanOfKnown(diceOf(confusion).slice(1)) : segmentationScores(confusion).miou;
  const scores = tried.map(({ confusion, ...weights }) => ({ ...weights, score: scoreOf(confusion) }));
  const [alone] = scores;
  if (!Number.isFinite(alone.score))
    throw new DataError(
      `crf.tune: none of ${samples.length} samples has a label`,
      'give crf.tuneOn a split with labels',
    );
  const best = scores.reduce((most, other) => (other.score > most.score ? other : most));
  return { ...best, without: alone.score };
}

function meanOfKnown(values: readonly number[]): number {
  const known = values.filter(Number.isFinite);
  return known.reduce((sum, value) => sum + value, 0) / known.length;
}
