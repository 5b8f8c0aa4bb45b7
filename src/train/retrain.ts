/**
 * @file Trains a discrete network from scratch. @paper auto-deeplab section 5
 * Knows no file: what happens is reported to a `TrainRecorder`.
 */
import { createLoader } from '../data/loader/loader.ts';
import type { DataSet } from '../data/types.ts';
import type { Tensor } from '../engine/tensor.ts';
import { evaluate, mainScore, type Scores } from '../infer/evaluate.ts';
import { reduced } from '../infer/inference.ts';
import { measureNorms, NORM_BATCHES } from '../infer/measureNorms.ts';
import { averageDecay, averageInto, copyParameters } from '../nn/average.ts';
import { type ScheduleSettings, scheduleOf } from '../nn/schedules.ts';
import { buffersOf, type Parallel, partOf, singleProcess } from '../parallel/parallel.ts';
import { type RankSeconds, startRankClock } from '../parallel/rankClock.ts';
import { stopPoint } from '../parallel/stopPoint.ts';
import { createLessons, type Distillation } from './distillation.ts';
import type { LoopSettings } from './loopSettings.ts';
import { addLoss, meanLoss } from './step/optimiserStep.ts';
import { startOfTrainEpoch, type Training, type TrainProgress } from './trainState.ts';
import { createTrainStep, partsOf, type TrainStepSettings } from './trainStep.ts';

/** Settings of the loop. */
export interface TrainSettings extends LoopSettings, ScheduleSettings, TrainStepSettings {
  /** Where training ends: after so many epochs, steps, or minutes of training. */
  readonly budget: { readonly epochs: number } | { readonly steps: number } | { readonly minutes: number };
  /** Share of the budget in which the learning rate rises linearly to its first value, in [0, 1]; default 0. */
  readonly warmup?: number;
  /** The same in steps, instead of `warmup`. */
  readonly warmupSteps?: number;
  /** Decay of the averaged weights; 0 for none. */
  readonly averageDecay: number;
  /** Ends after so many evaluations without a better score; default never. */
  readonly patience?: number;
  /** Epochs with the best scores whose weights the recorder is asked to keep; default none. */
  readonly keptEpochs?: number;
  /** Epochs between evaluations; the last epoch is always evaluated. */
  readonly evaluateEvery: number;
  /** Images are first resized to so many pixels on their longer side. */
  readonly longSide?: number;
  /** Of the normalised surface Dice of volumes. */
  readonly toleranceMm?: number;
}

