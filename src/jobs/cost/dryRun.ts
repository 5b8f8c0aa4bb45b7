/**
 * @file What a run would cost: one batch through everything, on its real data, and nothing written.
 */
import { type Batch, createLoader } from '../../data/loader/loader.ts';
import type { Sample } from '../../data/types.ts';
import { memory } from '../../engine/device.ts';
import { singleProcess } from '../../parallel/parallel.ts';
import { settings as runSettings } from '../../run/config/presets.ts';
import { planRun, type RunRequest } from '../../run/openRun.ts';
import { trainingDescent, trainingLosses } from '../../train/retrain.ts';
import { searchDescents, searchLoss, searchPass, splitHalves } from '../../train/searchStep.ts';
import { descend } from '../../train/step/descend.ts';
import { descendUnrolled } from '../../train/step/secondOrder.ts';
import { type PreparedSearch, prepareSearch } from '../prepare/search.ts';
import { prepareTraining } from '../prepare/training.ts';
import { createLoss, searchSettings, trainSettings } from '../settings.ts';
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
  const { learn, adapt } = searchDescents(search);
  // A learning rate of 0: what is measured is not changed.
  const training = () => searchLoss(search.network, batch, device, loss, searchPass(config.seed, 0, 'weights', 0));
  const weightSeconds = secondsOf(() => descend(learn, 0, training));
  const validation = () => search.network.objective(training(), 1);
  const adaptSeconds = secondsOf(() =>
    config.secondOrder ? descendUnrolled(adapt, 0, { training, validation, rate: 0 }) : descend(adapt, 0, validation),
  );
  const { epochs, warmupEpochs } = config;
  return {
    weights: search.network.weights.count(),
    steps: epochs * stepsPerEpoch,
    stepSeconds: weightSeconds + adaptSeconds,
    seconds: stepsPerEpoch * (epochs * weightSeconds + (epochs - warmupEpochs) * adaptSeconds),
    peakBytes: memory().peakBytes,
    need: prepared.need,
  };
}

/** Builds a training as `trainJob` would, takes one step, and says what it costs; writes nothing. */
export async function dryRunTraining(request: RunRequest): Promise<DryRun> {
  const { config } = planRun('train', runSettings.train, request);
  const prepared = await prepareTraining(config, singleProcess);
  const { training, dataset, device } = prepared;
  const settings = trainSettings(config, dataset.rank);
  const { batch, stepsPerEpoch } = await firstBatch(prepared, settings, dataset.splits.train);
  const loss = await createLoss(dataset, config, device);
  const descent = trainingDescent(training, config.clip);
  const plan = { ...settings, ignore: dataset.ignore };
  const losses = trainingLosses(training, batch, plan, device, loss, 0);
  const step = (parts: number) => descend(descent, 0, ...losses.slice(0, parts));
  const stepSeconds = secondsOf(
    () => step(losses.length),
    () => step(1),
  );
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
): Promise<{ batch: Batch; stepsPerEpoch: number }> {
  // A few pictures stand for the data set that is still elsewhere: they are repeated until they fill a batch.
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
