/**
 * @file `espalier train`: trains an architecture from scratch and scores it.
 */
import { perClassTable } from '../metrics/tables.ts';
import { settings } from '../run/presets.ts';
import { trainDryRun, trainRun } from '../train/trainRun.ts';
import { type Command, printDryRun, printJson, readRunRequest, stoppable, watchRun } from './command.ts';

export const trainCommand: Command = {
  name: 'train',
  summary: 'train an architecture from scratch',
  usage:
    'train arch=<file|run|name> data=<folder|yaml> [preset=small|demo] [key=value ...] [--resume] [--dry-run] [--json]',
  settings: settings.train,
  async run(words) {
    const { request, flags } = readRunRequest('train', settings.train, words);
    if (flags.dryRun) return printDryRun(await trainDryRun(request), flags.json);
    const watcher = watchRun('train');
    const { scores, ...trained } = await stoppable((signal) => trainRun(request, watcher, signal)).finally(
      watcher.finish,
    );
    const { confusion: _, ...plain } = scores;
    if (flags.json) printJson({ ...trained, ...plain });
    else
      process.stdout.write(
        `${perClassTable(trained.classes, scores)}\nrun: ${trained.run}\nreport: ${trained.report}\n`,
      );
  },
};
