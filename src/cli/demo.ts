/**
 * @file `espalier demo`: the whole loop on embedded scenes, in a few minutes: a race of hand-made, varied and random networks at one cost, the training of
 * its winner, the verdict.
 */
import { mkdirSync } from 'node:fs';
import { z } from 'zod';
import { autoCommand } from './auto.ts';
import { type Command, readSettings } from './command.ts';

/** Multiply-adds that a network may have: few enough for networks to differ in the time that there is. */
const BUDGET = '20e6';

const demoSettings = {
  schema: z.strictObject({
    runs: z.string().min(1).default('runs').meta({ expected: 'a string', description: 'folder of all runs' }),
    minutes: z
      .number()
      .positive()
      .default(4)
      .meta({ expected: 'a number above 0', description: 'time for everything; most of it goes into trainings' }),
    seed: z
      .int()
      .min(0)
      .default(0)
      .meta({ expected: 'a whole number from 0', description: 'seed of everything random' }),
  }),
};

export const demoCommand: Command = {
  name: 'demo',
  summary: 'the whole loop on embedded scenes, in four minutes: a race of networks and its verdict',
  usage: 'demo [minutes=4] [runs=runs] [seed=0]',
  settings: demoSettings,
  needsEngine: () => true,
  async run(words) {
    const { config } = readSettings(demoSettings, words);
    const { runs, minutes, seed } = config;
    mkdirSync(runs, { recursive: true });
    const settings = ['data=scenes', `minutes=${minutes}`, `budget.multiplyAdds=${BUDGET}`];
    process.stdout.write(`espalier auto ${settings.join(' ')}\n`);
    await autoCommand.run([...settings, `runs=${runs}`, `seed=${seed}`]);
  },
};
