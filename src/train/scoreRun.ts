/**
 * @file Scores the network of a run on a split and leaves tables and sample pictures in the run folder.
 */
import { samplesOf } from '../data/splits.ts';
import type { DataSet } from '../data/types.ts';
import type { Network } from '../models/network.ts';
import type { RunFolder } from '../run/folder.ts';
import { writeSample, writeScores } from './artifacts.ts';
import { evaluate, type Scores } from './evaluate.ts';
import { type InferenceOptions, reduced } from './inference.ts';

/** Pictures that are kept as samples. */
const SAMPLES = 8;

export async function scoreRun(job: {
  folder: RunFolder;
  dataset: DataSet;
  network: Network;
  reduction: number;
  longSide?: number;
  device: string;
  split?: string;
  inference?: InferenceOptions;
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}): Promise<Scores> {
  const { folder, dataset, network, reduction, longSide, device, split = 'val', inference, onProgress, signal } = job;
  const samples = samplesOf(dataset, split);
  const every = Math.max(1, Math.floor(samples.length / SAMPLES));
  const scores = await evaluate(
    reduced((images) => network.forward(images, { training: false }), reduction, longSide),
    dataset,
    samples,
    device,
    {
      ...(inference ? { inference } : {}),
      signal,
      onPicture(picture, done) {
        if ((done - 1) % every === 0 && (done - 1) / every < SAMPLES) writeSample(folder, dataset.classes, picture);
        onProgress?.(done, samples.length);
      },
    },
  );
  await writeScores(folder, dataset.classes, scores);
  return scores;
}
