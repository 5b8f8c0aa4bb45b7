/**
 * @file What searches and trainings record alike: steps, epochs, and checkpoints by the clock.
 */
import { memory } from '../../engine/device.ts';
import type { RankSeconds } from '../../parallel/rankClock.ts';
import { openResults } from '../../run/results.ts';
import { type Health, isSound } from '../../train/step/health.ts';
import type { ActiveRun } from '../lifecycle.ts';
import { logRanks } from './ranks.ts';

/** Writes steps and epochs to the log, results.csv and checkpoints/last. */
export interface EpochRecords {
  /** `share` of the whole run that is done, in [0, 1]; `note` is for the progress bar. */
  step(
    event: {
      epoch: number;
      step: number;
      steps: number;
      loss: number;
      learningRate: number;
      architectureLoss?: number | null;
    },
    share: number,
    note: string,
  ): void;
  /** `columns` are those of results.csv beside the metrics. */
  epoch(
    epoch: number,
    metrics: Readonly<Record<string, number | null>>,
    ranks: readonly RankSeconds[] | null,
    columns?: Readonly<Record<string, string>>,
  ): void;
  /** Saves what stands at the end of an epoch, if it is sound; says whether it did. */
  save(): boolean;
}

/** @see EpochRecords. Nothing is saved while a loss is not as it should be: the last checkpoint is from before it went wrong. */
export function createEpochRecords(
  { folder, log, watcher, save }: ActiveRun,
  phase: 'search' | 'train',
  { progress, checkpointMinutes }: { progress: { epoch: number; health: Health }; checkpointMinutes: number },
): EpochRecords {
  const results = openResults(folder.results, progress.epoch - 1);
  let savedAt = performance.now();
  return {
    step(event, share, note) {
      const { epoch, step, steps, loss, architectureLoss: other, learningRate } = event;
      const architecture = typeof other === 'number' ? { architectureLoss: other } : {};
      watcher.progress(share, note);
      log.append({ type: 'step', phase, epoch, step, steps, loss, ...architecture, learningRate, share });
      if (!isSound(progress.health) || performance.now() - savedAt < checkpointMinutes * 60_000) return;
      save();
      savedAt = performance.now();
    },
    epoch(epoch, metrics, ranks, columns = {}) {
      log.append({ type: 'epoch', phase, epoch, metrics });
      log.append({ type: 'memory', epoch, ...memory() });
      logRanks(log, epoch, ranks);
      results.append({ epoch, ...metrics, ...columns });
    },
    save() {
      const sound = isSound(progress.health);
      if (sound) save();
      savedAt = performance.now();
      return sound;
    },
  };
}
