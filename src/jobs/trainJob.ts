/**
 * @file A training in a run folder: settings to a network, the loop, its scores, and everything it leaves behind. What `espalier train` and the library call.
 */
import { ConfigError } from '../base/errors.ts';
import { formatDuration, formatLoss } from '../base/text.ts';
import type { DataSet } from '../data/types.ts';
import { Generator, memory } from '../engine/device.ts';
import { mainScore, type Scores } from '../infer/evaluate.ts';
import { chooseLargestComponents } from '../infer/evaluateVolumes.ts';
import { reduced, SINGLE_SCALE } from '../infer/inference.ts';
import { countPredicted } from '../metrics/confusion.ts';
import { isGenotype } from '../models/architecture.ts';
import { countNetwork } from '../models/graph.ts';
import type { Network } from '../models/network.ts';
import { type Parallel, singleProcess } from '../parallel/parallel.ts';
import { saveCheckpoint } from '../run/checkpoint.ts';
import { settings } from '../run/config/presets.ts';
import type { TrainConfig } from '../run/config/schemas.ts';
import type { RunFolder } from '../run/folder.ts';
import { type OpenRun, openRun, type RunRequest } from '../run/openRun.ts';
import { writeReport } from '../run/report/report.ts';
import { openResults } from '../run/results.ts';
import { runTraining, type Training, type TrainRecorder } from '../train/retrain.ts';
import { isSound, slowWarning } from '../train/step/health.ts';
import { emptyBatchesNote } from '../train/step/pixelWeights.ts';
import { precisionNote } from '../train/step/precision.ts';
import { planTogether } from './agreement.ts';
import { writeGenotype, writeGraph } from './artifacts.ts';
import { restoreTraining, shareTraining, storeTraining, type TrainState } from './checkpoint/training.ts';
import { type DryRun, dryRunTraining } from './cost/dryRun.ts';
import { logMemoryNeed } from './cost/memoryNeed.ts';
import {
  endWithError,
  everyMinutes,
  logCollectives,
  logNote,
  logNotices,
  logProcesses,
  logRanks,
  logWarning,
  type RunWatcher,
  SILENT,
  versions,
} from './lifecycle.ts';
import { loadNetwork, saveDescription } from './network.ts';
import { recordData } from './prepareData.ts';
import { type PreparedTraining, prepareTraining } from './prepareTraining.ts';
import { scoreRun } from './scoreJob.ts';
import { createLoss, isSteady, trainSettings } from './settings.ts';

/** What came of a training, and where it is. */
export interface TrainOutcome {
  /** The run folder. */
  readonly run: string;
  /** Of the best weights, on the validation split. */
  readonly scores: Scores;
  readonly classes: readonly string[];
  readonly epochs: number;
  readonly steps: number;
  /** Seconds of training, without evaluation. */
  readonly seconds: number;
  readonly parameters: number;
  readonly report: string;
  readonly peakBytes: number;
}

/**
 * Trains as the settings say; see `espalier train --help`. An aborted `signal` ends it after the step in progress. Of the processes of a `parallel`
 * training this is the first, to which the run folder belongs; the others call `followTraining`.
 * @throws StoppedError when it was told to stop: everything is saved, and `resume` goes on.
 */
