/**
 * @file Trains a discrete network from scratch. @paper auto-deeplab section 5
 * Knows no file: what happens is reported to a `TrainRecorder`.
 */
import type { LoadedBatch } from '../data/loader/batch.ts';
import { createLoader } from '../data/loader/loader.ts';
import type { DataSet } from '../data/types.ts';
import { hasCudaGraphs } from '../engine/cudaGraph.ts';
import type { Generator } from '../engine/device.ts';
import { scale, toDType } from '../engine/operators.ts';
import type { Tensor } from '../engine/tensor.ts';
import { type Inputs, splitBatch, toTensors } from '../infer/batch.ts';
import { evaluate, mainScore, type Scores } from '../infer/evaluate.ts';
import { reduced } from '../infer/inference.ts';
import type { Network } from '../models/network.ts';
import { averageDecay, averageInto, copyParameters } from '../nn/average.ts';
import type { Precision } from '../nn/layers.ts';
import { deepSupervision } from '../nn/losses.ts';
import type { Optimiser } from '../nn/optimisers.ts';
import { type ScheduleSettings, scheduleOf } from '../nn/schedules.ts';
import { buffersOf, type Parallel, partOf, singleProcess } from '../parallel/parallel.ts';
import { type RankSeconds, startRankClock } from '../parallel/rankClock.ts';
import { stopPoint } from '../parallel/stopPoint.ts';
import type { LoopSettings } from './loopSettings.ts';
import { createGraphedLoss } from './step/graphedLoss.ts';
import { checkLoss, type Health, resetStatistics, startOfHealth } from './step/health.ts';
import {
  addLoss,
  type MeanLoss,
  meanLoss,
  noLoss,
  type StepPlan,
  takeStep,
  takeStepWith,
} from './step/optimiserStep.ts';
import { countedPixels, type DrawnBatches, drawBatch, noBatches, partWeight } from './step/pixelWeights.ts';
import { lowered } from './step/precision.ts';

/** Settings of the loop. */
export interface TrainSettings extends LoopSettings, ScheduleSettings {
  /** Where training ends: after so many epochs, steps, or minutes of training. */
  readonly budget: { readonly epochs: number } | { readonly steps: number } | { readonly minutes: number };
  readonly warmupSteps: number;
  /** Largest joint norm of the gradients; 0 for no limit. */
  readonly clip: number;
  /** Decay of the averaged weights; 0 for none. */
  readonly average: number;
  /** Epochs between evaluations; the last epoch is always evaluated. */
  readonly evaluateEvery: number;
  /** Images are first resized to so many pixels on their longer side. */
  readonly longSide?: number;
  /** Parts in which a step computes its batch, one after the other. */
  readonly accumulate: number;
  /** What is computed with in training; weights, losses and inference stay float32. */
  readonly precision: Precision;
  /** Whether norms keep the statistics that they have. */
  readonly frozenNorms: boolean;
  /** Of the normalised surface Dice of volumes. */
  readonly toleranceMm?: number;
}

/** Where a training stands. */
export interface TrainProgress {
  /** Epochs that are done. */
  epoch: number;
  /** Steps that are done. */
  step: number;
  /** The epoch that has begun. */
  current: { steps: number; loss: MeanLoss; learningRate: number };
  /** Seconds of training so far. */
  seconds: number;
  /** The main score of the best weights so far. */
  best: number;
  health: Health;
  drawn: DrawnBatches;
}

export const startOfTraining = (): TrainProgress => ({
  epoch: 0,
  step: 0,
  current: startOfEpoch(),
  seconds: 0,
  best: -1,
  health: startOfHealth(),
  drawn: noBatches(),
});

const startOfEpoch = () => ({ steps: 0, loss: noLoss(), learningRate: 0 });

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
  /** Whether its main score is the best so far. */
  readonly best: boolean;
  /** Where the seconds of each process went; null for a single one. */
  readonly ranks: readonly RankSeconds[] | null;
}

/** Receives what happens; may store the training in every call. */
export interface TrainRecorder {
  /** What the user should know about how it computes. */
  note?(message: string): void;
  /** `done` is the share of the whole training, in [0, 1]; the loss of a step that was skipped, or of a batch without a pixel that counts, is NaN. */
  step?(event: { epoch: number; step: number; steps: number; loss: number; learningRate: number; done: number }): void;
  epoch(event: TrainEpoch, progress: TrainProgress): Promise<void> | void;
}

/**
 * The losses of the parts of a batch, to be added up; `progress` in [0, 1] is where drop path stands.
 * Each part is weighed by `pixelWeights.ts`. Class weights, hard pixels and the statistics of norms are those of a part.
 * @param plan.counted pixels of the whole batch that count; counted anew by default, which all processes do together
 */
export function trainingLosses(
  training: Training,
  batch: LoadedBatch,
  plan: Pick<TrainSettings, 'accumulate' | 'precision' | 'frozenNorms'> & {
    ignore: number;
    parallel?: Parallel;
    counted?: number;
  },
  device: string,
  loss: (logits: Tensor, labels: Tensor) => Tensor,
  progress: number,
): (() => Tensor)[] {
  const { accumulate, ignore, parallel = singleProcess } = plan;
  // Of several processes all compute as many parts, also those with fewer samples; each has the share of a mean over them.
  const parts = splitBatch(batch, accumulate > 1 ? -parallel.largest(-Math.min(accumulate, batch.batch)) : 1);
  const counting = { ignore, parallel };
  const counted = plan.counted ?? countedPixels(batch, counting);
  return parts.map((part) => () => {
    const inputs = toTensors(part, device);
    const value = lossOf(training, inputs, plan, loss, progress);
    return parts.length === 1 && parallel.size === 1 ? value : scale(value, partWeight(part, counted, counting));
  });
}

