/**
 * @file Segments whole volumes window by window and scores them on the grid of their files, case by case.
 */
import { writeRegions } from '../data/regions/regions.ts';
import type { PredictedVolume } from '../data/slices.ts';
import type { DataSet, Region, Sample, VolumeSet } from '../data/types.ts';
import { spacingOf } from '../data/volume.ts';
import { type EvaluationVolume, evaluationVolumes } from '../data/volumes/evaluation.ts';
import { restoreProbabilities, restoreToInput } from '../data/volumes/prepare.ts';
import { scope } from '../engine/tensor.ts';
import {
  type CaseScores,
  type CaseSummary,
  diceOf,
  scoreCase,
  scoreRegionCase,
  summariseCases,
} from '../metrics/cases.ts';
import { keepLargestComponent } from '../metrics/components.ts';
import { addToConfusion, createConfusion, mergeConfusion } from '../metrics/confusion.ts';
import { addToRegions, createRegionCounts, mergeRegionCounts, regionScores } from '../metrics/regions.ts';
import { inOrder, type Parallel, shareOf, singleProcess } from '../parallel/parallel.ts';
import { stopPoint } from '../parallel/stopPoint.ts';
import { toTensors } from './batch.ts';
import { type Predicted, predictSample } from './crf/predict.ts';
import type { Infer, InferenceOptions } from './inference.ts';
import { createTally, type Tally } from './tally.ts';

/** What reading, preparing and scoring a volume takes of its data set. */
export type VolumeTask = Pick<VolumeSet, 'labelMap' | 'modalities' | 'preparation'> &
  Pick<DataSet, 'classes' | 'regions' | 'ignore'>;

/** How volumes are segmented. */
export interface VolumeInference {
  readonly inference: InferenceOptions;
  readonly device: string;
  /** Classes, or regions by their place, of which only the largest connected component is kept (26 neighbours); default none. */
  readonly largestComponents?: readonly number[];
  /** Also the probabilities of all classes; default false. */
  readonly withProbabilities?: boolean;
}

/** A segmented volume on the grid that the network saw, in RAS+, for people to look at. */
export interface ScoredVolume extends Omit<PredictedVolume, 'classes'> {
  readonly id: string;
  /** Of a network of regions, `[regions, depth, height, width]`. */
  readonly masks?: Uint8Array | undefined;
}

/** Scores of a split of volumes, with the counts of all its voxels. */
export interface VolumeScores extends Tally {
  readonly cases: readonly CaseScores[];
  readonly summary: CaseSummary;
  /** Where a CRF refined the predictions: the scores without it, and the milliseconds that it took of each volume. */
  readonly unrefined?: Pick<VolumeScores, 'cases' | 'confusion' | 'regions'> & { readonly ms: readonly number[] };
}

/** The class map of a volume, on the grid that the network saw and on that of its file; of regions also their masks. */
export interface PredictedMaps {
  readonly prepared: Uint8Array;
  readonly restored: Uint8Array;
  readonly masks?: { readonly prepared: Uint8Array; readonly restored: Uint8Array };
  /** `[classes or regions, depth, height, width]` on the grid of the file, where they were asked for; before components are removed. */
  readonly probabilities?: Float32Array;
  /** Where a CRF refined them: what the network alone gives on the grid of the file, and the milliseconds of the CRF. */
  readonly unrefined?: { readonly restored: Uint8Array; readonly ms: number };
}

export function predictVolume(
  network: Infer,
  volume: EvaluationVolume,
  { inference, device, largestComponents = [], withProbabilities = false }: VolumeInference,
): PredictedMaps {
  const { ids, masks, probabilities, unrefined } = scope(() =>
    predictSample(network, toTensors(volume, 'cpu').images, device, inference, { withProbabilities }),
  );
  const { regions } = inference;
  const outside = regions ? 'nothing' : 'background';
  const restored = probabilities ? { probabilities: restoreProbabilities(probabilities, volume.grid, outside) } : {};
  if (masks && regions) return { ...restoreRegions(masks, volume, regions, largestComponents), ...restored };
  const kept = (raw: Uint8Array) =>
    largestComponents.reduce((map, one) => keepLargestComponent(map, volume.size, one), raw);
  const prepared = kept(ids);
  const maps = {
    prepared,
    restored: restoreToInput(prepared, volume.grid),
    ...restored,
  };
  if (!unrefined) return maps;
  return { ...maps, unrefined: { restored: restoreToInput(kept(unrefined.ids), volume.grid), ms: unrefined.ms } };
}

