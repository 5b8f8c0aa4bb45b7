/**
 * @file Scores a network on whole images or volumes: one confusion matrix over the split, ignored pixels left out; volumes also case by case.
 */
import { evaluationBatches } from '../data/loader/loader.ts';
import type { DataSet, Sample, SampleFormat } from '../data/types.ts';
import { scope } from '../engine/tensor.ts';
import { type CaseScores, type CaseSummary, summariseCases } from '../metrics/cases.ts';
import type { ConfusionMatrix } from '../metrics/confusion.ts';
import type { RegionCounts } from '../metrics/regions.ts';
import { inOrder, type Parallel, shareOf, singleProcess } from '../parallel/parallel.ts';
import { stopPoint } from '../parallel/stopPoint.ts';
import { toTensors } from './batch.ts';
import { predictSample } from './crf/predict.ts';
import { evaluateVolumes, type ScoredVolume, type VolumeScores } from './evaluateVolumes.ts';
import { type Infer, type InferenceOptions, SINGLE_SCALE } from './inference.ts';
import { addToTally, createTally, scoresOfTally, sumOfTallies, type Tally, type TallyScores } from './tally.ts';

/**
 * Scores and the counts they follow from; of volumes also those by case. Of data with regions all scores are those of the regions; the confusion is that
 * of the classes that are written.
 */
export interface Scores extends TallyScores {
  readonly confusion: ConfusionMatrix;
  readonly regions?: RegionCounts;
  readonly volumes?: { readonly cases: readonly CaseScores[]; readonly summary: CaseSummary };
  /** Where a CRF refined the predictions: what the network alone scores, and the milliseconds of the CRF, the mean over the samples. */
  readonly unrefined?: Omit<Scores, 'unrefined'> & { readonly crfMs: number };
}

/** The score that chooses the best weights: the mean Dice of the foreground of volumes, the mean IoU of images. */
export function mainScore({ volumes, miou }: Pick<Scores, 'volumes' | 'miou'>): {
  name: 'mean Dice' | 'mIoU';
  value: number;
} {
  return volumes ? { name: 'mean Dice', value: volumes.summary.mean.dice } : { name: 'mIoU', value: miou };
}

/** An image, its label and its prediction, while it is scored. */
export interface ScoredImage {
  readonly id: string;
  readonly width: number;
  readonly height: number;
  /** Pixels `[height, width, channels]` as the network read them: RGB in [-1, 1], other channels about zero. */
  readonly image: Float32Array;
  readonly label: Uint8Array;
  readonly prediction: Uint8Array;
  /** Of a network of regions, `[regions, height, width]`. */
  readonly masks?: Uint8Array | undefined;
}

/** Options of `evaluate`. */
export interface EvaluateOptions {
  readonly inference?: InferenceOptions;
  /** Of the normalised surface Dice of volumes; default 1. */
  readonly toleranceMm?: number;
  /** Classes of volumes, or regions by their place, of which only the largest connected component is kept. */
  readonly largestComponents?: readonly number[];
  readonly onImage?: (picture: ScoredImage, done: number) => void;
  readonly onVolume?: (volume: ScoredVolume, done: number) => void;
  /** Ends the scoring after the sample in progress, with a `StoppedError`; of several processes, only when all have come to its end. */
  readonly signal?: AbortSignal;
  /** Those who score other samples; the result is that of all, on every rank. */
  readonly parallel?: Parallel;
}

/** What is scored on: how samples are read, and what is counted. */
export type ScoredData = SampleFormat & Pick<DataSet, 'ignore' | 'regions'>;

/** Scores `network` on `samples`, one by one at full size. */
export async function evaluate(
  network: Infer,
  dataset: ScoredData,
  samples: readonly Sample[],
  device: string,
  { parallel = singleProcess, signal, ...given }: EvaluateOptions = {},
): Promise<Scores> {
  const { size } = parallel;
  const infer: Infer = (images) => parallel.apart(() => network(images));
  const { regions } = dataset;
  const options = regions ? { ...given, inference: { ...(given.inference ?? SINGLE_SCALE), regions } } : given;
  const alone = { ...options, signal: size === 1 ? signal : undefined };
  if (dataset.rank === 3) {
    const { inference = SINGLE_SCALE, toleranceMm = 1, onVolume } = options;
    // Volumes go round the ranks; of what is left over, which not all ranks have one of, the windows do.
    const { window } = inference;
    const inTurn = window ? samples.length - (samples.length % size) : samples.length;
    const own = shareOf(samples.slice(0, inTurn), parallel);
    const all = { ...alone, inference, toleranceMm, device };
    const parts = await parallel.gather(await evaluateVolumes(infer, dataset, own, all));
    const together = await evaluateVolumes(infer, dataset, samples.slice(inTurn), {
      ...all,
      inference: window ? { ...inference, window: { ...window, among: parallel } } : inference,
      onVolume: onVolume && ((volume, done) => onVolume(volume, own.length + done)),
    });
    type Counted = Pick<VolumeScores, 'cases'> & Tally;
    const scoresOf = (ofRanks: readonly Counted[], last: Counted) => {
      const cases = [...inOrder(ofRanks.map((part) => part.cases)), ...last.cases];
      const tally = sumOfTallies([...ofRanks, last]);
      return { ...scoresOfTally(tally), ...tally, volumes: { cases, summary: summariseCases(cases) } };
    };
    const scores = scoresOf(parts, together);
    if (!together.unrefined) return scores;
    const before = parts.flatMap(({ unrefined }) => unrefined ?? []);
    const crfMs = meanOf([...before, together.unrefined].flatMap(({ ms }) => ms));
    return { ...scores, unrefined: { ...scoresOf(before, together.unrefined), crfMs } };
  }
  const own = shareOf(samples, parallel);
  const parts = await parallel.gather(await countImages(infer, dataset, own, device, alone));
  const scoresOf = (all: readonly Tally[]) => {
    const tally = sumOfTallies(all);
    return { ...scoresOfTally(tally), ...tally };
  };
  const scores = scoresOf(parts.map(({ tally }) => tally));
  if (!options.inference?.crf) return scores;
  const crfMs = meanOf(parts.flatMap(({ ms }) => ms));
  return { ...scores, unrefined: { ...scoresOf(parts.map(({ unrefined }) => unrefined)), crfMs } };
}

/** Of images: the counts with and without a CRF, and the milliseconds that it took of each. */
interface CountedImages {
  readonly tally: Tally;
  readonly unrefined: Tally;
  readonly ms: readonly number[];
}

async function countImages(
  network: Infer,
  dataset: ScoredData,
  samples: readonly Sample[],
  device: string,
  options: EvaluateOptions,
): Promise<CountedImages> {
  const { inference = SINGLE_SCALE } = options;
  const [tally, unrefined] = [0, 1].map(() => createTally(dataset));
  const ms: number[] = [];
  let done = 0;
  for await (const batch of evaluationBatches(dataset, samples)) {
    const predicted = scope(() => predictSample(network, toTensors(batch, 'cpu').images, device, inference));
    const { ids: prediction, masks } = predicted;
    addToTally(tally, predicted, batch.labels, dataset);
    if (predicted.unrefined) {
      addToTally(unrefined, predicted.unrefined, batch.labels, dataset);
      ms.push(predicted.unrefined.ms);
    }
    done++;
    const [height, width] = batch.size;
    options.onImage?.(
      {
        id: batch.ids[0],
        width,
        height,
        image: batch.images,
        label: batch.labels,
        prediction,
        masks,
      },
      done,
    );
    await stopPoint(options.signal);
  }
  return { tally, unrefined, ms };
}

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
