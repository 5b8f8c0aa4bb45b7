/**
 * @file A training in a run folder: settings to a network, the loop, and its scores. What `espalier train` and the library call.
 */
import { outputNames } from '../data/regions/regions.ts';
import { Generator } from '../engine/device.ts';
import { mainScore, type Scores } from '../infer/evaluate.ts';
import { chooseLargestComponents } from '../infer/evaluateVolumes.ts';
import { reduced, SINGLE_SCALE } from '../infer/inference.ts';
import { countPredicted } from '../metrics/confusion.ts';
import { isGenotype } from '../models/architecture.ts';
import { countNetwork } from '../models/graph.ts';
import type { Network } from '../models/network.ts';
import { type Parallel, singleProcess } from '../parallel/parallel.ts';
import { settings } from '../run/config/presets.ts';
import type { TrainConfig } from '../run/config/schemas/train.ts';
import type { RunRequest } from '../run/openRun.ts';
import { type TrainRecorder, trainLoop } from '../train/retrain.ts';
import { precisionNote } from '../train/step/precision.ts';
import { restoreTraining, shareTraining, storeTraining } from './checkpoint/training.ts';
import { knownLatency } from './cost/latency/table.ts';
import { reportMemoryNeed } from './cost/memoryNeed.ts';
import { smallerTraining } from './cost/smaller.ts';
import { scoreNetwork } from './evaluateJob.ts';
import { type ActiveRun, type FinishedRun, inRunFolder } from './lifecycle.ts';
import { createDescribed, loadNetwork, saveDescription } from './network.ts';
import { planTogether } from './prepare/agreement.ts';
import { recordData } from './prepare/data.ts';
import { requireTrainingSamples } from './prepare/enoughSamples.ts';
import { describeFit } from './prepare/networkOptions.ts';
import { type PreparedTraining, prepareTraining } from './prepare/training.ts';
import { writeGenotype, writeGraph } from './records/artifacts.ts';
import { createTrainRecorder } from './records/training.ts';
import { createLoss, forProcesses, isSteady, trainSettings } from './settings.ts';
import { describeTeacher, teacherWarnings } from './teacher/openTeacher.ts';
import type { RunWatcher } from './watcher.ts';
import { averageBest } from './weights/averageBest.ts';
import { frozenStages } from './weights/fineTuning.ts';

/** What a training reached, and where it is. */
export interface TrainOutcome extends FinishedRun {
  /** Of the best weights, on the validation split. */
  readonly scores: Scores;
  /** Names of the classes, or of the regions, in the order of the scores. */
  readonly classes: readonly string[];
  readonly epochs: number;
  readonly steps: number;
  /** Seconds of training, without evaluation. */
  readonly seconds: number;
  readonly parameters: number;
}

/**
 * Trains as the settings say; see `espalier train --help`. An aborted `signal` ends it after the step in progress. Of the processes of a `parallel`
 * training this is the first, to which the run folder belongs; the others call `followTraining`.
 * @throws StoppedError when it was stopped: everything is saved, and `resume` continues.
 */
export async function trainJob(
  request: RunRequest,
  watcher?: RunWatcher,
  signal?: AbortSignal,
  parallel: Parallel = singleProcess,
): Promise<TrainOutcome> {
  const plan = await planTogether('train', settings.train, request, parallel);
  const config = forProcesses(plan.config, parallel);
  const prepared = await prepareTraining(config, parallel, plan.folder?.path);
  const { training, dataset, data, device } = prepared;
  const { parameters } = costOf(prepared, config);
  // A dry run may do without.
  requireTrainingSamples(config, dataset);
  // Whatever does not fit has been refused by now: nothing is left behind.
  const loss = await createLoss(dataset, config, device);
  const resumable = {
    progress: training.progress,
    save: () => storeTraining(training),
    restore: (checkpoint: ReturnType<typeof storeTraining>) => restoreTraining(training, checkpoint),
    share: () => shareTraining(training, config.seed, parallel),
  };
  const { command } = request;
  const { result, ...finished } = await inRunFolder(
    'train',
    plan,
    resumable,
    { command, watcher, parallel },
    async (run) => {
      reportStart(run, prepared, config);
      recordData(data, run);
      const recorder = createTrainRecorder(run, config, training, dataset);
      await runLoop(prepared, config, loss, { recorder, signal, parallel });
      await average(run, prepared, config, { signal, parallel });
      const { network } = loadNetwork(run.folder, 'best', new Generator(0), device);
      const scores = await scoreBest(run, network, prepared, config, { signal, parallel });
      const { name, value } = mainScore(scores);
      return { result: scores, found: `best ${name} ${value.toFixed(4)}` };
    },
  );
  const { epoch: epochs, step: steps, seconds } = training.progress;
  const classes = outputNames(dataset);
  return { ...finished, scores: result, classes, epochs, steps, seconds, parameters };
}

