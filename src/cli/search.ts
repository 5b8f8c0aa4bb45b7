/**
 * @file `espalier search`: finds an architecture on a data set.
 */
import { settings } from '../run/presets.ts';
import { summariseGenotype } from '../space/genotype.ts';
import { searchDryRun, searchRun } from '../train/searchRun.ts';
import { type Command, printDryRun, printJson, readRunRequest, stoppable, watchRun } from './command.ts';

export const searchCommand: Command = {
  name: 'search',
  summary: 'find an architecture on a data set',
  usage: 'search data=<folder|yaml> [preset=small|paper|demo] [key=value ...] [--resume] [--dry-run] [--json]',
  settings: settings.search,
  async run(words) {
    const { request, flags } = readRunRequest('search', settings.search, words);
    if (flags.dryRun) return printDryRun(await searchDryRun(request), flags.json);
    const watcher = watchRun('search');
    const found = await stoppable((signal) => searchRun(request, watcher, signal)).finally(watcher.finish);
    const { run, genotype, report } = found;
    if (flags.json) printJson(found);
    else
      process.stdout.write(
        `found: ${summariseGenotype(genotype)} -> ${run}/genotype.json\ntrain it: espalier train arch=${run} data=<the same>\nreport: ${report}\n`,
      );
  },
};
