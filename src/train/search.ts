/**
 * @file Bilevel search: weights learn on one half of the training set, the architecture on the other, in turn. @paper auto-deeplab section 4.2
 * Knows no method by name and no file: what happens is told to a `Recorder`.
 */
import type { Augmentation } from '../data/images/augment.ts';
import { type Batch, createLoader, type Loader } from '../data/loader/loader.ts';
import type { DataSet, Sample } from '../data/types.ts';
import type { PatchSettings } from '../data/volumes/patches.ts';
import { canRecord } from '../engine/graph.ts';
import type { Tensor } from '../engine/tensor.ts';
import { evaluate, mainScore, type Scores } from '../infer/evaluate.ts';
import { type InferenceOptions, reduced } from '../infer/inference.ts';
import type { ArchitectureState } from '../method/method.ts';
import { type Parallel, partOf, singleProcess } from '../parallel/parallel.ts';
import { type RankSeconds, startRankClock } from '../parallel/rankClock.ts';
import { stopPoint } from '../parallel/stopPoint.ts';
import type { Genotype } from '../space/genotype.ts';
import {
  replayedLosses,
  type Search,
  type SearchProgress,
  searchDescents,
  searchLoss,
  searchPass,
  splitHalves,
  startOfEpoch,
} from './searchStep.ts';
import { addLoss, descend, descendAlong, meanLoss } from './step/descend.ts';
import { checkLoss, mendStatistics } from './step/health.ts';
import { countedPixels, drawBatch } from './step/pixelWeights.ts';
import { descendUnrolled } from './step/secondOrder.ts';

/** Settings of the loop; the method has its own. */
export interface SearchSettings {
  readonly epochs: number;
  /** Epochs in which the architecture is frozen. */
  readonly warmupEpochs: number;
  readonly batch: number;
  /** Size of a crop or patch: `[height, width]` or `[depth, height, width]`. */
  readonly crop: readonly number[];
  readonly seed: number;
  readonly workers: number;
  /** Of pictures. */
  readonly augmentation: Augmentation;
  /** Of volumes. */
  readonly patches?: PatchSettings;
  /** How inputs are read for evaluation; default: as a whole. */
  readonly inference?: InferenceOptions;
  /** Samples of the validation split to score after an epoch; 0 scores none. */
  readonly evaluateSamples: number;
  /** Share of the training samples that train the weights. */
  readonly splitFraction: number;
  /** Images are searched on at 1 / reduction of their size. */
  readonly reduction: number;
  /** Share of skips among the decoded operators above which the search ends; default 1, which never ends it. @paper darts-plus criterion 1: two skips of eight operators */
  readonly maximumSkipShare?: number;
  /** The architecture descends the loss after the next step of the weights; default false: the loss of the weights as they are. @paper darts eq. 6 */
  readonly secondOrder?: boolean;
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
  /** Main score of the supernet minus that of the genotype on the same weights; null while the architecture is frozen. */
  readonly discretisationGap: number | null;
  /** Where the seconds of each process went; null for a single one. */
  readonly ranks: readonly RankSeconds[] | null;
}

/** Is told what happens; the run folder, the progress bar and tests are recorders. May store the search whenever it is told. */
export interface SearchRecorder {
  /** After each step; losses of a step that was skipped, or of a batch without a pixel that counts, are NaN. */
  step?(event: {
    epoch: number;
    step: number;
    steps: number;
    loss: number;
    architectureLoss: number | null;
    learningRate: number;
  }): void;
  /** What the user should know about how it computes. */
  note?(message: string): void;
  /** After each epoch; awaited, so that it can write a checkpoint. */
  epoch(event: SearchEpoch, progress: SearchProgress): Promise<void> | void;
}