/** Every region goes back to the grid of the file by itself; classes are written from what is there then. */
function restoreRegions(
  masks: Uint8Array,
  { size, grid }: Pick<EvaluationVolume, 'size' | 'grid'>,
  regions: readonly Region[],
  largestComponents: readonly number[],
): PredictedMaps {
  const voxels = masks.length / regions.length;
  const input = grid.input.shape.reduce((product, side) => product * side, 1);
  const prepared = Uint8Array.from(masks);
  const restored = new Uint8Array(regions.length * input);
  for (let region = 0; region < regions.length; region++) {
    const own = prepared.subarray(region * voxels, (region + 1) * voxels);
    if (largestComponents.includes(region)) own.set(keepLargestComponent(own, size, 1));
    restored.set(restoreToInput(own, grid), region * input);
  }
  return {
    prepared: writeRegions(prepared, regions),
    restored: writeRegions(restored, regions),
    masks: { prepared, restored },
  };
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
  const ofAll = { ...createTally(dataset), cases: [] as CaseScores[] };
  const alone = { ...createTally(dataset), cases: [] as CaseScores[], ms: [] as number[] };
  for await (const volume of evaluationVolumes(dataset, samples)) {
    const { prepared, restored, masks, unrefined } = predictVolume(network, volume, options);
    scoreInto(ofAll, { ids: restored, masks: masks?.restored }, volume, dataset, options.toleranceMm);
    if (unrefined) {
      scoreInto(alone, { ids: unrefined.restored }, volume, dataset, options.toleranceMm);
      alone.ms.push(unrefined.ms);
    }
    options.onVolume?.(toScored(volume, { ids: prepared, masks: masks?.prepared }), ofAll.cases.length);
    await stopPoint(options.signal);
  }
  const { cases, ...tally } = ofAll;
  return { cases, summary: summariseCases(cases), ...tally, ...(options.inference.crf ? { unrefined: alone } : {}) };
}

/** Adds the scores of one volume, on the grid of its file. */
function scoreInto(
  to: Tally & { readonly cases: CaseScores[] },
  { ids: prediction, masks }: Pick<Predicted, 'ids' | 'masks'>,
  volume: EvaluationVolume,
  { classes, regions, ignore }: Pick<VolumeTask, 'classes' | 'regions' | 'ignore'>,
  toleranceMm: number,
): void {
  const one = {
    id: volume.ids[0],
    label: volume.inputLabels ?? new Uint8Array(prediction.length).fill(ignore),
    shape: volume.grid.input.shape,
    spacingMm: spacingOf(volume.grid.input.affine),
  };
  const options = { classes: classes.length, toleranceMm, ignore };
  if (regions && to.regions) {
    if (!masks) throw new RangeError('regions are scored on their masks');
    const scored = scoreRegionCase({ ...one, masks }, { ...options, regions });
    addToConfusion(to.confusion, prediction, one.label, ignore);
    mergeRegionCounts(to.regions, scored.counts);
    to.cases.push({ id: scored.id, classes: scored.classes });
    return;
  }
  const scored = scoreCase({ ...one, prediction }, options);
  mergeConfusion(to.confusion, scored.confusion);
  to.cases.push({ id: scored.id, classes: scored.classes });
}

/**
 * The classes, or the regions by their place, whose mean Dice over `samples` rises when only their largest connected component is kept: what a training
 * keeps for predictions, judged on volumes it was not trained on. Of several processes each judges its part, and all come to the same.
 */
export async function chooseLargestComponents(
  network: Infer,
  dataset: VolumeTask,
  samples: readonly Sample[],
  { parallel = singleProcess, ...given }: VolumeInference & { parallel?: Parallel },
): Promise<number[]> {
  const { classes, regions, ignore } = dataset;
  const infer: Infer = (images) => parallel.apart(() => network(images));
  const options = regions ? { ...given, inference: { ...given.inference, regions } } : given;
  const judged = regions ? regions.map((_, region) => region) : classes.map((_, id) => id).slice(1);
  /** Of each own sample by class. */
  const gains: number[][] = [];
  for await (const volume of evaluationVolumes(dataset, shareOf(samples, parallel))) {
    const { prepared, masks } = predictVolume(infer, volume, { ...options, largestComponents: [] });
    if (regions && masks) {
      gains.push(regionGains(masks.prepared, volume, { ...dataset, regions }));
      continue;
    }
    const diceWith = (prediction: Uint8Array, id: number): number => {
      const confusion = createConfusion(classes.length);
      addToConfusion(confusion, prediction, volume.labels, ignore);
      return diceOf(confusion)[id];
    };
    gains.push(
      judged.map((id) => diceWith(keepLargestComponent(prepared, volume.size, id), id) - diceWith(prepared, id)),
    );
  }
  const ofAll = inOrder(await parallel.gather(gains));
  // A class that is nowhere in a volume says nothing there.
  return judged.filter((_, i) => ofAll.reduce((sum, gain) => sum + (gain[i] || 0), 0) > 0);
}

/** By how much the Dice of each region rises on the grid that the network saw. */
function regionGains(
  masks: Uint8Array,
  { labels, size }: EvaluationVolume,
  dataset: VolumeTask & { regions: readonly Region[] },
): number[] {
  const { regions } = dataset;
  const kept = new Uint8Array(masks.length);
  for (let i = 0; i < regions.length; i++) {
    const [start, end] = [i * labels.length, (i + 1) * labels.length];
    kept.set(keepLargestComponent(masks.subarray(start, end), size, 1), start);
  }
  const [before, after] = [masks, kept].map((all) => {
    const counts = createRegionCounts(regions.length);
    addToRegions(counts, all, labels, { regions, classes: dataset.classes.length, ignore: dataset.ignore });
    return regionScores(counts).dice;
  });
  return after.map((dice, i) => dice - before[i]);
}

export const toScored = (
  volume: EvaluationVolume,
  { ids, masks }: { readonly ids: Uint8Array; readonly masks?: Uint8Array | undefined },
): ScoredVolume => ({
  id: volume.ids[0],
  shape: volume.size,
  spacingMm: volume.grid.spacingMm,
  channels: volume.channels,
  image: volume.images,
  label: volume.labels,
  prediction: ids,
  ...(masks ? { masks } : {}),
});