export async function trainRun(
  request: RunRequest,
  watcher: RunWatcher = SILENT,
  signal?: AbortSignal,
  parallel: Parallel = singleProcess,
): Promise<TrainOutcome> {
  const plan = await planTogether('train', settings.train, request, parallel);
  const { config } = plan;
  const prepared = await prepareTraining(config, parallel, plan.folder?.path);
  const { training, description, dataset, data, device, need, note } = prepared;
  requireFullBatch(config, dataset);
  const { progress, network } = training;
  const loopSettings = trainSettings(config, dataset.rank);
  const { parameters, multiplyAdds } = countNetwork(network.graph, loopSettings.crop);
  const loss = await createLoss(dataset, config, device);
  // Whatever does not fit has been refused by now: nothing is left behind.
  const run = openRun<TrainState>('train', plan);
  const { folder, log, checkpoint } = run;
  const save = () => {
    saveCheckpoint(folder.last, storeTraining(training));
    log.append({ type: 'checkpoint', path: 'checkpoints/last', epoch: progress.epoch });
  };
  const classes = dataset.classes.map(({ name }) => name);
  const started = performance.now();
  try {
    if (checkpoint) restoreTraining(training, checkpoint);
    await shareTraining(training, config.seed, parallel);
    if (isGenotype(description.architecture)) writeGenotype(folder, description.architecture);
    saveDescription(folder, description);
    writeGraph(folder, network.graph, loopSettings.crop);
    log.append({
      type: 'start',
      command: request.command ?? 'espalier train',
      config: { ...config },
      versions: versions(),
      ...(plan.folder ? { resumedEpoch: progress.epoch, resumedStep: progress.current.steps } : {}),
    });
    logNotices(run, watcher);
    if (note !== undefined && !checkpoint) logNote(note, log, watcher);
    watcher.line(
      `train in ${folder.path}: ${dataset.splits.train.length} samples, ${parameters} parameters, ${(multiplyAdds / 1e9).toFixed(2)} G multiply-adds a crop`,
    );
    const precise = precisionNote(config.precision, device);
    if (precise) logNote(precise, log, watcher);
    if (need) logMemoryNeed(need, ADVICE, log, watcher);
    logProcesses(parallel, config, log, watcher);
    recordData(data, run, watcher);
    await runTraining(training, {
      dataset,
      settings: loopSettings,
      device,
      loss,
      recorder: createRecorder({ run, watcher, config, training, classes, rank: dataset.rank, save }),
      signal,
      parallel,
      steady: isSteady(network, config),
    });
    logCollectives(parallel, (performance.now() - started) / 1000, log, watcher);
    const { network: best } = loadNetwork(folder, 'best', new Generator(0), device);
    const { scores, largestComponents } = await scoreBest({
      network: best,
      prepared,
      config,
      folder,
      signal,
      parallel,
    });
    if (largestComponents.length > 0) {
      saveDescription(folder, { ...description, volumes: { ...description.volumes!, largestComponents } });
      const names = largestComponents.map((id) => classes[id]).join(', ');
      watcher.line(`predictions keep the largest connected component of ${names}`);
    }
    if (countPredicted(scores.confusion) === 1 && classes.length > 1) logWarning(ONE_CLASS, log, watcher);
    const { name, value } = mainScore(scores);
    const duration = formatDuration((performance.now() - started) / 1000);
    log.append({ type: 'end', status: 'done', message: `best ${name} ${value.toFixed(4)} after ${duration}` });
    const report = writeReport(folder);
    const { epoch: epochs, step: steps, seconds } = progress;
    return {
      run: folder.path,
      scores,
      classes,
      epochs,
      steps,
      seconds,
      parameters,
      report,
      peakBytes: memory().peakBytes,
    };
  } catch (error) {
    throw endWithError('train', run, error, save);
  } finally {
    run.close();
  }
}

const ONE_CLASS =
  'the network gives every pixel the same class: it has not learned; lower the learning rate to a tenth, or train longer';

/** The same training on a rank other than the first: it computes its part of every batch and of the scores, and writes nothing. */
export async function followTraining(request: RunRequest, parallel: Parallel, signal?: AbortSignal): Promise<void> {
  const { config } = await planTogether('train', settings.train, request, parallel);
  const prepared = await prepareTraining(config, parallel);
  const { training, dataset, device } = prepared;
  const loss = await createLoss(dataset, config, device);
  await shareTraining(training, config.seed, parallel);
  await runTraining(training, {
    dataset,
    settings: trainSettings(config, dataset.rank),
    device,
    loss,
    recorder: { epoch: () => undefined },
    signal,
    parallel,
  });
  await scoreBest({ network: training.network, prepared, config, signal, parallel });
}

/**
 * The scores of the best weights on the validation split, and the classes of volumes whose largest component predictions keep. Every rank computes its
 * part with the weights of the first, whose run folder gets tables and pictures.
 */
