/**
 * @file Trains a discrete network from scratch. @paper auto-deeplab section 5
 * Knows no file: what happens is told to a `TrainRecorder`.
 */
import type { Augmentation } from '../data/augment.ts';
import { createLoader } from '../data/loader.ts';
import type { DataSet } from '../data/types.ts';
import { gradients } from '../engine/autograd.ts';
import type { Generator } from '../engine/device.ts';
import { scope, type Tensor } from '../engine/tensor.ts';
import type { Network } from '../models/network.ts';
import { averageDecay, averageInto, copyParameters } from '../nn/average.ts';
import { clipGradients, type Optimiser } from '../nn/optimisers.ts';
import { poly } from '../nn/schedules.ts';
import { toTensors } from './batch.ts';
import { evaluate, type Scores } from './evaluate.ts';
import { reduced } from './inference.ts';

/** Settings of the loop. */
export interface TrainSettings {
  /** Where training ends: after so many epochs, steps, or minutes of training. */
  readonly budget: { readonly epochs: number } | { readonly steps: number } | { readonly minutes: number };
  readonly batch: number;
  readonly crop: readonly [height: number, width: number];
  readonly seed: number;
  readonly workers: number;
  readonly augmentation: Augmentation;
  readonly learningRate: number;
  readonly power: number;
  readonly warmupSteps: number;
  /** Largest joint norm of the gradients; 0 for no limit. */
  readonly clip: number;
  /** Decay of the averaged weights; 0 for none. */
  readonly average: number;
  /** Epochs between evaluations; the last epoch is always evaluated. */
  readonly evaluateEvery: number;
  /** Pictures are trained on at 1 / reduction of their size. */
  readonly reduction: number;
}

/** Where a training stands. */
export interface TrainProgress {
  epoch: number;
  step: number;
  /** Seconds of training so far. */
  seconds: number;
  bestMiou: number;
}

/** Everything a training works on. */
export interface Training {
  readonly network: Network;
  readonly optimiser: Optimiser;
  /** The averaged network, if any: it is what is evaluated. */
  readonly averaged: Network | null;
  readonly generator: Generator;
  readonly progress: TrainProgress;
}

/** What an epoch of training found out; `scores` is null where it was not evaluated. */
export interface TrainEpoch {
  readonly epoch: number;
  readonly loss: number;
  readonly learningRate: number;
  readonly scores: Scores | null;
  /** Whether this is the best mIoU so far. */
  readonly best: boolean;
}

/** Is told what happens. */
export interface TrainRecorder {
  /** `done` is the share of the whole training, in [0, 1]. */
  step?(event: { epoch: number; step: number; steps: number; loss: number; learningRate: number; done: number }): void;
  epoch(event: TrainEpoch, progress: TrainProgress): Promise<void> | void;
}

/** Trains from where `training.progress` stands to the end of the budget. */
export async function runTraining(
  training: Training,
  job: {
    dataset: DataSet;
    settings: TrainSettings;
    device: string;
    loss: (logits: Tensor, labels: Tensor) => Tensor;
    recorder: TrainRecorder;
    stop?: () => boolean;
  },
): Promise<void> {
  const { network, optimiser, averaged, generator, progress } = training;
  const { dataset, settings, device, loss, recorder } = job;
  const parameters = network.parameters.parameters().map(({ tensor }) => tensor);
  const loader = createLoader({ dataset, samples: dataset.splits.train, ...settings });
  const steps = loader.stepsPerEpoch;
  const share = () => shareDone(settings.budget, progress, steps);
  const schedule = poly(settings.learningRate, settings.power);
  const inference = averaged ?? network;
  if (averaged && progress.step === 0) copyParameters(network.parameters, averaged.parameters);
  try {
    while (share() < 1) {
      let total = 0;
      let count = 0;
      let learningRate = 0;
      let clock = performance.now();
      for await (const batch of loader.batches(progress.epoch)) {
        const done = share();
        if (done >= 1) break;
        learningRate = schedule(done) * Math.min(1, (progress.step + 1) / Math.max(1, settings.warmupSteps));
        const value = scope(() => {
          const { images, labels } = toTensors(batch, device);
          const result = loss(
            network.forward(images, { training: true, progress: done, generator: generator.id }),
            labels,
          );
          const slopes = gradients([result], parameters);
          if (settings.clip > 0) clipGradients(slopes, settings.clip);
          optimiser.step(slopes, learningRate);
          return result.item();
        });
        progress.step++;
        if (averaged)
          averageInto(network.parameters, averaged.parameters, averageDecay(settings.average, progress.step));
        total += value;
        count++;
        progress.seconds += (performance.now() - clock) / 1000;
        clock = performance.now();
        recorder.step?.({ epoch: progress.epoch, step: count, steps, loss: value, learningRate, done: share() });
      }
      progress.epoch++;
      const last = share() >= 1;
      const evaluated = last || progress.epoch % settings.evaluateEvery === 0;
      const scores = evaluated
        ? await evaluate(
            reduced((images) => inference.forward(images, { training: false }), settings.reduction),
            dataset,
            dataset.splits.val,
            device,
          )
        : null;
      const best = scores !== null && scores.miou > progress.bestMiou;
      if (best) progress.bestMiou = scores.miou;
      await recorder.epoch({ epoch: progress.epoch - 1, loss: total / count, learningRate, scores, best }, progress);
      if (job.stop?.()) break;
    }
  } finally {
    await loader.close();
  }
}

function shareDone(budget: TrainSettings['budget'], progress: TrainProgress, stepsPerEpoch: number): number {
  if ('minutes' in budget) return progress.seconds / 60 / budget.minutes;
  return progress.step / ('steps' in budget ? budget.steps : budget.epochs * stepsPerEpoch);
}