/** The same training on a rank other than the first: it computes its part of every batch and of the scores, and writes nothing. */
export async function followTraining(request: RunRequest, parallel: Parallel, signal?: AbortSignal): Promise<void> {
  const plan = await planTogether('train', settings.train, request, parallel);
  const config = forProcesses(plan.config, parallel);
  const prepared = await prepareTraining(config, parallel);
  const { training, dataset, device } = prepared;
  const loss = await createLoss(dataset, config, device);
  await shareTraining(training, config.seed, parallel);
  await runLoop(prepared, config, loss, { recorder: { epoch: () => undefined }, signal, parallel });
  await average(null, prepared, config, { signal, parallel });
  await scoreBest(null, training.network, prepared, config, { signal, parallel });
}

/** Stops and processes, the same for the loop and the scores. */
interface Together {
  readonly signal?: AbortSignal;
  readonly parallel: Parallel;
}

/** The loop, the same on every rank but for what is recorded. */
const runLoop = (
  { training, dataset, device, distillation }: PreparedTraining,
  config: TrainConfig,
  loss: Awaited<ReturnType<typeof createLoss>>,
  together: Together & { recorder: TrainRecorder },
): Promise<void> =>
  trainLoop(training, {
    dataset,
    settings: trainSettings(config, dataset.rank),
    device,
    loss,
    ...(distillation ? { distillation } : {}),
    steady: isSteady(training.network, config),
    ...together,
  });

/** The average of the best epochs, where one is asked for. */
const average = (
  run: ActiveRun | null,
  { training, description, dataset, device }: PreparedTraining,
  config: TrainConfig,
  together: Together,
): Promise<void> =>
  averageBest(run, training, trainSettings(config, dataset.rank), {
    ...{ dataset, device, ...together },
    create: () => {
      const frozen = frozenStages(config, training.network.graph);
      return createDescribed(description, new Generator(0), device, { frozenStages: frozen });
    },
  });

/**
 * The scores of the best weights on the validation split; of volumes the classes whose largest component predictions keep are chosen first. Every rank
 * computes its part with the weights of the first, whose `run` gets tables and pictures.
 */
async function scoreBest(
  run: ActiveRun | null,
  network: Network,
  { dataset, description, device }: PreparedTraining,
  config: TrainConfig,
  { signal, parallel }: Together,
): Promise<Scores> {
  const { scale: reduction, longSide } = config;
  const loopSettings = trainSettings(config, dataset.rank);
  const names = outputNames(dataset);
  parallel.copyFromFirst([...network.parameters.entries().values()]);
  const forward = reduced((images) => network.forward(images, { training: false }), reduction, longSide);
  let largestComponents: number[] = [];
  if (dataset.rank === 3 && config.postprocess !== 'none') {
    const { inference = SINGLE_SCALE } = loopSettings;
    const options = { inference, device, parallel };
    largestComponents = await chooseLargestComponents(forward, dataset, dataset.splits.val, options);
  }
  const options = { ...loopSettings, largestComponents, signal, parallel };
  const scores = await scoreNetwork({ folder: run?.folder, dataset, forward, device, options });
  if (run && largestComponents.length > 0) {
    saveDescription(run.folder, { ...description, volumes: { ...description.volumes!, largestComponents } });
    const kept = largestComponents.map((id) => names[id]).join(', ');
    run.watcher.line(`predictions keep the largest connected component of ${kept}`);
  }
  if (countPredicted(scores.confusion) === 1 && dataset.classes.length > 1) run?.warn(ONE_CLASS);
  return scores;
}

const ONE_CLASS =
  'the network gives every pixel the same class: it has not learned; lower the learning rate to a tenth, or train longer';

const costOf = ({ training, dataset }: PreparedTraining, config: TrainConfig) =>
  countNetwork(training.network.graph, trainSettings(config, dataset.rank).crop);

/** Writes what the network is made of, and reports the start. */
function reportStart(run: ActiveRun, prepared: PreparedTraining, config: TrainConfig): void {
  const { folder, resumed, watcher, note } = run;
  const { training, description, dataset, device, need, fitted } = prepared;
  if (isGenotype(description.architecture)) writeGenotype(folder, description.architecture);
  saveDescription(folder, description);
  const { crop } = trainSettings(config, dataset.rank);
  const latency = knownLatency(training.network.graph, crop, config);
  writeGraph(folder, training.network.graph, crop, latency);
  if (latency) note(`predicted latency ${latency.ms.toFixed(1)} ms for ${crop.join(' x ')} (${latency.on})`);
  if (fitted) note(describeFit(fitted));
  if (prepared.note !== undefined && !resumed) note(prepared.note);
  if (config.teacher !== undefined) note(describeTeacher(config));
  for (const message of teacherWarnings(config, dataset)) run.warn(message);
  if (config.perProcess) note(`batch ${config.batch} and learning rate ${config.learningRate} over all processes`);
  const { parameters, multiplyAdds } = costOf(prepared, config);
  watcher.line(
    `train in ${folder.path}: ${dataset.splits.train.length} samples, ${parameters} parameters, ${(multiplyAdds / 1e9).toFixed(2)} G multiply-adds a crop`,
  );
  const precise = precisionNote(config.precision, device);
  if (precise) note(precise);
  if (need) reportMemoryNeed(run, need, smallerTraining(config));
}
