/**
 * @file Bilevel search: weights learn on one half of the training set, the architecture on the other, in turn. @paper auto-deeplab section 4.2
 * Knows no method by name, no file, and not how gradients are taken (`searchStep.ts`); what happens is reported to a `SearchRecorder`.
 */
import { createLoader, type Loader } from '../data/loader/loader.ts';
import type { Sample } from '../data/types.ts';
import { evaluate, mainScore, type Scores } from '../infer/evaluate.ts';
import { reduced } from '../infer/inference.ts';
import { partOf, singleProcess } from '../parallel/parallel.ts';
import { startRankClock } from '../parallel/rankClock.ts';
import { stopPoint } from '../parallel/stopPoint.ts';
import type { Genotype } from '../space/genotype.ts';
import type { SearchOptions } from './searchOptions.ts';
import { type Search, splitHalves, startOfEpoch } from './searchState.ts';
import { createSearchStep, type PairedBatches } from './searchStep.ts';
import { addLoss, meanLoss } from './step/optimiserStep.ts';

/** Runs the search from where `search.progress` stands to the last epoch, or to the one in which it collapses. */
export async function searchLoop(search: Search, options: SearchOptions): Promise<void> {
  const { progress } = search;
  const { dataset, settings, recorder, signal, parallel = singleProcess } = options;
  const { epochs, warmupEpochs } = settings;
  const { weightHalf, architectureHalf } = splitHalves(dataset.splits.train, settings.seed, settings.splitFraction);
  const load = (samples: Sample[], stream: number): Loader =>
    createLoader({ dataset, samples, ...settings, seed: settings.seed * 2 + stream, part: partOf(parallel) });
  const [weightData, architectureData] = [load(weightHalf, 0), load(architectureHalf, 1)];
  const steps = Math.min(weightData.stepsPerEpoch, architectureData.stepsPerEpoch);
  const step = createSearchStep(search, { ...options, steps });
  const rankClock = startRankClock(parallel);
  try {
    while (progress.epoch < epochs && !progress.collapsed) {
      const { epoch, current } = progress;
      const searching = epoch >= warmupEpochs;
      const data = { weightData, architectureData: searching ? architectureData : null, steps };
      for await (const batches of pairedBatches(data, epoch, current.steps)) {
        const learningRate = step.learningRate();
        // Second-order DARTS looks ahead over the step of the weights that is about to be taken: there the architecture moves first.
        const ahead = searching && step.looksAhead ? step.architecture(batches) : null;
        const weightLoss = step.weights(batches);
        const architectureLoss = searching && !step.looksAhead ? step.architecture(batches) : ahead;
        progress.step++;
        current.steps++;
        addLoss(current.weightLoss, weightLoss);
        if (architectureLoss !== null) addLoss(current.architectureLoss, architectureLoss);
        recorder.step?.({ epoch, step: current.steps, steps, loss: weightLoss, architectureLoss, learningRate });
        await stopPoint(signal, parallel);
      }
      const snapshot = search.network.snapshot();
      const state = options.describe(snapshot);
      const scores = await score(search, options);
      const discrete = searching ? await score(search, options, state.genotype) : null;
      progress.epoch++;
      progress.current = startOfEpoch();
      progress.collapsed = searching && state.metrics.skipShare > (settings.maximumSkipShare ?? 1);
      await recorder.epoch(
        {
          ...state,
          epoch,
          weightLoss: meanLoss(current.weightLoss),
          architectureLoss: searching ? meanLoss(current.architectureLoss) : null,
          learningRate: search.weights.rate((epoch + (steps - 1) / steps) / epochs),
          snapshot,
          scores,
          ranks: await rankClock(),
          discretisationGap: scores && discrete && mainScore(scores).value - mainScore(discrete).value,
        },
        progress,
      );
      if (options.stop?.()) break;
    }
  } finally {
    step.close();
    await Promise.all([weightData.close(), architectureData.close()]);
  }
}

/** The batches of an epoch from step `first` on, `steps` in all. */
async function* pairedBatches(
  data: { weightData: Loader; architectureData: Loader | null; steps: number },
  epoch: number,
  first: number,
): AsyncGenerator<PairedBatches> {
  if (first >= data.steps) return;
  const others = data.architectureData?.batches(epoch, first)[Symbol.asyncIterator]();
  let step = first;
  try {
    for await (const weightBatch of data.weightData.batches(epoch, first)) {
      yield { weightBatch, architectureBatch: others ? (await others.next()).value : null };
      if (++step === data.steps) return;
    }
  } finally {
    await others?.return?.();
  }
}

/** Scores of the supernet, or of a genotype inside it, on the first validation samples; null when none is to be scored. */
async function score({ network }: Search, options: SearchOptions, genotype?: Genotype): Promise<Scores | null> {
  const { dataset, settings, device, signal, parallel } = options;
  const samples = dataset.splits.val.slice(0, settings.evaluateSamples);
  if (samples.length === 0) return null;
  const infer = reduced((images) => network.forward(images, { training: false }, genotype), settings.reduction);
  return evaluate(infer, dataset, samples, device, { ...settings, signal, parallel });
}