/** Runs the search from where `search.progress` stands to the last epoch, or to the one in which it collapses. */
export async function searchLoop(
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
    /** Those who compute the other parts of each batch; default nobody. */
    parallel?: Parallel;
  },
): Promise<void> {
  const { network, progress } = search;
  const { dataset, settings, device, loss, recorder, signal, parallel = singleProcess } = job;
  const { epochs, warmupEpochs, maximumSkipShare = 1, secondOrder = false } = settings;
  const { weightHalf, architectureHalf } = splitHalves(dataset.splits.train, settings.seed, settings.splitFraction);
  const load = (samples: Sample[], stream: number): Loader =>
    createLoader({ dataset, samples, ...settings, seed: settings.seed * 2 + stream, part: partOf(parallel) });
  const weightData = load(weightHalf, 0);
  const architectureData = load(architectureHalf, 1);
  const steps = Math.min(weightData.stepsPerEpoch, architectureData.stepsPerEpoch);
  const { learn, adapt } = searchDescents(search, parallel);
  const shared = { parallel, ignore: dataset.ignore };
  const replays =
    secondOrder || !canRecord(device) ? null : replayedLosses(search, device, loss, { parallel, note: recorder.note });
  const rankClock = startRankClock(parallel);
  const check = (value: number, compared = true) => {
    if (!Number.isFinite(value)) mendStatistics(network.weights);
    checkLoss('the search', progress.health, value, compared);
  };
  try {
    while (progress.epoch < epochs && !progress.collapsed) {
      const { epoch, current } = progress;
      const active = epoch >= warmupEpochs;
      const others = active ? architectureData.batches(epoch, current.steps)[Symbol.asyncIterator]() : undefined;
      const epochsAt = (step: number) => epoch + step / steps;
      for await (const batch of weightData.batches(epoch, current.steps)) {
        if (current.steps === steps) break;
        const done = epochsAt(current.steps) / epochs;
        const learningRate = search.weights.rate(done);
        const counted = countedPixels(batch, shared);
        const lossOf = (of: Batch, counted: number, descent: 'weights' | 'architecture') => {
          const pass = searchPass(settings.seed, progress.step, descent, done);
          return searchLoss(network, of, device, loss, pass, { ...shared, counted });
        };
        let weightLoss = Number.NaN;
        if (drawBatch(progress.drawn, counted)) {
          weightLoss = replays
            ? descendAlong(learn, learningRate, [replays.weights.of(batch)])
            : descend(learn, learningRate, () => lossOf(batch, counted, 'weights'));
          check(weightLoss);
        }
        let architectureLoss: number | null = null;
        if (others) {
          const { value: other } = await others.next();
          const ramp = (epochsAt(current.steps) - warmupEpochs) / (epochs - warmupEpochs);
          const otherCounted = countedPixels(other, shared);
          const objective = () => network.objective(lossOf(other, otherCounted, 'architecture'), ramp);
          const rate = search.architecture.rate(done);
          architectureLoss = Number.NaN;
          if (drawBatch(progress.drawn, otherCounted)) {
            architectureLoss = secondOrder
              ? descendUnrolled(adapt, rate, {
                  training: () => lossOf(batch, counted, 'weights'),
                  validation: objective,
                  rate: learningRate,
                })
              : replays
                ? descendAlong(adapt, rate, [replays.architecture.of(other, ramp)])
                : descend(adapt, rate, objective);
            check(architectureLoss, false);
          }
        }
        progress.step++;
        current.steps++;
        addLoss(current.weightLoss, weightLoss);
        if (architectureLoss !== null) addLoss(current.architectureLoss, architectureLoss);
        recorder.step?.({ epoch, step: current.steps, steps, loss: weightLoss, architectureLoss, learningRate });
        await stopPoint(signal, parallel);
      }
      await others?.return?.();
      const snapshot = network.snapshot();
      const state = job.describe(snapshot);
      const scores = await score(search, job);
      const discrete = active ? await score(search, job, state.genotype) : null;
      progress.epoch++;
      progress.current = startOfEpoch();
      progress.collapsed = active && state.metrics.skipShare > maximumSkipShare;
      await recorder.epoch(
        {
          ...state,
          epoch,
          weightLoss: meanLoss(current.weightLoss),
          architectureLoss: active ? meanLoss(current.architectureLoss) : null,
          learningRate: search.weights.rate(epochsAt(steps - 1) / epochs),
          snapshot,
          scores,
          ranks: await rankClock(),
          discretisationGap: scores && discrete && mainScore(scores).value - mainScore(discrete).value,
        },
        progress,
      );
      if (job.stop?.()) break;
    }
  } finally {
    replays?.weights.close();
    replays?.architecture.close();
    await Promise.all([weightData.close(), architectureData.close()]);
  }
}

/** Scores of the supernet, or of a genotype inside it, on the first validation samples; null when none is to be scored. */
async function score(
  { network }: Search,
  {
    dataset,
    settings,
    device,
    signal,
    parallel,
  }: { dataset: DataSet; settings: SearchSettings; device: string; signal?: AbortSignal; parallel?: Parallel },
  genotype?: Genotype,
): Promise<Scores | null> {
  const samples = dataset.splits.val.slice(0, settings.evaluateSamples);
  if (samples.length === 0) return null;
  const infer = reduced((images) => network.forward(images, { training: false }, genotype), settings.reduction);
  return evaluate(infer, dataset, samples, device, { ...settings, signal, parallel });
}