/** What an epoch of training found out; `scores` is null where it was not evaluated. */
export interface TrainEpoch {
  readonly epoch: number;
  readonly loss: number;
  readonly learningRate: number;
  readonly scores: Scores | null;
  /** Whether its main score is the best so far. */
  readonly best: boolean;
  /** Whether its weights are among those that are kept: `progress.kept` lists these epochs. */
  readonly kept: boolean;
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

/** Whether averaged weights have norm statistics of their own, which are measured before these weights are used. */
export const hasOwnNorms = ({
  averageDecay,
  frozenNorms,
}: Pick<TrainSettings, 'averageDecay' | 'frozenNorms'>): boolean => averageDecay > 0 && !frozenNorms;

/** Of an evaluation that is not the last: half an epoch, but no fewer. */
const FEWEST_NORM_BATCHES = 8;

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
    /** A teacher whose probabilities are learned beside the labels; it is closed with the training. Default: none. */
    distillation?: Distillation;
    /** Whether the network and its loss do the same in every step: nothing is drawn, and nothing waits for a value. Default false. */
    steady?: boolean;
  },
): Promise<void> {
  const { network, averaged, progress } = training;
  const { dataset, settings, device, recorder, signal, parallel = singleProcess } = job;
  const loader = createLoader({ dataset, samples: dataset.splits.train, ...settings, part: partOf(parallel) });
  const steps = loader.stepsPerEpoch;
  const share = () => shareDone(settings.budget, progress, steps);
  const schedule = scheduleOf(settings);
  const inference = averaged ?? network;
  if (averaged && progress.step === 0) copyParameters(network.parameters, averaged.parameters);
  const step = createTrainStep(training, job);
  const lessons = job.distillation && createLessons(job.distillation, progress.step);
  const rankClock = startRankClock(parallel);
  const rate = () => schedule(share()) * warmUpFactor(settings, progress.step, share(), steps);
  try {
    // A checkpoint of the last step leaves an epoch that is yet to be evaluated.
    while ((share() < 1 && !isOutOfPatience(settings, progress)) || progress.current.steps > 0) {
      const { epoch, current } = progress;
      let clock = performance.now();
      for await (const batch of loader.batches(epoch, current.steps)) {
        const done = share();
        if (done >= 1) break;
        const learningRate = rate();
        const lesson = await lessons?.next(batch);
        const value = step.take(batch, learningRate, done, lesson);
        lesson?.free();
        progress.step++;
        current.steps++;
        current.learningRate = learningRate;
        addLoss(current.loss, value);
        if (averaged && Number.isFinite(value))
          averageInto(network.parameters, averaged.parameters, averageDecay(settings.averageDecay, progress.step));
        progress.seconds = parallel.largest(progress.seconds + (performance.now() - clock) / 1000);
        clock = performance.now();
        recorder.step?.({ epoch, step: current.steps, steps, loss: value, learningRate, done: share() });
        await stopPoint(signal, parallel);
      }
      const ended = share() >= 1;
      const evaluated = ended || (epoch + 1) % settings.evaluateEvery === 0;
      // Statistics that were averaged along with the weights belong to none of them.
      if (evaluated && averaged && hasOwnNorms(settings)) {
        const count = ended ? NORM_BATCHES : Math.min(NORM_BATCHES, Math.max(FEWEST_NORM_BATCHES, steps >> 1));
        await measureNorms(averaged, loader, { device, partsOf: partsOf(settings.accumulate, parallel), count });
      }
      for (const { parameters } of averaged ? [network, averaged] : [network]) parallel.average(buffersOf(parameters));
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
      progress.current = startOfTrainEpoch();
      // Also the first one, whatever it is.
      const best = scores !== null && !(mainScore(scores).value <= progress.best);
      if (best) progress.best = mainScore(scores).value;
      if (scores !== null) progress.waited = best ? 0 : progress.waited + 1;
      const kept = scores !== null && keepEpoch(progress.kept, epoch, mainScore(scores).value, settings.keptEpochs);
      const { learningRate } = current;
      const ranks = await rankClock();
      await recorder.epoch({ epoch, loss: meanLoss(current.loss), learningRate, scores, best, kept, ranks }, progress);
      if (!ended && isOutOfPatience(settings, progress))
        recorder.note?.(`ended early: no better score in ${progress.waited} evaluations (patience)`);
      if (job.stop?.()) break;
    }
  } finally {
    step.close();
    await loader.close();
    await lessons?.close();
  }
}

const isOutOfPatience = ({ patience = Number.POSITIVE_INFINITY }: TrainSettings, { waited }: TrainProgress): boolean =>
  waited >= patience;

/** Notes the score of an epoch in the list of the best `most`, the best first, of equal ones the earliest; says whether it is among them. */
export function keepEpoch(kept: TrainProgress['kept'], epoch: number, score: number, most = 0): boolean {
  if (Number.isNaN(score)) return false;
  const place = kept.filter((other) => other.score >= score).length;
  if (place >= most) return false;
  kept.splice(place, 0, { epoch, score });
  kept.splice(most);
  return true;
}

function shareDone(budget: TrainSettings['budget'], progress: TrainProgress, stepsPerEpoch: number): number {
  if ('minutes' in budget) return progress.seconds / 60 / budget.minutes;
  return progress.step / stepsOf(budget, stepsPerEpoch);
}

const stepsOf = (budget: { readonly epochs: number } | { readonly steps: number }, stepsPerEpoch: number): number =>
  'steps' in budget ? budget.steps : budget.epochs * stepsPerEpoch;

/**
 * By what the learning rate of a step is multiplied, in [0, 1]: step k of a warm-up of n steps, from 0, has (k + 1) / n. A share of minutes is counted by
 * the clock, so that its first step has 0.
 * @param step steps done
 * @param share share of the budget that is done
 */
export function warmUpFactor(
  { warmup = 0, warmupSteps, budget }: Pick<TrainSettings, 'warmup' | 'warmupSteps' | 'budget'>,
  step: number,
  share: number,
  stepsPerEpoch: number,
): number {
  const steps = warmupSteps ?? ('minutes' in budget ? undefined : Math.round(warmup * stepsOf(budget, stepsPerEpoch)));
  if (steps === undefined) return warmup === 0 ? 1 : Math.min(1, share / warmup);
  return Math.min(1, (step + 1) / Math.max(1, steps));
}
