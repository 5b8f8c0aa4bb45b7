/**
 * @file One step of a training: the loss of a batch, whole or in parts, its gradients by autograd or by a CUDA graph, and the optimizer step.
 */
import type { PixelBatch } from '../data/loader/batch.ts';
import { hasCudaGraphs } from '../engine/cudaGraph.ts';
import { add, scale, slice, toDType } from '../engine/operators.ts';
import type { Tensor } from '../engine/tensor.ts';
import { type Inputs, splitBatch, toTensors } from '../infer/batch.ts';
import { distillationLoss } from '../nn/distillation.ts';
import type { Precision } from '../nn/layers.ts';
import { deepSupervision } from '../nn/losses.ts';
import { type Parallel, singleProcess } from '../parallel/parallel.ts';
import type { DistillationSettings, Lesson } from './distillation.ts';
import { createGraphedLoss } from './step/graphedLoss.ts';
import { checkLoss, resetStatistics } from './step/health.ts';
import { type StepPlan, takeStep, takeStepWith } from './step/optimiserStep.ts';
import { countedPixels, drawBatch, partWeight } from './step/pixelWeights.ts';
import { lowered } from './step/precision.ts';
import type { Training } from './trainState.ts';

/** Settings of a step. */
export interface TrainStepSettings {
  /** Largest joint norm of the gradients; 0 for no limit. */
  readonly clip: number;
  /** Gradient accumulation: parts in which a step computes its batch, one after the other. */
  readonly accumulate: number;
  /** Compute precision of training passes; weights, losses and inference stay float32. */
  readonly precision: Precision;
  /** Whether norms keep the statistics that they have. */
  readonly frozenNorms: boolean;
}

/** A step of a training. */
export interface TrainStep {
  /**
   * Returns the loss; NaN where the step was skipped, or no pixel of the batch counts. All ranks take the same step, each with its part of the batch.
   * @param done share of the training that is done, in [0, 1], for drop path
   * @param lesson what a teacher says, where there is one
   * @throws NumericError by the rules of `health.ts`.
   */
  take(batch: PixelBatch, learningRate: number, done: number, lesson?: Lesson): number;
  /** Frees the CUDA graph. */
  close(): void;
}

/** @see TrainStep */
export function createTrainStep(
  training: Training,
  options: {
    readonly dataset: { readonly ignore: number };
    readonly settings: TrainStepSettings;
    readonly device: string;
    readonly loss: (logits: Tensor, labels: Tensor) => Tensor;
    readonly parallel?: Parallel;
    /** Whether the network and its loss do the same in every step; default false. */
    readonly steady?: boolean;
    readonly recorder?: { note?(message: string): void };
    readonly distillation?: DistillationSettings;
  },
): TrainStep {
  const { dataset, settings, device, loss, parallel = singleProcess, steady = false, recorder, distillation } = options;
  const { network, progress } = training;
  const plan = trainingPlan(training, settings.clip, parallel);
  const counting = { ignore: dataset.ignore, parallel };
  const graphed =
    steady && !distillation && settings.accumulate === 1 && parallel.size === 1 && hasCudaGraphs(device)
      ? createGraphedLoss(device, (inputs) => lossOf(training, inputs, settings, loss, 0), recorder?.note)
      : null;
  return {
    take(batch, learningRate, done, lesson) {
      const counted = countedPixels(batch, counting);
      if (!drawBatch(progress.drawn, counted)) return Number.NaN;
      const parts = { ...settings, ...counting, counted };
      const taught = lesson && distillation && withSettings(lesson, distillation);
      const value = graphed
        ? takeStepWith(plan, learningRate, [graphed.of(batch)])
        : takeStep(plan, learningRate, ...stepLosses(training, batch, parts, device, loss, done, taught));
      if (!Number.isFinite(value)) resetStatistics(network.parameters);
      checkLoss('the training', progress.health, value);
      return value;
    },
    close: () => graphed?.close(),
  };
}

/** A lesson with how much it counts. */
export const withSettings = ({ logits, unlabelled }: Lesson, { weight, temperature }: DistillationSettings) => ({
  ...{ logits, weight, temperature },
  ...(unlabelled ? { unlabelled } : {}),
});

