/**
 * @file Scores the network of a run on a split and leaves tables and sample images: at the end of a training in the folder of the run, by
 * `espalier evaluate` in one of its own, so that the scores of a run stay those of its training.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { distinctNames } from '../base/names.ts';
import { outputNames } from '../data/regions/regions.ts';
import { samplesOf } from '../data/splits.ts';
import { type DataSet, ownChannels } from '../data/types.ts';
import { Generator, threads } from '../engine/device.ts';
import { type EvaluateOptions, evaluate, type Scores } from '../infer/evaluate.ts';
import type { Infer } from '../infer/inference.ts';
import type { EvaluateConfig } from '../run/config/schemas/evaluate.ts';
import {
  createEvaluationFolder,
  type EvaluationRecord,
  type NamedEvaluation,
  writeEvaluation,
} from '../run/evaluations.ts';
import { loadConfigFile } from '../run/openRun.ts';
import { writeEvaluationReport } from '../run/report/evaluation.ts';
import { writeReport } from '../run/report/report.ts';
import { loadMembers } from './ensemble/members.ts';
import { inOwnFolder } from './lifecycle.ts';
import { prepareMachine, versions } from './machine.ts';
import { openRunData, trainedOnBy } from './openData.ts';
import { crfFor } from './prepare/crf.ts';
import { type ScoresFolder, writeSample, writeScores, writeVolumeSample } from './records/artifacts.ts';
import { recordOfCrf, summaryOf } from './records/evaluation.ts';
import { inferenceOptions, intensityUnits } from './settings.ts';

/** Samples that are kept as images. */
const SAMPLES = 8;

/** Of several processes (`options.parallel`) each scores its part of the samples; tables and pictures, of its own part, leaves the one with a `folder`. */
export async function scoreNetwork(job: {
  folder?: ScoresFolder;
  dataset: DataSet;
  /** Logits at the size of the images. */
  forward: Infer;
  device: string;
  split?: string;
  options?: EvaluateOptions;
  onProgress?: (done: number, total: number) => void;
}): Promise<Scores> {
  const { folder, dataset, forward, device, split = 'val', options, onProgress } = job;
  const samples = samplesOf(dataset, split);
  const channels = dataset.rank === 2 ? ownChannels(dataset)?.names : undefined;
  const own = samples.length / (options?.parallel?.size ?? 1);
  const every = Math.max(1, Math.floor(own / SAMPLES));
  const names = folder && namesById(samples.map(({ id }) => id));
  const nameOf = (id: string) => names?.get(id) ?? id;
  const progress = (done: number, write: (folder: ScoresFolder) => void): void => {
    if (folder && (done - 1) % every === 0 && (done - 1) / every < SAMPLES) write(folder);
    onProgress?.(done, samples.length);
  };
  const scores = await evaluate(forward, dataset, samples, device, {
    ...options,
    onImage: (picture, done) =>
      progress(done, (into) => writeSample(into, nameOf(picture.id), dataset.classes, picture, channels)),
    onVolume: (volume, done) =>
      progress(done, (into) => writeVolumeSample(into, nameOf(volume.id), dataset.classes, volume)),
  });
  if (folder) await writeScores(folder, dataset, scores);
  return scores;
}

/** File names of samples: ids are unique, names made of them need not be. */
function namesById(ids: readonly string[]): ReadonlyMap<string, string> {
  const names = distinctNames(ids, ['.png', '.nii.gz']);
  return new Map(ids.map((id, i) => [id, names[i]]));
}

/** The scores of a run's network, and where they are. */
export interface EvaluationOutcome {
  /** The run folder. */
  readonly run: string;
  readonly split: string;
  /** What was measured and how, and the folder below `evaluations/` of the run that holds it. */
  readonly evaluation: NamedEvaluation & { readonly path: string };
  /** Names of the classes, or of the regions, in the order of the scores. */
  readonly classes: readonly string[];
  readonly scores: Scores;
  /** How the data differ from those of the run. */
  readonly warnings: readonly string[];
  readonly report: string;
  /** Milliseconds of the forward passes of one sample: their median times how many there were. On the processor only. */
  readonly latency?: { readonly ms: number; readonly threads: number };
}