/** The loss of a network on a batch; logits at coarser levels, where the network gives them, take part in it. */
function lossOf(
  { network, generator }: Training,
  { images, labels }: Inputs,
  { precision, frozenNorms }: Pick<TrainSettings, 'precision' | 'frozenNorms'>,
  loss: (logits: Tensor, labels: Tensor) => Tensor,
  progress: number,
): Tensor {
  const given = lowered(precision, images, { training: true, progress, generator: generator.id, frozenNorms });
  const outputs = network.forwardAll(given.images, given.pass).map((logits) => toDType(logits, 'float32'));
  return deepSupervision(loss, outputs, labels);
}

/** What a training moves, and what it leaves as it is. */
export function trainingPlan(
  { network, optimiser }: Training,
  clip: number,
  parallel: Parallel = singleProcess,
): StepPlan {
  const trained = new Set(optimiser.parameters.map(({ name }) => name));
  const frozen = network.parameters.parameters().filter(({ name }) => !trained.has(name));
  return { trained: optimiser.parameters, frozen, optimiser, clip, parallel };
}

/** Trains from where `training.progress` stands to the end of the budget. */
export async function trainLoop(
  training: Training,
  job: {
    dataset: DataSet;
    settings: TrainSettings;
    device: string;
    loss: (logits: Tensor, labels: Tensor) => Tensor;
    recorder: TrainRecorder;
    stop?: () => boolean;
    /** Ends the training after the step in progress, with a `StoppedError`. */
    signal?: AbortSignal;
    /** Those who compute the other parts of each batch; default nobody. */
    parallel?: Parallel;
    /** Whether the network and its loss do the same in every step: nothing is drawn, and nothing waits for a value. Default false. */
    steady?: boolean;
  },
): Promise<void> {
  const { network, averaged, progress } = training;
  const { dataset, settings, device, loss, recorder, signal, parallel = singleProcess } = job;
  const plan = trainingPlan(training, settings.clip, parallel);
  const loader = createLoader({ dataset, samples: dataset.splits.train, ...settings, part: partOf(parallel) });
  const steps = loader.stepsPerEpoch;
  const share = () => shareDone(settings.budget, progress, steps);
  const schedule = scheduleOf(settings);
  const inference = averaged ?? network;
  const graphed =
    job.steady && settings.accumulate === 1 && parallel.size === 1 && hasCudaGraphs(device)
      ? createGraphedLoss(device, (inputs) => lossOf(training, inputs, settings, loss, 0), recorder.note)
      : null;
  if (averaged && progress.step === 0) copyParameters(network.parameters, averaged.parameters);
  const rankClock = startRankClock(parallel);
  const rate = () => schedule(share()) * Math.min(1, (progress.step + 1) / Math.max(1, settings.warmupSteps));
  try {
    // A checkpoint of the last step leaves an epoch that is yet to be evaluated.
    while (share() < 1 || progress.current.steps > 0) {
      const { epoch, current } = progress;
      let clock = performance.now();
      for await (const batch of loader.batches(epoch, current.steps)) {
        const done = share();
        if (done >= 1) break;
        const learningRate = rate();
        const counting = { ignore: dataset.ignore, parallel };
        const counted = countedPixels(batch, counting);
        let value = Number.NaN;
        if (drawBatch(progress.drawn, counted)) {
          const parts = { ...settings, ...counting, counted };
          value = graphed
            ? takeStepWith(plan, learningRate, [graphed.of(batch)])
            : takeStep(plan, learningRate, ...trainingLosses(training, batch, parts, device, loss, done));
          if (!Number.isFinite(value)) resetStatistics(network.parameters);
          checkLoss('the training', progress.health, value);
        }
        progress.step++;
        current.steps++;
        current.learningRate = learningRate;
        addLoss(current.loss, value);
        if (averaged && Number.isFinite(value))
          averageInto(network.parameters, averaged.parameters, averageDecay(settings.average, progress.step));
        progress.seconds = parallel.largest(progress.seconds + (performance.now() - clock) / 1000);
        clock = performance.now();
        recorder.step?.({ epoch, step: current.steps, steps, loss: value, learningRate, done: share() });
        await stopPoint(signal, parallel);
      }
      for (const { parameters } of averaged ? [network, averaged] : [network]) parallel.average(buffersOf(parameters));
      const evaluated = share() >= 1 || (epoch + 1) % settings.evaluateEvery === 0;
      const scores = evaluated
        ? await evaluate(
            reduced((images) => inference.forward(images, { training: false }), settings.reduction, settings.longSide),
            dataset,
            dataset.splits.val,
            device,
            { ...settings, signal, parallel },
          )
        : null;
      progress.epoch++;
      progress.current = startOfEpoch();
      // Also the first one, whatever it is.
      const best = scores !== null && !(mainScore(scores).value <= progress.best);
      if (best) progress.best = mainScore(scores).value;
      const { learningRate } = current;
      const ranks = await rankClock();
      await recorder.epoch({ epoch, loss: meanLoss(current.loss), learningRate, scores, best, ranks }, progress);
      if (job.stop?.()) break;
    }
  } finally {
    graphed?.close();
    await loader.close();
  }
}

function shareDone(budget: TrainSettings['budget'], progress: TrainProgress, stepsPerEpoch: number): number {
  if ('minutes' in budget) return progress.seconds / 60 / budget.minutes;
  return progress.step / ('steps' in budget ? budget.steps : budget.epochs * stepsPerEpoch);
}
