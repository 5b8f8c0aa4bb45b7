/**
 * @file Scores a network on whole pictures or volumes: one confusion matrix over the split, ignored pixels left out; volumes also case by case.
 */
import { evaluationBatches } from '../data/loader.ts';
import type { DataSet, Sample, SampleFormat } from '../data/types.ts';
import { scope } from '../engine/tensor.ts';
import type { CaseScores, CaseSummary } from '../metrics/cases.ts';
import {
  addToConfusion,
  type ConfusionMatrix,
  createConfusion,
  type SegmentationScores,
  segmentationScores,
} from '../metrics/confusion.ts';
import { toTensors } from './batch.ts';
import { evaluateVolumes, type ScoredVolume } from './evaluateVolumes.ts';
import { type Infer, type InferenceOptions, predictClasses, SINGLE_SCALE } from './inference.ts';
import { stopPoint } from './stop.ts';

/** Scores and the matrix they follow from; of volumes also those by case. */
export interface Scores extends SegmentationScores {
  readonly confusion: ConfusionMatrix;
  readonly volumes?: { readonly cases: readonly CaseScores[]; readonly summary: CaseSummary };
}

/** What the best weights have most of: the mean Dice of the foreground of volumes, the mean IoU of pictures. */
export function mainScore({ volumes, miou }: Scores): { name: 'mean Dice' | 'mIoU'; value: number } {
  return volumes ? { name: 'mean Dice', value: volumes.summary.mean.dice } : { name: 'mIoU', value: miou };
}

/** What is seen of each picture while it is scored. */
export interface ScoredPicture {
  readonly id: string;
  readonly width: number;
  readonly height: number;
  /** Pixels `[height, width, 3]` in [-1, 1]. */
  readonly image: Float32Array;
  readonly label: Uint8Array;
  readonly prediction: Uint8Array;
}

/** Options of `evaluate`. */
export interface EvaluateOptions {
  readonly inference?: InferenceOptions;
  /** Of the normalised surface Dice of volumes; default 1. */
  readonly toleranceMm?: number;
  /** Classes of volumes of which only the largest connected component is kept. */
  readonly largestComponents?: readonly number[];
  readonly onPicture?: (picture: ScoredPicture, done: number) => void;
  readonly onVolume?: (volume: ScoredVolume, done: number) => void;
  /** Ends the scoring after the sample in progress, with a `StoppedError`. */
  readonly signal?: AbortSignal;
}

/** Scores `network` on `samples`, one by one at full size. */
export async function evaluate(
  network: Infer,
  dataset: SampleFormat & Pick<DataSet, 'ignore'>,
  samples: readonly Sample[],
  device: string,
  options: EvaluateOptions = {},
): Promise<Scores> {
  if (dataset.rank === 3) {
    const { inference = SINGLE_SCALE, toleranceMm = 1 } = options;
    const { confusion, ...volumes } = await evaluateVolumes(network, dataset, samples, {
      ...options,
      inference,
      toleranceMm,
      device,
    });
    return { ...segmentationScores(confusion), confusion, volumes };
  }
  const confusion = createConfusion(dataset.classes.length);
  let done = 0;
  for await (const batch of evaluationBatches(dataset, samples)) {
    const prediction = scope(() => predictClasses(network, toTensors(batch, 'cpu').images, device, options.inference));
    addToConfusion(confusion, prediction, batch.labels, dataset.ignore);
    done++;
    const [height, width] = batch.size;
    options.onPicture?.(
      {
        id: batch.ids[0],
        width,
        height,
        image: batch.images,
        label: batch.labels,
        prediction,
      },
      done,
    );
    await stopPoint(options.signal);
  }
  return { ...segmentationScores(confusion), confusion };
}
