/**
 * @file Scores the network of a run on a split and leaves tables and sample pictures in the run folder. What `espalier evaluate` calls, and the end of
 * every training.
 */
import { samplesOf } from '../data/splits.ts';
import type { DataSet } from '../data/types.ts';
import { Generator } from '../engine/device.ts';
import { type EvaluateOptions, evaluate, type Scores } from '../infer/evaluate.ts';
import { reduced } from '../infer/inference.ts';
import type { Network } from '../models/network.ts';
import type { EvaluateConfig } from '../run/config/schemas.ts';
import { openRunFolder, type RunFolder } from '../run/folder.ts';
import { writeReport } from '../run/report/report.ts';
import { prepareMachine } from './machine.ts';
import { loadNetwork } from './network.ts';
import { openRunData } from './openData.ts';
import { writeSample, writeScores, writeVolumeSample } from './records/artifacts.ts';
import { inferenceOptions } from './settings.ts';

/** Samples that are kept as pictures. */
const SAMPLES = 8;

/** Of several processes (`options.parallel`) each scores its part of the samples; tables and pictures, of its own part, leaves the one with a `folder`. */
export async function scoreNetwork(job: {
  folder?: RunFolder;
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
  const progress = (done: number, write: (folder: RunFolder) => void): void => {
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
      onPicture: (picture, done) => progress(done, (into) => writeSample(into, dataset.classes, picture)),
      onVolume: (volume, done) => progress(done, (into) => writeVolumeSample(into, dataset.classes, volume)),
    },
  );
  if (folder) await writeScores(folder, dataset.classes, scores);
  return scores;
}

/** The scores of a run's network, and where they are. */
export interface EvaluationOutcome {
  /** The run folder. */
  readonly run: string;
  readonly split: string;
  readonly classes: readonly string[];
  readonly scores: Scores;
  /** How the data differ from those of the run. */
  readonly warnings: readonly string[];
  readonly report: string;
}

/**
 * Scores the network of a run as the settings say; see `espalier evaluate --help`.
 * @throws ConfigError when the data does not fit the network, DataError when there is no run.
 */
export async function evaluateJob(
  config: EvaluateConfig,
  onProgress?: (done: number, total: number) => void,
): Promise<EvaluationOutcome> {
  const folder = openRunFolder(config.run);
  const device = prepareMachine(config);
  const { network, description } = loadNetwork(folder, config.checkpoint, new Generator(0), device);
  const { reduction, longSide, volumes } = description;
  const { dataset, warnings } = await openRunData(folder, description, config.data);
  const { split, toleranceMm } = config;
  const options = {
    largestComponents: volumes?.largestComponents ?? [],
    inference: inferenceOptions(config, description),
    toleranceMm,
  };
  const scores = await scoreNetwork({
    folder,
    dataset,
    network,
    reduction,
    longSide,
    device,
    split,
    options,
    onProgress,
  });
  const classes = dataset.classes.map(({ name }) => name);
  return { run: folder.path, split, classes, scores, warnings, report: writeReport(folder) };
}
