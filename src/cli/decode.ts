/**
 * @file `espalier decode`: architecture parameters from anywhere to a genotype.
 */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ArchitectureError, DataError } from '../base/errors.ts';
import { decodeAutoDeepLab, parseArchitectureParameters } from '../decode/autoDeepLab.ts';
import { drawGenotype } from '../space/drawing.ts';
import { formatGenotype } from '../space/genotype.ts';
import { type Command, printJson, readSettings } from './command.ts';

const decodeSettings = {
  schema: z.strictObject({
    params: z
      .string()
      .min(1)
      .meta({ expected: 'a text', description: 'JSON file of logits, or the folder of a search' }),
    filters: z
      .int()
      .min(1)
      .default(20)
      .meta({ expected: 'a whole number from 1', description: 'filters F written into the genotype' }),
    atrous: z
      .enum(['dense', 'separable'])
      .default('dense')
      .meta({ expected: 'dense or separable', description: 'kind of the atrous convolutions' }),
    output: z
      .string()
      .min(1)
      .optional()
      .meta({ expected: 'a text', description: 'genotype file to write; a drawing goes beside it' }),
  }),
};

export const decodeCommand: Command = {
  name: 'decode',
  summary: 'architecture parameters to a genotype',
  usage: 'decode params=<file|run> [filters=20] [output=<genotype.json>] [--json]',
  settings: decodeSettings,
  async run(words) {
    const { config, flags } = readSettings(decodeSettings, words, ['json']);
    const { params, filters, atrous, output } = config;
    if (!existsSync(params))
      throw new DataError(`${params}: no such file`, 'give a JSON file of logits, or the folder of a search');
    const file = statSync(params).isDirectory() ? join(params, 'architecture.json') : params;
    const logits = parseArchitectureParameters(parseJson(file), file);
    const genotype = decodeAutoDeepLab(logits, {
      filters,
      atrous,
      rank: 2,
      provenance: { origin: `decoded from ${file}` },
    });
    if (output !== undefined) {
      writeFileSync(output, formatGenotype(genotype));
      writeFileSync(`${output.replace(/\.json$/, '')}.svg`, drawGenotype(genotype));
    }
    if (flags.json) printJson(genotype);
    else process.stdout.write(output === undefined ? formatGenotype(genotype) : `${output}\n`);
  },
};

function parseJson(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new DataError(`${file}: cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ArchitectureError(`${file}: is no JSON (${(error as Error).message})`);
  }
}
