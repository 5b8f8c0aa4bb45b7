/**
 * @file `espalier decode`: architecture parameters from anywhere to a genotype.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { decodeFile, parametersFile } from '../jobs/decode.ts';
import { writeAtomically } from '../run/files.ts';
import { openRunFolder } from '../run/folder.ts';
import { recordFiles, requireFreeOutputs } from '../run/outputs.ts';
import { drawGenotype } from '../space/drawing.ts';
import { formatGenotype } from '../space/genotype.ts';
import { type Command, printJson, readSettings } from './command.ts';

const decodeSettings = {
  schema: z.strictObject({
    params: z
      .string()
      .min(1)
      .meta({ expected: 'a string', description: 'JSON file of logits, or the folder of a search' }),
    filters: z.int().min(1).optional().meta({
      expected: 'a whole number from 1',
      description: 'filters written into the genotype; those of the search, else 20, by default',
    }),
    atrous: z.enum(['dense', 'separable']).default('dense').meta({
      expected: 'dense or separable',
      description: 'kind of the atrous convolutions of auto-deeplab; a search says its own',
    }),
    rank: z
      .union([z.literal(2), z.literal(3)])
      .default(2)
      .meta({
        expected: '2 or 3',
        description: 'spatial axes of a network of auto-deeplab; a search and logits of dints say theirs',
      }),
    output: z
      .string()
      .min(1)
      .optional()
      .meta({ expected: 'a string', description: 'genotype file to write; a drawing goes beside it' }),
  }),
};

export const decodeCommand: Command = {
  name: 'decode',
  summary: 'architecture parameters to a genotype',
  usage: 'decode params=<file|run> [filters=20] [output=<genotype.json>] [--json]',
  settings: decodeSettings,
  async run(words) {
    const { config, flags, keys, given } = readSettings(decodeSettings, words, ['json']);
    const { params, output } = config;
    const file = parametersFile(params);
    const outputs = output === undefined ? [] : [output, `${output.replace(/\.json$/, '')}.svg`];
    const run = existsSync(join(dirname(file), 'config.yaml')) ? recordFiles(openRunFolder(dirname(file))) : [];
    requireFreeOutputs({ outputs, inputs: [file, ...run, ...given] });
    // Defaults are no mistake beside what a search says.
    const { filters } = config;
    const stated = {
      atrous: keys.has('atrous') ? config.atrous : undefined,
      rank: keys.has('rank') ? config.rank : undefined,
    };
    const genotype = decodeFile(params, { filters, ...stated });
    for (const [i, path] of outputs.entries())
      writeAtomically(path, i === 0 ? formatGenotype(genotype) : drawGenotype(genotype));
    if (flags.json) printJson(genotype);
    else process.stdout.write(output === undefined ? formatGenotype(genotype) : `${output}\n`);
  },
};
