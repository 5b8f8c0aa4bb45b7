/**
 * @file `espalier train`: trains an architecture from scratch and scores it.
 */

import { dryRunTraining } from '../jobs/cost/dryRun.ts';
import { followTraining, trainJob } from '../jobs/trainJob.ts';
import { inGroup } from '../parallel/parallel.ts';
import { commandLine } from '../run/config/commandLine.ts';
import { settings } from '../run/config/presets.ts';
import {
  type Command,
  plainScores,
  printDryRun,
  printJson,
  readRunRequest,
  scoresTable,
  stoppable,
  watchRun,
} from './command.ts';
import { shortPath } from './nextStep.ts';

export const trainCommand: Command = {
  name: 'train',
  summary: 'train an architecture from scratch',
  usage:
    'train arch=<file|run|name> data=<folder|yaml> [preset=small|demo] [key=value ...] [--resume] [--dry-run] [--json]',
  settings: settings.train,
  needsEngine: () => true,
  async run(words) {
    const { request, flags } = readRunRequest('train', settings.train, words);
    if (flags.dryRun) return printDryRun(await dryRunTraining(request), flags.json);
    const watcher = watchRun('train');
    const outcome = await stoppable((signal) =>
      inGroup(process.env, async (parallel) =>
        parallel.rank === 0 ? trainJob(request, watcher, signal, parallel) : followTraining(request, parallel, signal),
      ),
    ).finally(watcher.finish);
    if (!outcome) return;
    const { scores, ...trained } = outcome;
    if (flags.json) printJson({ ...trained, ...plainScores(scores) });
    else
      process.stdout.write(
        `${scoresTable(trained.classes, scores)}\nrun: ${shortPath(trained.run)}\nreport: ${shortPath(trained.report)}\nuse it: ${commandLine('predict', [`run=${shortPath(trained.run)}`])} <images>\n`,
      );
  },
};
