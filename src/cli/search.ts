/**
 * @file `espalier search`: finds an architecture on a data set.
 */
import { ConfigError } from '../base/errors.ts';
import { formatDuration } from '../base/text.ts';
import { openDataSet } from '../data/detect.ts';
import type { DataSet } from '../data/types.ts';
import { Generator, memory } from '../engine/device.ts';
import { loadCheckpoint, saveCheckpoint } from '../run/checkpoint.ts';
import { writeAtomically } from '../run/files.ts';
import { settings } from '../run/presets.ts';
import { writeReport } from '../run/report.ts';
import { openResults } from '../run/results.ts';
import type { SearchConfig } from '../run/schemas.ts';
import { writeGenotype } from '../train/artifacts.ts';
import { METHODS } from '../train/methods.ts';
import { createSearch, runSearch, type SearchEpoch } from '../train/search.ts';
import { restoreSearch, type SearchState, storeSearch } from '../train/searchState.ts';
import { createLoss, searchSettings } from '../train/settings.ts';
import { type Command, openRun, prepareMachine, printJson, versions } from './command.ts';
import { createProgress } from './progress.ts';

export const searchCommand: Command = {
  name: 'search',
  summary: 'find an architecture on a data set',
  usage: 'search data=<folder|yaml> [preset=small|paper|demo] [key=value ...] [--resume] [--json]',
  settings: settings.search,
  async run(words) {
    const { folder, config, log, resumed, flags, checked } = await openRun(
      'search',
      settings.search,
      words,
      async (wanted) => {
        const device = prepareMachine(wanted);
        const dataset = await openDataSet(wanted.data, { seed: wanted.seed });
        checkSearch(wanted, dataset);
        return { device, dataset };
      },
    );
    const { device, dataset } = checked;
    try {
      const method = METHODS[config.method];
      const generator = new Generator(config.seed);
      const network = method.createSearchNetwork({ generator: generator.id, device }, config, {
        inputs: 3,
        classes: dataset.classes.length,
      });
      const search = createSearch(network, searchSettings(config));
      if (resumed) restoreSearch(search, loadCheckpoint<SearchState>(folder.last));
      const { progress } = search;
      log.append({
        type: 'start',
        command: `espalier search ${words.join(' ')}`,
        config: { ...config },
        versions: versions(),
        ...(resumed ? { resumedEpoch: progress.epoch } : {}),
      });
      const results = openResults(folder.results, resumed ? progress.epoch - 1 : undefined);
      const bar = createProgress({
        label: 'search',
        total: 1000,
        initial: Math.round((1000 * progress.epoch) / config.epochs),
      });
      bar.print(
        `search in ${folder.path}: ${dataset.name}, ${dataset.splits.train.length} training pictures, ${network.weights.count()} weights`,
      );
      const started = performance.now();
      await runSearch(search, {
        dataset,
        settings: searchSettings(config),
        device,
        loss: await createLoss(dataset, config, device),
        describe: (snapshot) => method.describe(snapshot, config),
        recorder: {
          step(event) {
            bar.update(
              Math.round((1000 * (event.epoch + event.step / event.steps)) / config.epochs),
              `epoch ${event.epoch + 1}/${config.epochs}  loss ${event.loss.toFixed(3)}`,
            );
            log.append({
              type: 'step',
              phase: 'search',
              epoch: event.epoch,
              step: event.step,
              loss: event.loss,
              learningRate: event.learningRate,
            });
          },
          epoch(event) {
            recordEpoch(event);
            saveCheckpoint(folder.last, storeSearch(search));
            log.append({ type: 'checkpoint', path: 'checkpoints/last', epoch: event.epoch });
          },
        },
      });
      bar.finish();
      const { genotype } = method.describe(network.snapshot(), config);
      const seconds = (performance.now() - started) / 1000;
      log.append({
        type: 'end',
        status: 'done',
        message: `found path ${genotype.path.join(' ')} in ${formatDuration(seconds)}`,
      });
      const report = writeReport(folder);
      if (flags.json) printJson({ run: folder.path, genotype, seconds, peakBytes: memory().peakBytes });
      else
        process.stdout.write(
          `found: path ${genotype.path.join(' ')} -> ${folder.genotype}\ntrain it: espalier train arch=${folder.path} data=${config.data}\nreport: ${report}\n`,
        );

      function recordEpoch(event: SearchEpoch): void {
        const {
          epoch,
          weightLoss,
          architectureLoss,
          learningRate,
          operatorEntropy,
          moveEntropy,
          skipShare,
          genotype,
          scores,
        } = event;
        const metrics = {
          weightLoss,
          architectureLoss,
          learningRate,
          operatorEntropy,
          moveEntropy,
          skipShare,
          miou: scores?.miou ?? null,
        };
        const { alpha, beta } = event.snapshot as { alpha: unknown; beta: unknown };
        log.append({ type: 'epoch', phase: 'search', epoch, metrics });
        log.append({
          type: 'architecture',
          epoch,
          alpha,
          beta,
          entropies: { operators: operatorEntropy, moves: moveEntropy },
          path: genotype.path,
          genotype,
        });
        results.append({ epoch, ...metrics, path: genotype.path.join(' ') });
        writeGenotype(folder, genotype);
        writeAtomically(folder.architecture, `${JSON.stringify(event.snapshot)}\n`);
        const miou = scores ? `  mIoU ${scores.miou.toFixed(3)}` : '';
        bar.print(
          `epoch ${epoch + 1}/${config.epochs}  loss ${weightLoss.toFixed(3)}${miou}  entropy ${operatorEntropy.toFixed(3)}/${moveEntropy.toFixed(3)}  path ${genotype.path.join(' ')}`,
        );
        if (skipShare > 0.5) {
          const message = `${Math.round(100 * skipShare)} % of the decoded operators are skips: the search may be collapsing; stop earlier or lower architecture.learningRate`;
          log.append({ type: 'warning', message });
          bar.print(`warning: ${message}`);
        }
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

function checkSearch(config: SearchConfig, dataset: DataSet): void {
  if (config.warmupEpochs >= config.epochs) {
    throw new ConfigError(
      `warmupEpochs is ${config.warmupEpochs} of ${config.epochs} epochs: the architecture would never be searched`,
      'lower warmupEpochs or raise epochs',
    );
  }
  for (const side of config.crop) {
    if (side < 33)
      throw new ConfigError(
        `crop ${side} is smaller than the coarsest stride allows`,
        'use 33, 65, 97, ... (32 m + 1)',
      );
  }
  const half = Math.floor(dataset.splits.train.length / 2);
  if (half < config.batch)
    throw new ConfigError(
      `each half of the ${dataset.splits.train.length} training pictures is smaller than the batch of ${config.batch}`,
      'lower batch or add pictures',
    );
}
