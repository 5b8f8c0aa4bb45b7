/**
 * @file `espalier compare`: architectures trained under one budget, in one table and one picture.
 */
import { parseConfig } from '../run/config.ts';
import { settings } from '../run/presets.ts';
import { compareRuns } from '../train/compareRuns.ts';
import { type Command, printJson, readLayer, watchRun } from './command.ts';

export const compareCommand: Command = {
  name: 'compare',
  summary: 'train architectures under one budget and compare them',
  usage:
    'compare data=<folder|yaml> archs=<file|run|name>,... budget=<400steps|15min> [seeds=2] [preset=small] [key=value of train ...] [--json]',
  settings: settings.compare,
  async run(words) {
    const { layer, flags } = readLayer([settings.compare, settings.train], words, ['json']);
    const own = Object.keys(settings.compare.schema.shape);
    const pick = (wanted: boolean) =>
      Object.fromEntries(Object.entries(layer).filter(([key]) => own.includes(key) === wanted));
    const watcher = watchRun('compare');
    const { folder, architectures, table } = await compareRuns(
      parseConfig(settings.compare, [pick(true)]),
      pick(false),
      watcher,
    );
    watcher.finish();
    if (flags.json) printJson({ folder, architectures });
    else process.stdout.write(`${table}\n${folder}/comparison.{md,csv,svg}\n`);
  },
};
