/**
 * @file `espalier auto`: from a data set, a budget and some minutes to a trained network, by a race of real trainings.
 */
import { dryRunLadder } from '../jobs/ladder/dryRun.ts';
import { ladderRun } from '../jobs/ladder/ladderRun.ts';
import { settings } from '../run/config/presets.ts';
import { type Command, printJson, readRunRequest, stoppable, watchRun } from './command.ts';
import { shortPath } from './nextStep.ts';

export const autoCommand: Command = {
  name: 'auto',
  summary: 'find, train and judge a network within a budget and a time',
  usage:
    'auto data=<folder|yaml> minutes=60 budget.multiplyAdds=0.5e9 [training.batch=8 ...] [--resume] [--dry-run] [--json]   (also: search method=ladder ...)',
  settings: settings.auto,
  // A plan without times is better than none.
  needsEngine: (words) => !words.includes('--dry-run'),
  async run(words) {
    const { request, flags } = readRunRequest('auto', settings.auto, words);
    const watcher = watchRun('auto');
    if (flags.dryRun) {
      const { lines, ...plan } = await stoppable((signal) => dryRunLadder(request, watcher, signal)).finally(
        watcher.finish,
      );
      if (flags.json) return printJson(plan);
      return void process.stdout.write(`dry run:\n${lines.join('\n')}\nnothing was written\n`);
    }
    const found = await stoppable((signal) => ladderRun(request, watcher, signal)).finally(watcher.finish);
    if (flags.json) {
      const { verdict, ...rest } = found;
      printJson({ ...rest, probability: verdict.probability, chosenNetwork: verdict.chosen.candidate.id });
      return;
    }
    const { text, chosen, page, run, model } = found;
    process.stdout.write(
      `${text}\nnetwork: ${shortPath(chosen)}\n${model ? `model: ${shortPath(model)}\n` : ''}verdict: ${shortPath(page)}\nrecipe: ${shortPath(run)}/config.yaml\n`,
    );
  },
};