const medianOf = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

/**
 * Scores the network of a run as the settings say; see `espalier evaluate --help`. An aborted `signal` ends it after the sample in progress, with a `StoppedError`.
 * @throws ConfigError when the data does not fit the network, DataError when there is no run.
 */
export async function evaluateJob(
  config: EvaluateConfig,
  onProgress?: (done: number, total: number) => void,
  signal?: AbortSignal,
): Promise<EvaluationOutcome> {
  const device = prepareMachine(config);
  const ensemble = loadMembers(config.run, config.checkpoint, new Generator(0), device);
  const { description, members } = ensemble;
  const [{ folder }, ...others] = members;
  const { volumes } = description;
  const { dataset, warnings: ofData } = await openRunData(folder, description, config.data);
  const { split, toleranceMm, checkpoint } = config;
  const samplesOfSplit = samplesOf(dataset, split);
  const warnings = [...ofData, ...others.flatMap((member) => trainedOnBy(member.folder, samplesOfSplit))];
  const plain = inferenceOptions(config, description);
  const task = { network: ensemble.forward(), dataset, device };
  const found = await crfFor(config, plain, { ...task, ...(signal ? { signal } : {}) });
  const inference = found ? { ...plain, crf: found.options } : plain;
  const options = {
    largestComponents: volumes?.largestComponents ?? [],
    inference,
    toleranceMm,
    ...(signal ? { signal } : {}),
  };
  const trained = existsSync(folder.config) ? loadConfigFile(folder.config).data : undefined;
  const data = config.data ?? String(trained);
  const samples = samplesOfSplit.length;
  const several = others.length > 0 ? `-mean-of-${members.length}` : '';
  const proposed = `${dataset.name}-${split}${several}`;
  const target = createEvaluationFolder(folder, { wanted: config.name, proposed });
  const passes: number[] = [];
  const timed = ensemble.forward((pass) => {
    const started = performance.now();
    const logits = pass();
    passes.push(performance.now() - started);
    return logits;
  });
  const score = { dataset, forward: timed, device, split, options, onProgress };
  const { window } = inference;
  const { scores, evaluation, report } = await inOwnFolder(target, async (own) => {
    const scores = await scoreNetwork({ ...score, folder: own });
    const evaluation: EvaluationRecord = {
      time: new Date().toISOString(),
      data,
      dataset: dataset.name,
      split,
      samples,
      trainedOn: resolve(data) === resolve(String(trained)),
      ...(others.length > 0 ? { runs: members.map((member) => member.folder.path) } : {}),
      checkpoint,
      scales: [...inference.scales],
      mirror: [...inference.mirror],
      window: window ? [...window.window] : null,
      overlap: window ? config.overlap : null,
      toleranceMm: dataset.rank === 3 ? toleranceMm : null,
      version: versions().espalier,
      scores: summaryOf(scores),
      ...(found ? { crf: recordOfCrf(found, intensityUnits(description), scores) } : {}),
    };
    writeEvaluation(own, evaluation);
    return { scores, evaluation, report: writeEvaluationReport(own, { name: own.name, ...evaluation }, folder.name) };
  });
  // The report of the run lists its evaluations; its own scores stay those of the training.
  writeReport(folder);
  const { name, path } = target;
  const classes = outputNames(dataset);
  // On a GPU a call ends before its work.
  const latency =
    device === 'cpu' ? { ms: (medianOf(passes) * passes.length) / samples, threads: threads() } : undefined;
  const outcome = {
    run: folder.path,
    split,
    evaluation: { name, path, ...evaluation },
    classes,
    scores,
    warnings,
    report,
  };
  return { ...outcome, ...(latency ? { latency } : {}) };
}
