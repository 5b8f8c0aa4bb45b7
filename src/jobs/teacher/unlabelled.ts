/**
 * @file Images without labels that a teacher is asked about.
 */
import { readdirSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import { ConfigError, DataError } from '../../base/errors.ts';
import { isImageName } from '../../data/images/endings.ts';
import { createLoader, type Loader } from '../../data/loader/loader.ts';
import type { DataSet, Sample } from '../../data/types.ts';
import { type Parallel, partOf } from '../../parallel/parallel.ts';
import type { TrainSettings } from '../../train/retrain.ts';

/** The images of a folder and of those inside it, by their paths below it, sorted. Every pixel has the label 0, so that crops know what lies beyond an image. */
export function unlabelledImages(folder: string): Sample[] {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new DataError(`distillation.images: ${folder}: no such folder`, 'name a folder of images');
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => isImageName(name.slice(name.lastIndexOf(sep) + 1)))
    .sort()
    .map((name) => ({ id: name, source: { kind: 'files', image: join(folder, name), blank: 0 } }));
}

/** Batches of them, cropped and augmented as those of the training, as many images as a batch of it has. */
export function unlabelledLoader(
  folder: string,
  dataset: DataSet,
  settings: TrainSettings,
  parallel: Parallel,
): Loader {
  const samples = unlabelledImages(folder);
  if (samples.length < settings.batch)
    throw new ConfigError(
      `distillation.images: ${folder} has ${samples.length} images, fewer than a batch of ${settings.batch}`,
      'add images, or lower batch',
    );
  // Other crops than those of the labelled images with the same numbers.
  const seed = (settings.seed + 1) % 2 ** 32;
  return createLoader({ dataset, samples, ...settings, seed, part: partOf(parallel) });
}
