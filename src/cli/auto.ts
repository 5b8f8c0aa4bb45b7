/**
 * @file `espalier auto`: from a data set, a budget and some minutes to a trained network, by a race of real trainings.
 */
import { ladderRun } from '../jobs/ladder/ladderRun.ts';
import { settings } from '../run/config/presets.ts';
import { type Command, printJson, readRunRequest, stoppable, watchRun } from './command.ts';

export const autoCommand: Command = {
  name: 'auto',
  summary: 'find, train and judge a network within a budget and a time',
  usage:
    'auto data=<folder|yaml> minutes=60 budget.multiplyAdds=0.5e9 [training.batch=8 ...] [--resume] [--json]   (also: search method=ladder ...)',
  settings: settings.auto,
  needsEngine: () => true,
  async run(words) {
    const { request, flags } = readRunRequest('auto', settings.auto, words);
    const watcher = watchRun('auto');
    const found = await stoppable((signal) => ladderRun(request, watcher, signal)).finally(watcher.finish);
    if (flags.json) {
      const { verdict, ...rest } = found;
      printJson({ ...rest, probability: verdict.probability, chosenNetwork: verdict.chosen.candidate.id });
      return;
    }
    const { text, chosen, page, run, model } = found;
    process.stdout.write(
      `${text}\nnetwork: ${chosen}\n${model ? `model: ${model}\n` : ''}verdict: ${page}\nrecipe: ${run}/config.yaml\n`,
    );
  },
};
