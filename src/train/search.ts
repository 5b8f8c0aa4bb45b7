/**
 * @file Bilevel search: weights learn on one half of the training set, the architecture on the other, in turn. @paper auto-deeplab section 4.2
 * Knows no method by name and no file: what happens is told to a `Recorder`.
 */
import { createRandom, shuffled } from '../base/random.ts';
import type { Augmentation } from '../data/augment.ts';
import { type Batch, createLoader, type Loader } from '../data/loader.ts';
import type { DataSet, Sample } from '../data/types.ts';
import type { Tensor } from '../engine/tensor.ts';
import { adam, type Optimiser, sgd } from '../nn/optimisers.ts';
import { cosine, type Schedule } from '../nn/schedules.ts';
import { toTensors } from './batch.ts';
import { addLoss, type Descent, descend, type MeanLoss, meanLoss, noLoss } from './descend.ts';
import { evaluate, type Scores } from './evaluate.ts';
import { checkLoss, type Health, mendStatistics, startOfHealth } from './health.ts';
import { reduced } from './inference.ts';
import type { ArchitectureState, SearchNetwork } from './method.ts';
import { stopPoint } from './stop.ts';

/** Settings of the loop; the space has its own. */
export interface SearchSettings {
  readonly epochs: number;
  /** Epochs in which the architecture is frozen. */
  readonly warmupEpochs: number;
  readonly batch: number;
  /** Size of a crop or patch: `[height, width]` or `[depth, height, width]`. */
  readonly crop: readonly number[];
  readonly seed: number;
  readonly workers: number;
  readonly augmentation: Augmentation;
  readonly weights: {
    learningRate: number;
    minimumLearningRate: number;
    momentum: number;
    decay: number;
    clip: number;
  };
  readonly architecture: { learningRate: number; decay: number };
  /** Pictures of the validation split to score after an epoch; 0 scores none. */
  readonly evaluateSamples: number;
  /** Share of the training pictures that train the weights. */
  readonly splitFraction: number;
  /** Pictures are searched on at 1 / reduction of their size. */
  readonly reduction: number;
}

/** Where a search stands; with the tensors of `state` it can go on. */
export interface SearchProgress {
  /** Epochs that are done. */
  epoch: number;
  /** Steps that are done. */
  step: number;
  /** The epoch that has begun. */
  current: { steps: number; weightLoss: MeanLoss; architectureLoss: MeanLoss };
  health: Health;
}

export const startOfSearch = (): SearchProgress => ({
  epoch: 0,
  step: 0,
  current: startOfEpoch(),
  health: startOfHealth(),
});

const startOfEpoch = () => ({ steps: 0, weightLoss: noLoss(), architectureLoss: noLoss() });

/** What an epoch of search found out. */
export interface SearchEpoch extends ArchitectureState {
  readonly epoch: number;
  readonly weightLoss: number;
  /** Null while the architecture is frozen. */
  readonly architectureLoss: number | null;
  readonly learningRate: number;
  readonly snapshot: unknown;
  readonly scores: Scores | null;
}

/** Is told what happens; the run folder, the progress bar and tests are recorders. May store the search whenever it is told. */
export interface SearchRecorder {
  /** After each step; losses of a step that was skipped are NaN. */
  step?(event: {
    epoch: number;
    step: number;
    steps: number;
    loss: number;
    architectureLoss: number | null;
    learningRate: number;
  }): void;
  /** After each epoch; awaited, so that it can write a checkpoint. */
  epoch(event: SearchEpoch, progress: SearchProgress): Promise<void> | void;
}

/** Everything a search works on. */
export interface Search {
  readonly network: SearchNetwork;
  readonly weightOptimiser: Optimiser;
  readonly architectureOptimiser: Optimiser;
  readonly progress: SearchProgress;
}

/** The optimisers of a search, each over its own parameters. */
export function createSearch(
  network: SearchNetwork,
  settings: Pick<SearchSettings, 'weights' | 'architecture'>,
): Search {
  return {
    network,
    weightOptimiser: sgd(network.weights.parameters(), settings.weights),
    architectureOptimiser: adam(network.architecture, { ...settings.architecture, decoupled: false }),
    progress: startOfSearch(),
  };
}

/** The training samples in two disjoint halves, drawn from the seed. @paper auto-deeplab section 4.2 */
export function splitHalves(
  samples: readonly Sample[],
  seed: number,
  fraction = 0.5,
): { weightHalf: Sample[]; architectureHalf: Sample[] } {
  const order = shuffled(samples, createRandom(seed, 0x5917));
  const middle = Math.ceil(order.length * fraction);
  return { weightHalf: order.slice(0, middle), architectureHalf: order.slice(middle) };
}

