/**
 * @file Segments whole volumes window by window and scores them on the grid of their files, case by case.
 */
import type { PredictedVolume } from '../data/slices.ts';
import type { DataSet, Sample, VolumeSet } from '../data/types.ts';
import { spacingOf } from '../data/volume.ts';
import { type EvaluationVolume, evaluationVolumes } from '../data/volumes/evaluation.ts';
import { restoreProbabilities, restoreToInput } from '../data/volumes/prepare.ts';
import { scope } from '../engine/tensor.ts';
import { type CaseScores, type CaseSummary, diceOf, scoreCase, summariseCases } from '../metrics/cases.ts';
import { keepLargestComponent } from '../metrics/components.ts';
import { addToConfusion, type ConfusionMatrix, createConfusion, mergeConfusion } from '../metrics/confusion.ts';
import { inOrder, type Parallel, shareOf, singleProcess } from '../parallel/parallel.ts';
import { stopPoint } from '../parallel/stopPoint.ts';
import { toTensors } from './batch.ts';
import { predictSample } from './crf/predict.ts';
import type { Infer, InferenceOptions } from './inference.ts';

/** What reading, preparing and scoring a volume takes of its data set. */
export type VolumeTask = Pick<VolumeSet, 'labelMap' | 'modalities' | 'preparation'> &
  Pick<DataSet, 'classes' | 'ignore'>;

/** How volumes are segmented. */
export interface VolumeInference {
  readonly inference: InferenceOptions;
  readonly device: string;
  /** Classes of which only the largest connected component is kept (26 neighbours); default none. */
  readonly largestComponents?: readonly number[];
  /** Also the probabilities of all classes; default false. */
  readonly withProbabilities?: boolean;
}

/** A segmented volume on the grid that the network saw, in RAS+, for people to look at. */
export interface ScoredVolume extends Omit<PredictedVolume, 'classes'> {
  readonly id: string;
}

/** Scores of a split of volumes. */
export interface VolumeScores {
  readonly cases: readonly CaseScores[];
  readonly summary: CaseSummary;
  /** All voxels of the split. */
  readonly confusion: ConfusionMatrix;
  /** Where a CRF refined the predictions: the scores without it, and the milliseconds that it took of each volume. */
  readonly unrefined?: Pick<VolumeScores, 'cases' | 'confusion'> & { readonly ms: readonly number[] };
}

/** The class map of a volume, on the grid that the network saw and on that of its file. */
export interface PredictedMaps {
  readonly prepared: Uint8Array;
  readonly restored: Uint8Array;
  /** `[classes, depth, height, width]` on the grid of the file, where they were asked for; before components are removed. */
  readonly probabilities?: Float32Array;
  /** Where a CRF refined them: what the network alone gives on the grid of the file, and the milliseconds of the CRF. */
  readonly unrefined?: { readonly restored: Uint8Array; readonly ms: number };
}

export function predictVolume(
  network: Infer,
  volume: EvaluationVolume,
  { inference, device, largestComponents = [], withProbabilities = false }: VolumeInference,
): PredictedMaps {
  const { ids, probabilities, unrefined } = scope(() =>
    predictSample(network, toTensors(volume, 'cpu').images, device, inference, { withProbabilities }),
  );
  const kept = (raw: Uint8Array) =>
    largestComponents.reduce((map, one) => keepLargestComponent(map, volume.size, one), raw);
  const prepared = kept(ids);
  const maps = {
    prepared,
    restored: restoreToInput(prepared, volume.grid),
    ...(probabilities ? { probabilities: restoreProbabilities(probabilities, volume.grid) } : {}),
  };
  if (!unrefined) return maps;
  return { ...maps, unrefined: { restored: restoreToInput(kept(unrefined.ids), volume.grid), ms: unrefined.ms } };
}

/** Scores `network` on `samples`, which all have labels. `toleranceMm` is that of the normalised surface Dice. */
export async function evaluateVolumes(
  network: Infer,
  dataset: VolumeTask,
  samples: readonly Sample[],
  options: VolumeInference & {
    toleranceMm: number;
    onVolume?: (volume: ScoredVolume, done: number) => void;
    /** Ends the scoring after the volume in progress, with a `StoppedError`. */
    signal?: AbortSignal;
  },
): Promise<VolumeScores> {
  const { classes, ignore } = dataset;
  const ofAll = { confusion: createConfusion(classes.length), cases: [] as CaseScores[] };
  const alone = { confusion: createConfusion(classes.length), cases: [] as CaseScores[], ms: [] as number[] };
  for await (const volume of evaluationVolumes(dataset, samples)) {
    const { prepared, restored, unrefined } = predictVolume(network, volume, options);
    const score = (prediction: Uint8Array, to: typeof ofAll): void => {
      const scored = scoreCase(
        {
          id: volume.ids[0],
          prediction,
          label: volume.inputLabels ?? new Uint8Array(prediction.length).fill(ignore),
          shape: volume.grid.input.shape,
          spacingMm: spacingOf(volume.grid.input.affine),
        },
        { classes: classes.length, toleranceMm: options.toleranceMm, ignore },
      );
      mergeConfusion(to.confusion, scored.confusion);
      to.cases.push({ id: scored.id, classes: scored.classes });
    };
    score(restored, ofAll);
    if (unrefined) {
      score(unrefined.restored, alone);
      alone.ms.push(unrefined.ms);
    }
    options.onVolume?.(toScored(volume, prepared), ofAll.cases.length);
    await stopPoint(options.signal);
  }
  const { cases, confusion } = ofAll;
  return { cases, summary: summariseCases(cases), confusion, ...(options.inference.crf ? { unrefined: alone } : {}) };
}

/**
 * The classes whose mean Dice over `samples` rises when only their largest connected component is kept: what a training keeps for
 * predictions, judged on volumes it was not trained on. Of several processes each judges its part, and all come to the same.
 */
export async function chooseLargestComponents(
  network: Infer,
  dataset: VolumeTask,
  samples: readonly Sample[],
  { parallel = singleProcess, ...options }: VolumeInference & { parallel?: Parallel },
): Promise<number[]> {
  const { classes, ignore } = dataset;
  const infer: Infer = (images) => parallel.apart(() => network(images));
  const foreground = classes.map((_, id) => id).slice(1);
  /** Of each own sample by class. */
  const gains: number[][] = [];
  for await (const volume of evaluationVolumes(dataset, shareOf(samples, parallel))) {
    const { prepared } = predictVolume(infer, volume, { ...options, largestComponents: [] });
    const diceWith = (prediction: Uint8Array, id: number): number => {
      const confusion = createConfusion(classes.length);
      addToConfusion(confusion, prediction, volume.labels, ignore);
      return diceOf(confusion)[id];
    };
    gains.push(
      foreground.map((id) => diceWith(keepLargestComponent(prepared, volume.size, id), id) - diceWith(prepared, id)),
    );
  }
  const ofAll = inOrder(await parallel.gather(gains));
  // A class that is nowhere in a volume says nothing there.
  return foreground.filter((_, i) => ofAll.reduce((sum, gain) => sum + (gain[i] || 0), 0) > 0);
}

export const toScored = (volume: EvaluationVolume, prediction: Uint8Array): ScoredVolume => ({
  id: volume.ids[0],
  shape: volume.size,
  spacingMm: volume.grid.spacingMm,
  channels: volume.channels,
  image: volume.images,
  label: volume.labels,
  prediction,
});
