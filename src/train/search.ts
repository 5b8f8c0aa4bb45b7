/**
 * @file Bilevel search: weights learn on one half of the training set, the architecture on the other, in turn. @paper auto-deeplab section 4.2
 * Knows no method by name and no file: what happens is told to a `Recorder`.
 */
import { createRandom, shuffled } from '../base/random.ts';
import type { Augmentation } from '../data/augment.ts';
import { createLoader, type Loader } from '../data/loader.ts';
import type { DataSet, Sample } from '../data/types.ts';
import { gradients, requireGradient } from '../engine/autograd.ts';
import { scope, type Tensor } from '../engine/tensor.ts';
import { adam, clipGradients, type Optimiser, sgd } from '../nn/optimisers.ts';
import type { Parameter } from '../nn/parameters.ts';
import { cosine, type Schedule } from '../nn/schedules.ts';
import { type PixelBatch, toTensors } from './batch.ts';
import { evaluate, type Scores } from './evaluate.ts';
import { reduced } from './inference.ts';
import type { ArchitectureState, SearchNetwork } from './method.ts';

/** Settings of the loop; the space has its own. */
export interface SearchSettings {
  readonly epochs: number;
  /** Epochs in which the architecture is frozen. */
  readonly warmupEpochs: number;
  readonly batch: number;
  readonly crop: readonly [height: number, width: number];
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
}

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

/** Is told what happens; the run folder, the progress bar and tests are recorders. */
export interface SearchRecorder {
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
export function createSearch(network: SearchNetwork, settings: SearchSettings): Search {
  return {
    network,
    weightOptimiser: sgd(network.weights.parameters(), settings.weights),
    architectureOptimiser: adam(network.architecture, { ...settings.architecture, decoupled: false }),
    progress: { epoch: 0, step: 0 },
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
  },
): Promise<void> {
  const { network, progress, weightOptimiser, architectureOptimiser } = search;
  const { dataset, settings, device, loss, recorder } = job;
  const { weightHalf, architectureHalf } = splitHalves(dataset.splits.train, settings.seed, settings.splitFraction);
  const load = (samples: Sample[], stream: number): Loader =>
    createLoader({ dataset, samples, ...settings, seed: settings.seed * 2 + stream });
  const weightData = load(weightHalf, 0);
  const architectureData = load(architectureHalf, 1);
  const steps = Math.min(weightData.stepsPerEpoch, architectureData.stepsPerEpoch);
  const schedule: Schedule = cosine(settings.weights.learningRate, settings.weights.minimumLearningRate);
  try {
    while (progress.epoch < settings.epochs) {
      const epoch = progress.epoch;
      const active = epoch >= settings.warmupEpochs;
      const architectureBatches = active ? architectureData.batches(epoch)[Symbol.asyncIterator]() : undefined;
      const means = { weight: 0, architecture: 0 };
      let done = 0;
      let learningRate = schedule(epoch / settings.epochs);
      for await (const batch of weightData.batches(epoch)) {
        learningRate = schedule((epoch + done / steps) / settings.epochs);
        const weightLoss = descend(
          network,
          network.weights.parameters(),
          network.architecture,
          batch,
          weightOptimiser,
          learningRate,
          settings.weights.clip,
        );
        let architectureLoss: number | null = null;
        if (architectureBatches) {
          const other = await architectureBatches.next();
          if (!other.done) {
            architectureLoss = descend(
              network,
              network.architecture,
              network.weights.parameters(),
              other.value,
              architectureOptimiser,
              settings.architecture.learningRate,
              0,
            );
            means.architecture += architectureLoss;
          }
        }
        means.weight += weightLoss;
        done++;
        progress.step++;
        recorder.step?.({ epoch, step: done, steps, loss: weightLoss, architectureLoss, learningRate });
        if (done === steps) break;
      }
      await architectureBatches?.return?.();
      progress.epoch++;
      const snapshot = network.snapshot();
      const scored = dataset.splits.val.slice(0, settings.evaluateSamples);
      const scores =
        scored.length > 0
          ? await evaluate(
              reduced((images) => network.forward(images, { training: false }), settings.reduction),
              dataset,
              scored,
              device,
            )
          : null;
      await recorder.epoch(
        {
          ...job.describe(snapshot),
          epoch,
          weightLoss: means.weight / done,
          architectureLoss: active ? means.architecture / done : null,
          learningRate,
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

  /** One gradient step of `trained`, with `frozen` left out of the graph. Returns the loss. */
  function descend(
    net: SearchNetwork,
    trained: readonly Parameter[],
    frozen: readonly Parameter[],
    batch: PixelBatch,
    optimiser: Optimiser,
    learningRate: number,
    clip: number,
  ): number {
    return withFrozen(frozen, () =>
      scope(() => {
        const { images, labels } = toTensors(batch, device);
        const value = loss(net.forward(images, { training: true }), labels);
        const slopes = gradients(
          [value],
          trained.map(({ tensor }) => tensor),
        );
        if (clip > 0) clipGradients(slopes, clip);
        optimiser.step(slopes, learningRate);
        return value.item();
      }),
    );
  }
}

/** Runs `work` with some parameters left out of autograd: what only they need is neither stored nor computed. */
export function withFrozen<T>(frozen: readonly Parameter[], work: () => T): T {
  for (const { tensor } of frozen) requireGradient(tensor, false);
  try {
    return work();
  } finally {
    for (const { tensor } of frozen) requireGradient(tensor, true);
  }
}
