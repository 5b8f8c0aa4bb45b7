/**
 * @file `espalier data`: looks at a data set, shows it, and writes it as masks; needs no engine.
 */
import { z } from 'zod';
import { ConfigError } from '../base/errors.ts';
import { openDataSet } from '../data/detect.ts';
import { type Command, readSettings } from './command.ts';
import { checkAndPrint } from './dataCheck.ts';
import { convertDataSet, defaultTarget } from './dataConvert.ts';
import { previewDataSet } from './dataPreview.ts';

const dataSettings = {
  schema: z.strictObject({
    limit: z.int().min(1).optional().meta({
      expected: 'a whole number from 1',
      description: 'check: read at most so many samples of a split; preview: samples shown, 12 by default',
    }),
    splitSeed: z.int().min(0).default(0).meta({
      expected: 'a whole number from 0',
      description: 'of data without a split: another number is another split by hash',
    }),
    fold: z.int().min(0).default(0).meta({
      expected: 'a whole number from 0',
      description: 'of data without a split, or with folds of their own: which fold is val, from 0',
    }),
    folds: z
      .int()
      .min(2)
      .default(5)
      .meta({ expected: 'a whole number from 2', description: 'of data without a split: number of folds' }),
    plan: z
      .string()
      .min(1)
      .optional()
      .meta({ expected: 'a file name', description: 'for volumes: write proposed settings into this YAML file' }),
    to: z.string().min(1).optional().meta({
      expected: 'a folder or file',
      description:
        'convert: the new folder, by default `<folder>-masks` beside the data; preview: the image, by default preview.png',
    }),
  }),
};

/** What can be done, and the settings that it takes beside those of the split. */
const ACTIONS: Readonly<Record<string, readonly string[]>> = {
  check: ['limit', 'plan'],
  preview: ['limit', 'to'],
  convert: ['to'],
};

export const dataCommand: Command = {
  name: 'data',
  summary:
    'check a data set: counts, class shares, problems and their fix; a preview of its samples; or convert it to masks of class ids',
  usage:
    'data check|preview|convert <folder|yaml|annotations> [limit=<samples>] [plan=<file.yaml>] [to=<path>] [--json]',
  settings: dataSettings,
  async run(words) {
    const { config, flags, positionals, given, keys } = readSettings(dataSettings, words, ['json']);
    const [action = '', path] = positionals;
    if (!Object.hasOwn(ACTIONS, action))
      throw new ConfigError(
        `data ${action}: expected ${Object.keys(ACTIONS).join(' or ')}`,
        'espalier data check <folder>',
      );
    if (path === undefined)
      throw new ConfigError(
        `data ${action}: expected a data set, got none`,
        `espalier data ${action} <folder|yaml|scenes|phantoms>`,
      );
    const others = Object.values(ACTIONS)
      .flat()
      .filter((key) => keys.has(key) && !ACTIONS[action].includes(key));
    if (others.length > 0)
      throw new ConfigError(`data ${action}: ${others[0]} has no effect`, `it takes ${ACTIONS[action].join(', ')}`);
    const { limit, plan, to, ...split } = config;
    if (action === 'check') {
      const dataset = await openDataSet(path, { allowUnpaired: true, ...split });
      await checkAndPrint(dataset, { path, limit, plan, given, json: flags.json });
      return;
    }
    if (flags.json) throw new ConfigError(`data ${action}: --json has no effect`, 'leave it out');
    const dataset = await openDataSet(path, split);
    if (action === 'preview') {
      await previewDataSet(dataset, path, to ?? 'preview.png', limit);
      return;
    }
    if (dataset.rank === 3)
      throw new ConfigError(`data ${action} ${path}: holds volumes`, 'their labels are read as they are');
    await convertDataSet(dataset, path, to ?? defaultTarget(path));
  },
};
