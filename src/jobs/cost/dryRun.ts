/**
 * @file What a run would cost: one batch through everything, on its real data, and nothing written.
 */
import type { LoadedBatch } from '../../data/loader/batch.ts';
import { createLoader } from '../../data/loader/loader.ts';
import type { Sample } from '../../data/types.ts';
import { memory } from '../../engine/device.ts';
import { countNetwork } from '../../models/graph.ts';
import { singleProcess } from '../../parallel/parallel.ts';
import { settings as runSettings } from '../../run/config/presets.ts';
import type { TrainConfig } from '../../run/config/schemas/train.ts';
import { planRun, type RunRequest } from '../../run/openRun.ts';
import { createLessons } from '../../train/distillation.ts';
import { splitHalves } from '../../train/searchState.ts';
import { createSearchStep } from '../../train/searchStep.ts';
import { takeStep } from '../../train/step/optimiserStep.ts';
import { stepLosses, trainingPlan, withSettings } from '../../train/trainStep.ts';
import { type PreparedSearch, prepareSearch } from '../prepare/search.ts';
import { type PreparedTraining, prepareTraining } from '../prepare/training.ts';
import { createLoss, searchSettings, trainSettings } from '../settings.ts';
import { unmoved } from './measureSearch.ts';
import type { MemoryNeed } from './memoryNeed.ts';

/** The cost of a run. */
export interface DryRun {
  /** Weights that would be trained. */
  readonly weights: number;
  /** Steps of the whole run. */
  readonly steps: number;
  /** Seconds of one step; of a search, of a step of the weights and one of the architecture. */
  readonly stepSeconds: number;
  /** Seconds of all steps, without evaluation. */
  readonly seconds: number;
  /** The largest resident size of the process, measured. */
  readonly peakBytes: number;
  /** The same, predicted before the first step, and what there is; as every start predicts it. Not on a GPU. */
  readonly need?: MemoryNeed;
}

/** Builds a search as `searchJob` would, takes one step of each kind, and says what they cost; writes nothing. */
export async function dryRunSearch(request: RunRequest): Promise<DryRun> {
  const { config } = planRun('search', runSettings.search, request);
  const prepared = await prepareSearch(config, singleProcess);
  const { search, dataset, device } = prepared;
  const settings = searchSettings(config, dataset.rank);
  const { weightHalf, architectureHalf } = splitHalves(dataset.splits.train, config.seed, config.splitFraction);
  const smaller = weightHalf.length < architectureHalf.length ? weightHalf : architectureHalf;
  const { batch, stepsPerEpoch } = await firstBatch(prepared, settings, smaller);
  const loss = await createLoss(dataset, config, device);
  const step = createSearchStep(unmoved(search, config.epochs), {
    dataset,
    settings,
    device,
    loss,
    steps: stepsPerEpoch,
  });
  const batches = { weightBatch: batch, architectureBatch: batch };
  const weightSeconds = secondsOf(() => step.weights(batches));
  const architectureSeconds = secondsOf(() => step.architecture(batches));
  step.close();
  const { epochs } = config;
  const { warmupEpochs } = settings;
  return {
    weights: search.network.weights.count(),
    steps: epochs * stepsPerEpoch,
    stepSeconds: weightSeconds + architectureSeconds,
    seconds: stepsPerEpoch * (epochs * weightSeconds + (epochs - warmupEpochs) * architectureSeconds),
    peakBytes: memory().peakBytes,
    need: prepared.need,
  };
}

/** Builds a training as `trainJob` would, takes one step, and says what it costs; writes nothing. */
export async function dryRunTraining(request: RunRequest): Promise<DryRun> {
  const { config } = planRun('train', runSettings.train, request);
  return stepOnce(await prepareTraining(config, singleProcess), config);
}

/** Multiply-adds of a step, forward and backward, that are worth two of them for a prediction of the time. */
const MOST_WORK = 3e11;

/** Seconds of the steps of a training, or undefined where measuring them would itself take long or much memory. */
export async function expectedSeconds(request: RunRequest): Promise<number | undefined> {
  const { config } = planRun('train', runSettings.train, request);
  if (config.minutes !== undefined) return 60 * config.minutes;
  const prepared = await prepareTraining(config, singleProcess);
  const { training, dataset, need } = prepared;
  const { crop } = trainSettings(config, dataset.rank);
  const work = 3 * config.batch * countNetwork(training.network.graph, crop).multiplyAdds;
  if (work > MOST_WORK || (need && need.neededBytes > need.availableBytes)) return undefined;
  return (await stepOnce(prepared, config)).seconds;
}

/** What a training costs, by a step of it after one that sets up memory. */
async function stepOnce(prepared: PreparedTraining, config: TrainConfig): Promise<DryRun> {
  const { training, dataset, device, distillation } = prepared;
  const settings = trainSettings(config, dataset.rank);
  const { batch, stepsPerEpoch } = await firstBatch(prepared, settings, dataset.splits.train);
  const loss = await createLoss(dataset, config, device);
  const plan = trainingPlan(training, config.clip);
  const lessons = distillation && createLessons(distillation, 0);
  // The first one sets up memory.
  (await lessons?.next(batch))?.free();
  const started = performance.now();
  const lesson = await lessons?.next(batch);
  const teacherSeconds = lesson ? (performance.now() - started) / 1000 : 0;
  const taught = lesson && distillation && withSettings(lesson, distillation);
  const losses = stepLosses(training, batch, { ...settings, ignore: dataset.ignore }, device, loss, 0, taught);
  const step = (parts: number) => takeStep(plan, 0, ...losses.slice(0, parts));
  const ownSeconds = secondsOf(
    () => step(losses.length),
    () => step(1),
  );
  const stepSeconds = ownSeconds + teacherSeconds;
  lesson?.free();
  await lessons?.close();
  const { budget } = settings;
  const steps =
    'minutes' in budget
      ? Math.ceil((60 * budget.minutes) / stepSeconds)
      : 'steps' in budget
        ? budget.steps
        : budget.epochs * stepsPerEpoch;
  return {
    weights: training.network.parameters.count(),
    steps,
    stepSeconds,
    seconds: 'minutes' in budget ? 60 * budget.minutes : steps * stepSeconds,
    peakBytes: memory().peakBytes,
    need: prepared.need,
  };
}

async function firstBatch(
  { dataset }: Pick<PreparedSearch, 'dataset'>,
  settings: Omit<Parameters<typeof createLoader>[0], 'dataset' | 'samples'>,
  samples: readonly Sample[],
): Promise<{ batch: LoadedBatch; stepsPerEpoch: number }> {
  // A few images may stand for a data set that is still elsewhere: they are repeated until they fill a batch.
  const repeated = Array.from(
    { length: Math.max(samples.length, settings.batch) },
    (_, i) => samples[i % samples.length],
  );
  const loader = createLoader({ ...settings, dataset, samples: repeated, workers: 0 });
  for await (const batch of loader.batches(0)) return { batch, stepsPerEpoch: loader.stepsPerEpoch };
  throw new RangeError('an epoch has at least one batch');
}

/** Seconds of a call after another one, which also sets up memory; where a part of the work does that, `before` may be it. */
function secondsOf(work: () => void, before: () => void = work): number {
  before();
  const started = performance.now();
  work();
  return (performance.now() - started) / 1000;
}
