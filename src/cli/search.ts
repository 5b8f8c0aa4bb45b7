/**
 * @file `espalier search`: finds an architecture on a data set.
 */
import { ConfigError } from '../base/errors.ts';
import { placeInGroup } from '../engine/group.ts';
import { dryRunSearch } from '../jobs/cost/dryRun.ts';
import { dryRunTrials } from '../jobs/many/dryRun.ts';
import { trialsJob } from '../jobs/many/trials.ts';
import { searchAgain } from '../jobs/prepare/searchAgain.ts';
import { followSearch, searchJob } from '../jobs/searchJob.ts';
import { describeDecided } from '../method/decided.ts';
import { inGroup } from '../parallel/parallel.ts';
import { configKeys, givenKeys, type Layer } from '../run/config/config.ts';
import { settings } from '../run/config/presets.ts';
import { refuseUnused } from '../run/config/unused.ts';
import { summariseGenotype } from '../space/genotype.ts';
import { autoCommand } from './auto.ts';
import {
  type Command,
  printDryRun,
  printDryRunOfMany,
  printJson,
  readRunRequest,
  stoppable,
  watchRun,
} from './command.ts';
import { searchConfigOf, shortPath, trainStep } from './nextStep.ts';

export const searchCommand: Command = {
  name: 'search',
  summary: 'find an architecture on a data set',
  usage:
    'search data=<folder|yaml> [preset=small|paper|demo] [trials=10] [key=value ...] [--resume] [--dry-run] [--json]',
  settings: settings.search,
  needsEngine: () => true,
  async run(words) {
    const { request, flags, given } = readRunRequest('search', settings.search, words);
    // A race has settings, and runs, of its own.
    if (request.layers.findLast(({ method }) => method !== undefined)?.method === 'ladder')
      return autoCommand.run(words);
    if (flags.dryRun && isTrials(request.layers)) return printDryRunOfMany(await dryRunTrials(request), flags.json);
    if (flags.dryRun) return printDryRun(await dryRunSearch(request), flags.json);
    const watcher = watchRun('search');
    if (isTrials(request.layers)) {
      if (placeInGroup(process.env))
        throw new ConfigError('trials: each is a run of its own, not a process of one', 'start them without launch');
      const found = await stoppable((signal) => trialsJob(request, watcher, signal, given)).finally(watcher.finish);
      if (flags.json) return printJson(found);
      const { folder, chosen, table } = found;
      const advice = chosen ? `${await trainStep(chosen.run)}\n` : '';
      process.stdout.write(`${table}\n${shortPath(folder)}/trials.{md,csv,svg}\n${advice}`);
      return;
    }
    const selection = configKeys(settings.search.schema).filter((key) => key.startsWith('selection.'));
    refuseUnused(givenKeys(request.layers), [
      { keys: selection, because: 'there is one search', instead: 'set trials=<number>' },
    ]);
    const found = await stoppable((signal) =>
      inGroup(process.env, async (parallel) =>
        parallel.rank === 0 ? searchJob(request, watcher, signal, parallel) : followSearch(request, parallel, signal),
      ),
    ).finally(watcher.finish);
    if (!found) return;
    const { run, genotype, decided, undecided, report } = found;
    if (flags.json) return printJson(found);
    const what = `${summariseGenotype(genotype)} (${describeDecided(decided)}) -> ${shortPath(run)}/genotype.json`;
    const next = undecided ? `to continue, run: ${searchAgain(searchConfigOf(run))}` : await trainStep(run);
    process.stdout.write(
      `${undecided ? 'undecided, little more than a random architecture' : 'found'}: ${what}\n${next}\nreport: ${shortPath(report)}\n`,
    );
  },
};

/** Whether several searches are asked for; what is no number is left to the check of the settings. */
const isTrials = (layers: readonly Layer[]): boolean =>
  Number(layers.findLast(({ trials }) => trials !== undefined)?.trials ?? 1) > 1;
