/**
 * @file Segments whole volumes window by window and scores them on the grid of their files, case by case.
 */
import type { PredictedVolume } from '../data/slices.ts';
import type { DataSet, Sample, VolumeSet } from '../data/types.ts';
import { spacingOf } from '../data/volume.ts';
import { type EvaluationVolume, evaluationVolumes } from '../data/volumes/evaluation.ts';
import { restoreToInput } from '../data/volumes/prepare.ts';
import { scope } from '../engine/tensor.ts';
import { type CaseScores, type CaseSummary, diceOf, scoreCase, summariseCases } from '../metrics/cases.ts';
import { keepLargestComponent } from '../metrics/components.ts';
import { addToConfusion, type ConfusionMatrix, createConfusion, mergeConfusion } from '../metrics/confusion.ts';
import { inOrder, type Parallel, shareOf, singleProcess } from '../parallel/parallel.ts';
import { stopPoint } from '../parallel/stopPoint.ts';
import { toTensors } from './batch.ts';
import { type Infer, type InferenceOptions, predictClasses } from './inference.ts';

/** What reading, preparing and scoring a volume takes of its data set. */
export type VolumeTask = Pick<VolumeSet, 'labelMap' | 'modalities' | 'preparation'> &
  Pick<DataSet, 'classes' | 'ignore'>;

/** How volumes are segmented. */
export interface VolumeInference {
  readonly inference: InferenceOptions;
  readonly device: string;
  /** Classes of which only the largest connected component is kept (26 neighbours); default none. */
  readonly largestComponents?: readonly number[];
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
}

/** The class map of a volume, on the grid that the network saw and on that of its file. */
export function predictVolume(
  network: Infer,
  volume: EvaluationVolume,
  { inference, device, largestComponents = [] }: VolumeInference,
): { prepared: Uint8Array; restored: Uint8Array } {
  const raw = scope(() => predictClasses(network, toTensors(volume, 'cpu').images, device, inference));
  const prepared = largestComponents.reduce((ids, one) => keepLargestComponent(ids, volume.size, one), raw);
  return { prepared, restored: restoreToInput(prepared, volume.grid) };
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
  const confusion = createConfusion(classes.length);
  const cases: CaseScores[] = [];
  for await (const volume of evaluationVolumes(dataset, samples)) {
    const { prepared, restored } = predictVolume(network, volume, options);
    const scored = scoreCase(
      {
        id: volume.ids[0],
        prediction: restored,
        label: volume.inputLabels ?? new Uint8Array(restored.length).fill(ignore),
        shape: volume.grid.input.shape,
        spacingMm: spacingOf(volume.grid.input.affine),
      },
      { classes: classes.length, toleranceMm: options.toleranceMm, ignore },
    );
    mergeConfusion(confusion, scored.confusion);
    cases.push({ id: scored.id, classes: scored.classes });
    options.onVolume?.(toScored(volume, prepared), cases.length);
    await stopPoint(options.signal);
  }
  return { cases, summary: summariseCases(cases), confusion };
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
