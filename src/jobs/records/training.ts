/**
 * @file What a training records: its epochs, their scores, and the best weights.
 */
import { formatDuration, formatLoss } from '../../base/text.ts';
import { outputNames } from '../../data/regions/regions.ts';
import type { DataSet } from '../../data/types.ts';
import { mainScore } from '../../infer/evaluate.ts';
import { saveCheckpoint } from '../../run/checkpoint.ts';
import type { TrainConfig } from '../../run/config/schemas/train.ts';
import type { TrainRecorder } from '../../train/retrain.ts';
import { slowWarning } from '../../train/step/health.ts';
import { emptyBatchesNote } from '../../train/step/pixelWeights.ts';
import type { Training } from '../../train/trainState.ts';
import { storeTraining } from '../checkpoint/training.ts';
import type { ActiveRun } from '../lifecycle.ts';
import { removeOthers, saveKept } from '../weights/keptWeights.ts';
import { createEpochRecords } from './epochs.ts';

/** Records a training in its run folder. */
export function createTrainRecorder(
  run: ActiveRun,
  config: Pick<TrainConfig, 'checkpointMinutes' | 'steps' | 'minutes' | 'epochs'>,
  training: Training,
  dataset: DataSet,
): TrainRecorder {
  const { folder, log, watcher, note, warn } = run;
  const { progress } = training;
  const { steps, minutes, epochs = 0 } = config;
  /** Steps of the whole training; of one by the clock nobody knows. */
  const allSteps = minutes === undefined ? (inEpoch: number) => steps ?? epochs * inEpoch : undefined;
  const records = createEpochRecords(run, 'train', { progress, checkpointMinutes: config.checkpointMinutes });
  const { rank } = dataset;
  const classNames = outputNames(dataset);
  return {
    note,
    step(event) {
      const { epoch, loss, done } = event;
      const count = `step ${progress.step}${allSteps === undefined ? '' : `/${allSteps(event.steps)}`}`;
      records.step(event, Math.min(1, done), `${count}  epoch ${epoch + 1}  loss ${formatLoss(loss)}`);
    },
    epoch({ epoch, loss, learningRate, scores, best, kept, ranks }) {
      const volumes = scores?.volumes?.summary;
      const metrics = {
        loss,
        learningRate,
        miou: scores?.miou ?? null,
        pixelAccuracy: scores?.pixelAccuracy ?? null,
        ...(rank === 3 ? { dice: volumes?.mean.dice ?? null } : {}),
      };
      records.epoch(epoch, metrics, ranks);
      if (scores) {
        const { miou, pixelAccuracy, meanAccuracy, iou } = scores;
        const evaluation = { epoch, split: 'val', miou, pixelAccuracy, meanAccuracy, iou, classNames };
        const ofVolumes = volumes && { ...volumes.mean, diceByClass: volumes.classes.map(({ dice }) => dice) };
        log.append({ type: 'evaluation', ...evaluation, ...(ofVolumes ? { volumes: ofVolumes } : {}) });
        const { name, value } = mainScore(scores);
        watcher.line(
          `epoch ${epoch + 1}  loss ${formatLoss(loss)}  ${name} ${value.toFixed(4)}${best ? ' (best)' : ''}  pixel accuracy ${pixelAccuracy.toFixed(4)}  ${formatDuration(progress.seconds)}`,
        );
      }
      const empty = scores && emptyBatchesNote(progress.drawn);
      if (empty) note(empty);
      const slow = slowWarning(progress.health, epoch, loss);
      if (slow) warn(slow);
      if (best) saveCheckpoint(folder.best, storeTraining(training));
      if (kept) saveKept(folder, epoch, training.averaged ?? training.network);
      // Only what is saved decides which files are needed no more.
      if (records.save() && progress.kept.length > 0) removeOthers(folder, progress.kept);
    },
  };
}
