/**
 * @file `espalier train`: trains an architecture from scratch and scores it.
 */
import { ConfigError, DataError } from '../base/errors.ts';
import { formatDuration } from '../base/text.ts';
import { openDataSet } from '../data/detect.ts';
import type { DataSet } from '../data/types.ts';
import { Generator, memory } from '../engine/device.ts';
import { perClassTable } from '../metrics/tables.ts';
import { countNetwork } from '../models/graph.ts';
import { adam, sgd } from '../nn/optimisers.ts';
import { loadCheckpoint, saveCheckpoint } from '../run/checkpoint.ts';
import { settings } from '../run/presets.ts';
import { writeReport } from '../run/report.ts';
import { openResults } from '../run/results.ts';
import type { TrainConfig } from '../run/schemas.ts';
import { writeGenotype } from '../train/artifacts.ts';
import { createDescribed, loadNetwork, type NetworkDescription, saveDescription } from '../train/loadNetwork.ts';
import { runTraining, type Training } from '../train/retrain.ts';
import { scoreRun } from '../train/scoreRun.ts';
import { createLoss, trainSettings } from '../train/settings.ts';
import { restoreTraining, storeTraining, type TrainState } from '../train/trainState.ts';
import { readArchitecture } from '../train/architecture.ts';
import { type Command, openRun, prepareMachine, printJson, versions } from './command.ts';
import { createProgress } from './progress.ts';

export const trainCommand: Command = {
  name: 'train',
  summary: 'train an architecture from scratch',
  usage: 'train arch=<file|run|name> data=<folder|yaml> [preset=small|demo] [key=value ...] [--resume] [--json]',
  settings: settings.train,
  async run(words) {
    const { folder, config, log, resumed, flags, checked } = await openRun(
      'train',
      settings.train,
      words,
      async (wanted, old) => {
        const genotype = readArchitecture(old ? old.path : wanted.arch);
        const device = prepareMachine(wanted);
        const dataset = await openDataSet(wanted.data, { seed: wanted.seed });
        checkTrain(wanted, dataset);
        return { genotype, device, dataset };
      },
    );
    const { genotype, device, dataset } = checked;
    try {
      const names = dataset.classes.map(({ name }) => name);
      const description: NetworkDescription = {
        genotype,
        options: networkOptions(config, dataset.classes.length),
        classes: dataset.classes,
        reduction: config.scale,
      };
      writeGenotype(folder, genotype);
      saveDescription(folder, description);
      const training = createTraining(description, config, device);
      if (resumed) restoreTraining(training, loadCheckpoint<TrainState>(folder.last));
      const { progress, network } = training;
      log.append({
        type: 'start',
        command: `espalier train ${words.join(' ')}`,
        config: { ...config },
        versions: versions(),
        ...(resumed ? { resumedEpoch: progress.epoch } : {}),
      });
      const results = openResults(folder.results, resumed ? progress.epoch - 1 : undefined);
      const bar = createProgress({ label: 'train', total: 1000, initial: 0 });
      const cost = countNetwork(network.graph, config.crop);
      bar.print(
        `train in ${folder.path}: ${dataset.splits.train.length} pictures, ${cost.parameters} parameters, ${(cost.multiplyAdds / 1e9).toFixed(2)} G multiply-adds a crop`,
      );
      const started = performance.now();
      await runTraining(training, {
        dataset,
        settings: trainSettings(config),
        device,
        loss: await createLoss(dataset, config, device),
        recorder: {
          step({ epoch, step, loss, learningRate, done }) {
            bar.update(Math.min(1000, Math.round(1000 * done)), `epoch ${epoch + 1}  loss ${loss.toFixed(3)}`);
            log.append({ type: 'step', phase: 'train', epoch, step, loss, learningRate });
          },
          epoch({ epoch, loss, learningRate, scores, best }, at) {
            const metrics = {
              loss,
              learningRate,
              miou: scores?.miou ?? null,
              pixelAccuracy: scores?.pixelAccuracy ?? null,
            };
            log.append({ type: 'epoch', phase: 'train', epoch, metrics });
            results.append({ epoch, ...metrics });
            saveCheckpoint(folder.last, storeTraining(training));
            if (best) saveCheckpoint(folder.best, storeTraining(training));
            if (scores === null) return;
            const { miou, pixelAccuracy, meanAccuracy, iou } = scores;
            log.append({
              type: 'evaluation',
              epoch,
              split: 'val',
              miou,
              pixelAccuracy,
              meanAccuracy,
              iou,
              classNames: names,
            });
            bar.print(
              `epoch ${epoch + 1}  loss ${loss.toFixed(3)}  mIoU ${miou.toFixed(4)}${best ? ' (best)' : ''}  pixel accuracy ${pixelAccuracy.toFixed(4)}  ${formatDuration(at.seconds)}`,
            );
          },
        },
      });
      bar.finish();
      const { network: best } = loadNetwork(folder, 'best', new Generator(0), device);
      const scores = await scoreRun({ folder, dataset, network: best, reduction: config.scale, device });
      log.append({
        type: 'end',
        status: 'done',
        message: `best mIoU ${progress.bestMiou.toFixed(4)} after ${formatDuration((performance.now() - started) / 1000)}`,
      });
      const report = writeReport(folder);
      if (flags.json) {
        const { epoch: epochs, step: steps, seconds, bestMiou } = progress;
        printJson({
          run: folder.path,
          bestMiou,
          epochs,
          steps,
          seconds,
          parameters: cost.parameters,
          peakBytes: memory().peakBytes,
        });
      } else {
        process.stdout.write(`${perClassTable(names, scores)}\nrun: ${folder.path}\nreport: ${report}\n`);
      }
    } catch (error) {
      log.append({ type: 'end', status: 'failed', message: (error as Error).message });
      writeReport(folder);
      throw error;
    } finally {
      log.close();
    }
  },
};

function checkTrain(config: TrainConfig, dataset: DataSet): void {
  const { train, val } = dataset.splits;
  if (train.length < config.batch) {
    throw new ConfigError(
      `${train.length} training pictures are fewer than the batch of ${config.batch}`,
      'lower batch or add pictures',
    );
  }
  if (val.length === 0)
    throw new DataError(`${dataset.name} has no validation pictures`, 'add a val split: training is judged on it');
}

function networkOptions(config: TrainConfig, classes: number): NetworkDescription['options'] {
  const { filters, stem, aspp, decoder } = config;
  return {
    inputs: 3,
    classes,
    stem,
    ...(filters === undefined ? {} : { filters }),
    head: {
      aspp: aspp.filters,
      decoder: decoder.filters,
      lowLevel: decoder.lowLevel,
      ...(aspp.rates === 'auto' ? {} : { rates: aspp.rates }),
    },
  };
}

function createTraining(description: NetworkDescription, config: TrainConfig, device: string): Training {
  const generator = new Generator(config.seed);
  const network = createDescribed(description, generator, device, { dropPathKeep: config.dropPathKeep });
  const { momentum, decay } = config;
  const parameters = network.parameters.parameters();
  return {
    network,
    optimiser:
      config.optimizer === 'sgd' ? sgd(parameters, { momentum, decay }) : adam(parameters, { decay, decoupled: true }),
    averaged: config.ema > 0 ? createDescribed(description, new Generator(0), device) : null,
    generator,
    progress: { epoch: 0, step: 0, seconds: 0, bestMiou: 0 },
  };
}