/**
 * The losses of a step, to be added up: those of its batch, and of the unlabelled images where there are some. Where there are, the teacher counts half on
 * each.
 */
export function stepLosses(
  training: Training,
  batch: PixelBatch,
  plan: Parameters<typeof trainingLosses>[2],
  device: string,
  loss: Loss,
  progress: number,
  lesson?: Pick<Lesson, 'logits' | 'unlabelled'> & DistillationSettings,
): (() => Tensor)[] {
  const { unlabelled } = lesson ?? {};
  const taught = lesson && { ...lesson, weight: unlabelled ? lesson.weight / 2 : lesson.weight };
  const labelled = trainingLosses(training, batch, plan, device, loss, progress, taught);
  if (!taught || !unlabelled) return labelled;
  const others = { ...taught, logits: unlabelled.logits };
  const { counted, ...rest } = plan;
  return [...labelled, ...trainingLosses(training, unlabelled.batch, rest, device, null, progress, others)];
}

/** A loss of logits and labels, one number. */
type Loss = (logits: Tensor, labels: Tensor) => Tensor;

/** The logits of a teacher for a batch, and how much they count. */
export interface Taught extends DistillationSettings {
  readonly logits: Tensor;
}

/**
 * The losses of the parts of a batch, to be added up; `progress` in [0, 1] is where drop path stands.
 * Each part is weighed by `pixelWeights.ts`. Class weights, hard pixels and the statistics of norms are those of a part.
 * @param plan.counted pixels of the whole batch that count; counted anew by default, which all processes do together
 * @param loss null for a batch without labels, which only the teacher has something to say about
 * @param taught the logits of a teacher for the whole batch
 */
export function trainingLosses(
  training: Training,
  batch: PixelBatch,
  plan: Omit<TrainStepSettings, 'clip'> & {
    ignore: number;
    parallel?: Parallel;
    counted?: number;
  },
  device: string,
  loss: Loss | null,
  progress: number,
  taught?: Taught,
): (() => Tensor)[] {
  const { accumulate, ignore, parallel = singleProcess } = plan;
  const parts = splitBatch(batch, partsOf(accumulate, parallel)(batch.batch));
  const counting = { ignore, parallel };
  const counted = plan.counted ?? countedPixels(batch, counting);
  let samples = 0;
  const starts = parts.map(({ batch: size }) => {
    samples += size;
    return samples - size;
  });
  return parts.map((part, i) => () => {
    const inputs = toTensors(part, device);
    const own = taught && { ...taught, logits: slice(taught.logits, 0, starts[i], starts[i] + part.batch) };
    const value = lossOf(training, inputs, plan, loss, progress, own);
    return parts.length === 1 && parallel.size === 1 ? value : scale(value, partWeight(part, counted, counting));
  });
}

/** In how many parts a batch is computed. Of several processes all compute as many, also those with fewer samples; each has its share of a mean over them. */
export const partsOf =
  (accumulate: number, parallel: Parallel) =>
  (samples: number): number =>
    accumulate > 1 ? -parallel.largest(-Math.min(accumulate, samples)) : 1;

/** The loss of a network on a batch; logits at coarser levels, where the network gives them, take part in it. */
function lossOf(
  { network, generator }: Training,
  { images, labels }: Inputs,
  { precision, frozenNorms }: Pick<TrainStepSettings, 'precision' | 'frozenNorms'>,
  loss: Loss | null,
  progress: number,
  taught?: Taught,
): Tensor {
  const given = lowered(precision, images, { training: true, progress, generator: generator.id, frozenNorms });
  const outputs = network.forwardAll(given.images, given.pass).map((logits) => toDType(logits, 'float32'));
  const terms = loss ? [deepSupervision(loss, outputs, labels)] : [];
  // A teacher speaks of the finest logits only.
  if (taught) terms.push(scale(distillationLoss(outputs[0], taught.logits, labels, taught), taught.weight));
  return terms.reduce(add);
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
