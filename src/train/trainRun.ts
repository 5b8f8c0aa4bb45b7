/**
 * @file A training in a run folder: settings to a network, the loop, its scores, and everything it leaves behind. What `espalier train` and the library call.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, DataError } from '../base/errors.ts';
import { formatDuration } from '../base/text.ts';
import { openDataSet } from '../data/detect.ts';
import { samplesOf, submissionValues } from '../data/splits.ts';
import type { DataSet } from '../data/types.ts';
import { Generator, memory } from '../engine/device.ts';
import { countPredicted } from '../metrics/confusion.ts';
import { isGenotype } from '../models/architecture.ts';
import { countNetwork } from '../models/graph.ts';
import type { Network } from '../models/network.ts';
import { adam, sgd } from '../nn/optimisers.ts';
import { saveCheckpoint } from '../run/checkpoint.ts';
import { openRunFolder } from '../run/folder.ts';
import { type OpenRun, openRun, planRun, type RunRequest } from '../run/openRun.ts';
import { settings } from '../run/presets.ts';
import { writeReport } from '../run/report.ts';
import { openResults } from '../run/results.ts';
import type { TrainConfig } from '../run/schemas.ts';
import { readArchitecture } from './architecture.ts';
import { writeGenotype } from './artifacts.ts';
import { type DryRun, dryRunTraining } from './dryRun.ts';
import type { Scores } from './evaluate.ts';
import { isSound, slowWarning } from './health.ts';
import {
  createDescribed,
  loadNetwork,
  type NetworkDescription,
  saveDescription,
  transferWeights,
} from './loadNetwork.ts';
import { runTraining, startOfTraining, type Training, type TrainRecorder } from './retrain.ts';
import {
  endWithError,
  everyMinutes,
  prepareMachine,
  type RunWatcher,
  SILENT,
  tellNotices,
  tellWarning,
  versions,
} from './runner.ts';
import { scoreRun } from './scoreRun.ts';
import { createLoss, trainSettings } from './settings.ts';
import { restoreTraining, storeTraining, type TrainState } from './trainState.ts';

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
 * Trains as the settings say; see `espalier train --help`. An aborted `signal` ends it after the step in progress.
 * @throws StoppedError when it was told to stop: everything is saved, and `resume` goes on.
 */
