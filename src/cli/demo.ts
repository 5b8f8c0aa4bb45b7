/**
 * @file `espalier demo`: the whole loop on embedded scenes, in minutes: search, train what was found, score it, show it.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { formatDuration } from '../base/text.ts';
import { listRunFolders } from '../run/folder.ts';
import { type Command, readSettings } from './command.ts';
import { shortPath } from './nextStep.ts';
import { searchCommand } from './search.ts';
import { trainCommand } from './train.ts';

const demoSettings = {
  schema: z.strictObject({
    runs: z.string().min(1).default('runs').meta({ expected: 'a string', description: 'folder of all runs' }),
    seed: z
      .int()
      .min(0)
      .default(0)
      .meta({ expected: 'a whole number from 0', description: 'seed of everything random' }),
  }),
};

export const demoCommand: Command = {
  name: 'demo',
  summary:
    'the whole loop on embedded scenes, nothing downloaded: 125 steps of search, 400 steps of training, scores, a report',
  usage: 'demo [runs=runs] [seed=0]',
  settings: demoSettings,
  needsEngine: () => true,
  async run(words) {
    const { config } = readSettings(demoSettings, words);
    const started = performance.now();
    const { runs } = config;
    mkdirSync(runs, { recursive: true });
    const common = ['data=scenes', 'preset=demo', `runs=${runs}`, `seed=${config.seed}`];
    const newest = (command: string) =>
      listRunFolders(runs)
        .filter((folder) => folder.command === command)
        .at(-1)?.path as string;
    process.stdout.write('1/2 search: which operators, and which path through the resolutions?\n');
    await searchCommand.run(common);
    process.stdout.write('\n2/2 train the network that was found, from scratch\n');
    await trainCommand.run([...common, `arch=${newest('search')}`]);
    const run = newest('train');
    process.stdout.write(
      `samples: ${shortPath(join(run, 'samples'))}\narchitecture: ${shortPath(join(run, 'genotype.svg'))}\nthe whole demo took ${formatDuration((performance.now() - started) / 1000)}\n`,
    );
  },
};