/** The two steps that take turns: weights with the architecture frozen, and the other way round. */
export function searchDescents(
  search: Search,
  settings: Pick<SearchSettings, 'weights'>,
): { learn: Descent; adapt: Descent } {
  const { network, weightOptimiser, architectureOptimiser } = search;
  const weights = network.weights.parameters();
  const { architecture } = network;
  return {
    learn: { trained: weights, frozen: architecture, optimiser: weightOptimiser, clip: settings.weights.clip },
    adapt: { trained: architecture, frozen: weights, optimiser: architectureOptimiser, clip: 0 },
  };
}

/** Loss of the supernet on a batch. */
export function searchLoss(
  network: SearchNetwork,
  batch: Batch,
  device: string,
  loss: (logits: Tensor, labels: Tensor) => Tensor,
): Tensor {
  const { images, labels } = toTensors(batch, device);
  return loss(network.forward(images, { training: true }), labels);
}

/** Runs the search from where `search.progress` stands to the last epoch. */
export async function runSearch(
  search: Search,
  job: {
    dataset: DataSet;
    settings: SearchSettings;
    device: string;
    /** Loss of logits against labels. */
    loss: (logits: Tensor, labels: Tensor) => Tensor;
    describe: (snapshot: unknown) => ArchitectureState;
    recorder: SearchRecorder;
    /** Asked after every epoch: true ends the search there. */
    stop?: () => boolean;
    /** Ends the search after the step in progress, with a `StoppedError`. */
    signal?: AbortSignal;
  },
): Promise<void> {
  const { network, progress } = search;
  const { dataset, settings, device, loss, recorder, signal } = job;
  const { weightHalf, architectureHalf } = splitHalves(dataset.splits.train, settings.seed, settings.splitFraction);
  const load = (samples: Sample[], stream: number): Loader =>
    createLoader({ dataset, samples, ...settings, seed: settings.seed * 2 + stream });
  const weightData = load(weightHalf, 0);
  const architectureData = load(architectureHalf, 1);
  const steps = Math.min(weightData.stepsPerEpoch, architectureData.stepsPerEpoch);
  const schedule: Schedule = cosine(settings.weights.learningRate, settings.weights.minimumLearningRate);
  const { learn, adapt } = searchDescents(search, settings);
  const lossOf = (batch: Batch) => searchLoss(network, batch, device, loss);
  const check = (value: number) => {
    if (!Number.isFinite(value)) mendStatistics(network.weights);
    checkLoss('the search', progress.health, value);
  };
  try {
    while (progress.epoch < settings.epochs) {
      const { epoch, current } = progress;
      const active = epoch >= settings.warmupEpochs;
      const others = active ? architectureData.batches(epoch, current.steps)[Symbol.asyncIterator]() : undefined;
      const learningRateAt = (done: number) => schedule((epoch + done / steps) / settings.epochs);
      for await (const batch of weightData.batches(epoch, current.steps)) {
        if (current.steps === steps) break;
        const learningRate = learningRateAt(current.steps);
        const weightLoss = descend(learn, learningRate, () => lossOf(batch));
        check(weightLoss);
        let architectureLoss: number | null = null;
        if (others) {
          const { value: other } = await others.next();
          architectureLoss = descend(adapt, settings.architecture.learningRate, () => lossOf(other));
          check(architectureLoss);
        }
        progress.step++;
        current.steps++;
        addLoss(current.weightLoss, weightLoss);
        if (architectureLoss !== null) addLoss(current.architectureLoss, architectureLoss);
        recorder.step?.({ epoch, step: current.steps, steps, loss: weightLoss, architectureLoss, learningRate });
        await stopPoint(signal);
      }
      await others?.return?.();
      const snapshot = network.snapshot();
      const scored = dataset.splits.val.slice(0, settings.evaluateSamples);
      const scores =
        scored.length > 0
          ? await evaluate(
              reduced((images) => network.forward(images, { training: false }), settings.reduction),
              dataset,
              scored,
              device,
              { signal },
            )
          : null;
      progress.epoch++;
      progress.current = startOfEpoch();
      await recorder.epoch(
        {
          ...job.describe(snapshot),
          epoch,
          weightLoss: meanLoss(current.weightLoss),
          architectureLoss: active ? meanLoss(current.architectureLoss) : null,
          learningRate: learningRateAt(steps - 1),
          snapshot,
          scores,
        },
        progress,
      );
      if (job.stop?.()) break;
    }
  } finally {
    await Promise.all([weightData.close(), architectureData.close()]);
  }
}