export async function trainRun(
  request: RunRequest,
  watcher: RunWatcher = SILENT,
  signal?: AbortSignal,
): Promise<TrainOutcome> {
  const plan = planRun('train', settings.train, request);
  const { config } = plan;
  const { training, description, dataset, device, note } = await prepareTraining(config, plan.folder?.path);
  requireFullBatch(config, dataset);
  const run = openRun<TrainState>('train', plan);
  const { folder, log, checkpoint } = run;
  const { progress, network } = training;
  const save = () => {
    saveCheckpoint(folder.last, storeTraining(training));
    log.append({ type: 'checkpoint', path: 'checkpoints/last', epoch: progress.epoch });
  };
  const { parameters, multiplyAdds } = countNetwork(network.graph, config.crop);
  const classes = dataset.classes.map(({ name }) => name);
  const started = performance.now();
  try {
    if (checkpoint) restoreTraining(training, checkpoint);
    if (isGenotype(description.architecture)) writeGenotype(folder, description.architecture);
    saveDescription(folder, description);
    log.append({
      type: 'start',
      command: request.command ?? 'espalier train',
      config: { ...config },
      versions: versions(),
      ...(plan.folder ? { resumedEpoch: progress.epoch, resumedStep: progress.current.steps } : {}),
    });
    tellNotices(run, watcher);
    if (note !== undefined && !checkpoint) {
      log.append({ type: 'note', message: note });
      watcher.line(note);
    }
    watcher.line(
      `train in ${folder.path}: ${dataset.splits.train.length} samples, ${parameters} parameters, ${(multiplyAdds / 1e9).toFixed(2)} G multiply-adds a crop`,
    );
    await runTraining(training, {
      dataset,
      settings: trainSettings(config),
      device,
      loss: await createLoss(dataset, config, device),
      recorder: createRecorder({ run, watcher, config, training, classes, save }),
      signal,
    });
    const { network: best } = loadNetwork(folder, 'best', new Generator(0), device);
    const scores = await scoreRun({
      folder,
      dataset,
      network: best,
      reduction: config.scale,
      longSide: config.longSide,
      device,
      signal,
    });
    if (countPredicted(scores.confusion) === 1 && classes.length > 1) tellWarning(ONE_CLASS, log, watcher);
    const duration = formatDuration((performance.now() - started) / 1000);
    log.append({ type: 'end', status: 'done', message: `best mIoU ${progress.bestMiou.toFixed(4)} after ${duration}` });
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

/** Builds everything, takes one step, and says what it costs; writes nothing. */
export async function trainDryRun(request: RunRequest): Promise<DryRun> {
  const { config } = planRun('train', settings.train, request);
  return dryRunTraining(await prepareTraining(config), config);
}

/** Everything that a training needs, from its settings. */
export interface PreparedTraining {
  readonly training: Training;
  readonly description: NetworkDescription;
  readonly dataset: DataSet;
  readonly device: string;
  /** Where the weights come from, when they are not fresh. */
  readonly note?: string;
}

/** A run that goes on takes the architecture that its folder holds, if it came so far. */
async function prepareTraining(config: TrainConfig, folder?: string): Promise<PreparedTraining> {
  const architecture = readArchitecture(
    folder !== undefined && existsSync(join(folder, 'network.json')) ? folder : config.arch,
  );
  const device = prepareMachine(config);
  const opened = await openDataSet(config.data, { seed: config.seed });
  const dataset = {
    ...opened,
    splits: { ...opened.splits, train: config.trainOn.flatMap((name) => samplesOf(opened, name)) },
  };
  checkTrain(config, dataset);
  const description: NetworkDescription = {
    architecture,
    options: networkOptions(config, dataset),
    classes: dataset.classes,
    submissionValues: submissionValues(dataset),
    reduction: config.scale,
    longSide: config.longSide,
  };
  const training = createTraining(description, config, device);
  const note = config.from === undefined ? undefined : startFrom(config.from, training.network);
  return { training, description, dataset, device, note };
}

/** Takes the weights of another run; says which it did not take. */
function startFrom(from: string, network: Network): string {
  const fresh = transferWeights(openRunFolder(from), network);
  const head = fresh.length === 0 ? '' : `; the head is replaced, it tells other classes apart (${fresh.join(', ')})`;
  return `weights start from ${from}${head}`;
}

/** Writes what happens to the log, the tables and the checkpoints, and tells the watcher. */
function createRecorder(job: {
  run: OpenRun<TrainState>;
  watcher: RunWatcher;
  config: TrainConfig;
  training: Training;
  classes: readonly string[];
  save: () => void;
}): TrainRecorder {
  const { run, watcher, config, training, classes, save } = job;
  const { folder, log } = run;
  const { progress } = training;
  const results = openResults(folder.results, progress.epoch - 1);
  const clock = everyMinutes(config.checkpointMinutes, save);
  return {
    step({ epoch, step, loss, learningRate, done }) {
      watcher.progress(Math.min(1, done), `epoch ${epoch + 1}  loss ${loss.toFixed(3)}`);
      log.append({ type: 'step', phase: 'train', epoch, step, loss, learningRate });
      if (isSound(progress.health)) clock.ask();
    },
    epoch({ epoch, loss, learningRate, scores, best }) {
      const metrics = { loss, learningRate, miou: scores?.miou ?? null, pixelAccuracy: scores?.pixelAccuracy ?? null };
      log.append({ type: 'epoch', phase: 'train', epoch, metrics });
      results.append({ epoch, ...metrics });
      if (scores) {
        const { miou, pixelAccuracy, meanAccuracy, iou } = scores;
        const evaluation = { epoch, split: 'val', miou, pixelAccuracy, meanAccuracy, iou, classNames: classes };
        log.append({ type: 'evaluation', ...evaluation });
        watcher.line(
          `epoch ${epoch + 1}  loss ${loss.toFixed(3)}  mIoU ${miou.toFixed(4)}${best ? ' (best)' : ''}  pixel accuracy ${pixelAccuracy.toFixed(4)}  ${formatDuration(progress.seconds)}`,
        );
      }
      const slow = slowWarning(progress.health, epoch, loss);
      if (slow) tellWarning(slow, log, watcher);
      if (best) saveCheckpoint(folder.best, storeTraining(training));
      if (isSound(progress.health)) save();
      clock.saved();
    },
  };
}

function checkTrain(config: TrainConfig, { name, splits }: DataSet): void {
  if (config.norms === 'frozen' && config.from === undefined)
    throw new ConfigError('norms=frozen without from: they would stay as they are made', 'name the run to start from');
  if (splits.val.length === 0)
    throw new DataError(`${name} has no validation pictures`, 'add a val split: training is judged on it');
}

/** A dry run may do without. */
function requireFullBatch({ batch }: TrainConfig, { splits: { train } }: DataSet): void {
  if (train.length < batch)
    throw new ConfigError(
      `${train.length} training pictures are fewer than the batch of ${batch}`,
      'lower batch or add pictures',
    );
}

/** What the settings and the data decide about a network. */
export function networkOptions(config: TrainConfig, { rank, classes }: DataSet): NetworkDescription['options'] {
  const { filters, stem, aspp, decoder } = config;
  return {
    rank,
    inputs: 3,
    classes: classes.length,
    stem,
    ...(filters === undefined ? {} : { filters }),
    head: {
      aspp: aspp.filters,
      decoder: decoder.filters,
      lowLevel: decoder.lowLevel,
      ...(aspp.rates === 'auto' ? {} : { rates: aspp.rates }),
    },
  };
}

function createTraining(description: NetworkDescription, config: TrainConfig, device: string): Training {
  const generator = new Generator(config.seed);
  const network = createDescribed(description, generator, device, { dropPathKeep: config.dropPathKeep });
  const { momentum, decay } = config;
  const norms = network.graph.nodes.flatMap(({ kind, name }) =>
    kind === 'norm' ? [`${name}.weight`, `${name}.bias`] : [],
  );
  const kept = new Set(config.norms === 'frozen' ? norms : []);
  const parameters = network.parameters.parameters().filter(({ name }) => !kept.has(name));
  return {
    network,
    optimiser:
      config.optimizer === 'sgd' ? sgd(parameters, { momentum, decay }) : adam(parameters, { decay, decoupled: true }),
    averaged: config.ema > 0 ? createDescribed(description, new Generator(0), device) : null,
    generator,
    progress: startOfTraining(),
  };
}
