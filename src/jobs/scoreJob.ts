/**
 * @file Scores the network of a run on a split and leaves tables and sample pictures in the folder of the run or of an evaluation.
 */
import { distinctNames } from '../base/names.ts';
import { samplesOf } from '../data/splits.ts';
import type { DataSet } from '../data/types.ts';
import { type EvaluateOptions, evaluate, type Scores } from '../infer/evaluate.ts';
import { reduced } from '../infer/inference.ts';
import type { Network } from '../models/network.ts';
import { type ScoresFolder, writeSample, writeScores, writeVolumeSample } from './artifacts.ts';

/** Samples that are kept as pictures. */
const SAMPLES = 8;

/** Of several processes (`options.parallel`) each scores its part of the samples; tables and pictures, of its own part, leaves the one with a `folder`. */
export async function scoreRun(job: {
  folder?: ScoresFolder;
  dataset: DataSet;
  network: Network;
  reduction: number;
  longSide?: number;
  device: string;
  split?: string;
  options?: EvaluateOptions;
  onProgress?: (done: number, total: number) => void;
}): Promise<Scores> {
  const { folder, dataset, network, reduction, longSide, device, split = 'val', options, onProgress } = job;
  const samples = samplesOf(dataset, split);
  const own = samples.length / (options?.parallel?.size ?? 1);
  const every = Math.max(1, Math.floor(own / SAMPLES));
  const names = folder && namesById(samples.map(({ id }) => id));
  const nameOf = (id: string) => names?.get(id) ?? id;
  const progress = (done: number, write: (folder: ScoresFolder) => void): void => {
    if (folder && (done - 1) % every === 0 && (done - 1) / every < SAMPLES) write(folder);
    onProgress?.(done, samples.length);
  };
  const scores = await evaluate(
    reduced((images) => network.forward(images, { training: false }), reduction, longSide),
    dataset,
    samples,
    device,
    {
      ...options,
      onPicture: (picture, done) =>
        progress(done, (into) => writeSample(into, nameOf(picture.id), dataset.classes, picture)),
      onVolume: (volume, done) =>
        progress(done, (into) => writeVolumeSample(into, nameOf(volume.id), dataset.classes, volume)),
    },
  );
  if (folder) await writeScores(folder, dataset.classes, scores);
  return scores;
}

/** File names of samples: ids are unique, names made of them need not be. */
function namesById(ids: readonly string[]): ReadonlyMap<string, string> {
  const names = distinctNames(ids, ['.png', '.nii.gz']);
  return new Map(ids.map((id, i) => [id, names[i]]));
}
