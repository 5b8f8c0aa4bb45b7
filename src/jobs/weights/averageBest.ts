/**
 * @file The average of the best epochs of a training: its norm statistics are measured anew, it is scored, and it replaces the best weights where it is better.
 * Izmailov et al. 2018, arXiv 1803.05407, average what a constant rate passes; here it is the epochs that score best.
 */
import { createLoader } from '../../data/loader/loader.ts';
import type { DataSet } from '../../data/types.ts';
import { evaluate, mainScore } from '../../infer/evaluate.ts';
import { reduced } from '../../infer/inference.ts';
import { measureNorms, NORM_BATCHES } from '../../infer/measureNorms.ts';
import type { Network } from '../../models/network.ts';
import { buffersOf, type Parallel, partOf } from '../../parallel/parallel.ts';
import { saveCheckpoint } from '../../run/checkpoint.ts';
import type { TrainSettings } from '../../train/retrain.ts';
import type { Training } from '../../train/trainState.ts';
import { partsOf } from '../../train/trainStep.ts';
import { storeTraining } from '../checkpoint/training.ts';
import type { ActiveRun } from '../lifecycle.ts';
import { loadAverage } from './keptWeights.ts';

/** What a training and its average share. */
export interface AverageSurroundings {
  readonly dataset: DataSet;
  readonly device: string;
  readonly signal?: AbortSignal;
  readonly parallel: Parallel;
  /** A network as that of the training, for inference. */
  readonly create: () => Network;
}

/** Averages where at least two epochs are kept; the training stays as it is. On every rank; the first has the run. */
export async function averageBest(
  run: ActiveRun | null,
  training: Training,
  settings: TrainSettings,
  { dataset, device, signal, parallel, create }: AverageSurroundings,
): Promise<void> {
  const { kept, best } = training.progress;
  if (kept.length < 2) return;
  const network = create();
  const epochs = kept.map(({ epoch }) => epoch);
  if (run) loadAverage(run.folder, epochs, network);
  parallel.copyFromFirst([...network.parameters.entries().values()]);
  if (!settings.frozenNorms) {
    const loader = createLoader({ dataset, samples: dataset.splits.train, ...settings, part: partOf(parallel) });
    try {
      const parts = partsOf(settings.accumulate, parallel);
      await measureNorms(network, loader, { device, partsOf: parts, count: NORM_BATCHES });
    } finally {
      await loader.close();
    }
    parallel.average(buffersOf(network.parameters));
  }
  const forward = reduced(
    (images) => network.forward(images, { training: false }),
    settings.reduction,
    settings.longSide,
  );
  const scores = await evaluate(forward, dataset, dataset.splits.val, device, { ...settings, signal, parallel });
  const { name, value } = mainScore(scores);
  const isBetter = value > best;
  const listed = epochs.map((epoch) => epoch + 1).sort((a, b) => a - b);
  run?.note(
    `average of the weights of epochs ${listed.join(', ')}: ${name} ${value.toFixed(4)}, ${isBetter ? 'kept' : 'not kept'}: the best epoch has ${best.toFixed(4)}`,
  );
  const averaged = training.averaged ? { averaged: network } : { network };
  if (isBetter && run) saveCheckpoint(run.folder.best, storeTraining({ ...training, ...averaged }));
  network.parameters.free();
}