async function scoreBest(job: {
  network: Network;
  prepared: PreparedTraining;
  config: TrainConfig;
  folder?: RunFolder;
  signal?: AbortSignal;
  parallel: Parallel;
}): Promise<{ scores: Scores; largestComponents: number[] }> {
  const { network, prepared, config, folder, signal, parallel } = job;
  const { dataset, device } = prepared;
  const { scale: reduction, longSide } = config;
  const loopSettings = trainSettings(config, dataset.rank);
  parallel.copyFromFirst([...network.parameters.entries().values()]);
  let largestComponents: number[] = [];
  if (dataset.rank === 3 && config.postprocess !== 'none') {
    const { inference = SINGLE_SCALE } = loopSettings;
    const forward = reduced((images) => network.forward(images, { training: false }), reduction);
    const options = { inference, device, parallel };
    largestComponents = await chooseLargestComponents(forward, dataset, dataset.splits.val, options);
  }
  const options = { ...loopSettings, largestComponents, signal, parallel };
  const scores = await scoreRun({ folder, dataset, network, reduction, longSide, device, options });
  return { scores, largestComponents };
}

/** Builds everything, takes one step, and says what it costs; writes nothing. */
export async function trainDryRun(request: RunRequest): Promise<DryRun> {
  const { config } = await planTogether('train', settings.train, request, singleProcess);
  return dryRunTraining(await prepareTraining(config, singleProcess), config);
}

const ADVICE = 'raise accumulate, lower batch or crop, or take fewer filters';

/** Writes what happens to the log, the tables and the checkpoints, and tells the watcher. */
function createRecorder(job: {
  run: OpenRun<TrainState>;
  watcher: RunWatcher;
  config: TrainConfig;
  training: Training;
  classes: readonly string[];
  rank: 2 | 3;
  save: () => void;
}): TrainRecorder {
  const { run, watcher, config, training, classes, rank, save } = job;
  const { folder, log } = run;
  const { progress } = training;
  const results = openResults(folder.results, progress.epoch - 1);
  const clock = everyMinutes(config.checkpointMinutes, save);
  return {
    note: (message) => logNote(message, log, watcher),
    step({ epoch, step, loss, learningRate, done }) {
      const share = Math.min(1, done);
      watcher.progress(share, `epoch ${epoch + 1}  loss ${formatLoss(loss)}`);
      log.append({ type: 'step', phase: 'train', epoch, step, loss, learningRate, share });
      if (isSound(progress.health)) clock.ask();
    },
    epoch({ epoch, loss, learningRate, scores, best, ranks }) {
      const volumes = scores?.volumes?.summary;
      const metrics = {
        loss,
        learningRate,
        miou: scores?.miou ?? null,
        pixelAccuracy: scores?.pixelAccuracy ?? null,
        ...(rank === 3 ? { dice: volumes?.mean.dice ?? null } : {}),
      };
      log.append({ type: 'epoch', phase: 'train', epoch, metrics });
      log.append({ type: 'memory', epoch, ...memory() });
      logRanks(log, epoch, ranks);
      results.append({ epoch, ...metrics });
      if (scores) {
        const { miou, pixelAccuracy, meanAccuracy, iou } = scores;
        const evaluation = { epoch, split: 'val', miou, pixelAccuracy, meanAccuracy, iou, classNames: classes };
        const ofVolumes = volumes && { ...volumes.mean, diceByClass: volumes.classes.map(({ dice }) => dice) };
        log.append({ type: 'evaluation', ...evaluation, ...(ofVolumes ? { volumes: ofVolumes } : {}) });
        const { name, value } = mainScore(scores);
        watcher.line(
          `epoch ${epoch + 1}  loss ${formatLoss(loss)}  ${name} ${value.toFixed(4)}${best ? ' (best)' : ''}  pixel accuracy ${pixelAccuracy.toFixed(4)}  ${formatDuration(progress.seconds)}`,
        );
      }
      const empty = scores && emptyBatchesNote(progress.drawn);
      if (empty) logNote(empty, log, watcher);
      const slow = slowWarning(progress.health, epoch, loss);
      if (slow) logWarning(slow, log, watcher);
      if (best) saveCheckpoint(folder.best, storeTraining(training));
      if (isSound(progress.health)) save();
      clock.saved();
    },
  };
}

/** A dry run may do without. */
function requireFullBatch({ batch }: TrainConfig, { splits: { train } }: DataSet): void {
  if (train.length < batch)
    throw new ConfigError(
      `${train.length} training pictures are fewer than the batch of ${batch}`,
      'lower batch or add pictures',
    );
}
