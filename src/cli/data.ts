/**
 * @file `espalier data check`: what is in a data set, what is wrong with it, and how to mend it.
 */
import { z } from 'zod';
import { ConfigError } from '../base/errors.ts';
import { checkDataSet, type DataReport } from '../data/check.ts';
import { openDataSet } from '../data/detect.ts';
import type { DataSet } from '../data/types.ts';
import { type Command, printJson, readSettings } from './command.ts';
import { createProgress } from './progress.ts';

const dataSettings = {
  schema: z.strictObject({
    limit: z
      .int()
      .min(1)
      .optional()
      .meta({ expected: 'a whole number from 1', description: 'read at most so many pictures of a split' }),
    seed: z
      .int()
      .min(0)
      .default(0)
      .meta({ expected: 'a whole number from 0', description: 'seed of the split where the data has none' }),
  }),
};

export const dataCommand: Command = {
  name: 'data',
  summary: 'check a data set: counts, sizes, class shares, problems and their fix',
  usage: 'data check <folder|yaml> [limit=<pictures>] [--json]',
  settings: dataSettings,
  async run(words) {
    const { config, flags, positionals } = readSettings(dataSettings, words, ['json']);
    const [action, path] = positionals;
    if (action !== 'check')
      throw new ConfigError(`data ${action ?? ''}: expected "check"`, 'espalier data check <folder>');
    if (path === undefined) throw new ConfigError('data check of what?', 'espalier data check <folder|yaml|scenes>');
    const dataset = await openDataSet(path, { allowUnpaired: true, seed: config.seed });
    const { limit } = config;
    const total = Object.values(dataset.splits).reduce(
      (sum, split) => sum + Math.min(split.length, limit ?? split.length),
      0,
    );
    const bar = createProgress({ label: 'check', total });
    const report = await checkDataSet(dataset, {
      ...(limit === undefined ? {} : { limit }),
      onProgress: (done) => bar.update(done),
    });
    bar.finish();
    if (flags.json) printJson({ name: dataset.name, layout: dataset.layout, classes: dataset.classes, ...report });
    else process.stdout.write(`${describe(dataset, report)}\n`);
    if (report.problems.some(({ severity }) => severity === 'error')) process.exitCode = 1;
  },
};

/** More problems than this are counted only. */
const MOST_PROBLEMS = 20;

function describe(dataset: DataSet, report: DataReport): string {
  const { counts, sizes, classShares, ignoredShare, problems } = report;
  const width = Math.max(...dataset.classes.map(({ name }) => name.length), 7);
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`.padStart(9);
  return [
    `${dataset.name}: layout ${dataset.layout}, ${dataset.classes.length} classes`,
    ...Object.entries(counts).map(
      ([split, { listed, read }]) => `${split}: ${listed} pictures${read < listed ? `, ${read} read` : ''}`,
    ),
    `sizes: ${sizes
      .slice(0, 5)
      .map(({ width: w, height: h, count }) => `${w}x${h} (${count})`)
      .join(', ')}${sizes.length > 5 ? `, ${sizes.length - 5} more` : ''}`,
    'share of the training pixels:',
    ...dataset.classes.map(({ name }, id) => `  ${name.padEnd(width)} ${percent(classShares[id])}`),
    `  ${'ignored'.padEnd(width)} ${percent(ignoredShare)}`,
    problems.length === 0 ? 'no problems found' : `${problems.length} problems:`,
    ...problems
      .slice(0, MOST_PROBLEMS)
      .map(({ severity, file, message, fix }) => `  ${severity}: ${file} ${message}; ${fix}`),
    ...(problems.length > MOST_PROBLEMS ? [`  ... and ${problems.length - MOST_PROBLEMS} more`] : []),
  ].join('\n');
}
