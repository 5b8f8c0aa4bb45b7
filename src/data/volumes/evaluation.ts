/**
 * @file Whole volumes one by one for evaluation and prediction: prepared for the network, with what leads back to the file.
 */
import type { LoadedBatch } from '../loader/batch.ts';
import type { NiftiHeader } from '../nifti/header.ts';
import { IGNORE, type Sample } from '../types.ts';
import { type LoadedVolume, loadVolume, type VolumeFormat } from './load.ts';
import type { Preparation } from './preparation.ts';
import { type PreparedGrid, prepareVolume } from './prepare.ts';

/** A prepared volume as a batch of one, and its file. */
export interface EvaluationVolume extends LoadedBatch {
  /** For `restoreToInput`, which takes a class map of this batch to the grid of the file. */
  readonly grid: PreparedGrid;
  /** Class ids on the grid of the file, `[depth, height, width]`; absent without labels. What predictions are scored against. */
  readonly inputLabels?: Uint8Array;
  /** Header of the file, for `labelHeader`. */
  readonly header: NiftiHeader;
}

/** Whole volumes, `batch` 1, without augmentation, in the order of `samples`. Without a label file every label is `IGNORE`. */
export async function* evaluationVolumes(
  format: VolumeFormat & { preparation: Preparation },
  samples: readonly Sample[],
): AsyncGenerator<EvaluationVolume> {
  for (const sample of samples)
    yield toEvaluationVolume(await loadVolume(format, sample), format.preparation, sample.id);
}

/** A volume in memory as one to evaluate. */
export function toEvaluationVolume(
  { image, label, header }: LoadedVolume,
  preparation: Preparation,
  id: string,
): EvaluationVolume {
  const prepared = prepareVolume(image, label, preparation, id);
  const { grid, channels } = prepared;
  return {
    images: prepared.image,
    labels: prepared.label ?? new Uint8Array(prepared.image.length / channels).fill(IGNORE),
    ids: [id],
    batch: 1,
    size: grid.shape,
    channels,
    grid,
    header,
    ...(label === undefined ? {} : { inputLabels: label.data }),
  };
}
