/**
 * @file Scores a network on whole pictures: one confusion matrix over the split, ignored pixels left out.
 */
import { evaluationBatches } from '../data/loader.ts';
import type { DataSet, Sample, SampleFormat } from '../data/types.ts';
import { scope } from '../engine/tensor.ts';
import {
  addToConfusion,
  type ConfusionMatrix,
  createConfusion,
  type SegmentationScores,
  segmentationScores,
} from '../metrics/confusion.ts';
import { classMap, toTensors } from './batch.ts';
import { type Infer, type InferenceOptions, infer, SINGLE_SCALE } from './inference.ts';
import { stopPoint } from './stop.ts';

/** Scores and the matrix they follow from. */
export interface Scores extends SegmentationScores {
  readonly confusion: ConfusionMatrix;
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

/** Scores `network` on `samples`, picture by picture at full size. */
export async function evaluate(
  network: Infer,
  dataset: SampleFormat & Pick<DataSet, 'ignore'>,
  samples: readonly Sample[],
  device: string,
  options: {
    inference?: InferenceOptions;
    onPicture?: (picture: ScoredPicture, done: number) => void;
    /** Ends the scoring after the picture in progress, with a `StoppedError`. */
    signal?: AbortSignal;
  } = {},
): Promise<Scores> {
  const confusion = createConfusion(dataset.classes.length);
  let done = 0;
  for await (const batch of evaluationBatches(dataset, samples)) {
    const prediction = scope(() =>
      classMap(infer(network, toTensors(batch, device).images, options.inference ?? SINGLE_SCALE)),
    );
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
