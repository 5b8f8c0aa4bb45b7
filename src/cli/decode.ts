/**
 * @file `espalier decode`: architecture parameters from anywhere to a genotype.
 */
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { DataError } from '../base/errors.ts';
import { readTextFile } from '../base/textFile.ts';
import { decodeArchitecture, parseArchitectureParameters } from '../decode/parameters.ts';
import { refuseUnused } from '../run/config/unused.ts';
import { writeAtomically } from '../run/files.ts';
import { openRunFolder } from '../run/folder.ts';
import { recordFiles, requireFreeOutputs } from '../run/outputs.ts';
import { drawGenotype } from '../space/drawing.ts';
import { formatGenotype, type Genotype, parseGenotype } from '../space/genotype.ts';
import { parseJson } from '../space/genotypeFields.ts';
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
    if (!existsSync(params))
      throw new DataError(`${params}: no such file`, 'give a JSON file of logits, or the folder of a search');
    const file = statSync(params).isDirectory() ? join(params, 'architecture.json') : params;
    const outputs = output === undefined ? [] : [output, `${output.replace(/\.json$/, '')}.svg`];
    const run = existsSync(join(dirname(file), 'config.yaml')) ? recordFiles(openRunFolder(dirname(file))) : [];
    requireFreeOutputs({ outputs, inputs: [file, ...run, ...given] });
    const parameters = parseArchitectureParameters(parseJson(readText(file), file), file);
    const found = statSync(params).isDirectory() ? foundIn(params) : undefined;
    if (found) refuseUnused(keys, [{ keys: ['atrous', 'rank'], because: `${params} says its own` }]);
    if (parameters.method === 'dints')
      refuseUnused(keys, [
        { keys: ['atrous', 'rank'], because: 'it is of method=auto-deeplab, these logits are of dints' },
      ]);
    const { filters = found?.filters ?? STANDARD_FILTERS } = config;
    const { atrous, rank } = found?.method === 'auto-deeplab' ? found : config;
    const provenance = { origin: `decoded from ${file}` };
    const genotype = decodeArchitecture(parameters, { filters, atrous, rank, provenance });
    for (const [i, path] of outputs.entries())
      writeAtomically(path, i === 0 ? formatGenotype(genotype) : drawGenotype(genotype));
    if (flags.json) printJson(genotype);
    else process.stdout.write(output === undefined ? formatGenotype(genotype) : `${output}\n`);
  },
};

/** Of the smallest published network. */
const STANDARD_FILTERS = 20;

/** What a search wrote of what it found; undefined where there is nothing yet. */
function foundIn(folder: string): Genotype | undefined {
  const file = join(folder, 'genotype.json');
  return existsSync(file) ? parseGenotype(readTextFile(file), file) : undefined;
}

function readText(file: string): string {
  try {
    return readTextFile(file);
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${file}: cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}
