/**
 * @file Architecture parameters from anywhere, or the folder of a search, to a genotype. What `espalier decode` and the library call.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../base/errors.ts';
import { decodeArchitecture, parseArchitectureParameters } from '../decode/parameters.ts';
import { refuseUnused } from '../run/config/unused.ts';
import { type Genotype, parseGenotype } from '../space/genotype.ts';
import { parseJson } from '../space/genotypeFields.ts';

/** What logits do not say of the network that they stand for; those of a search do. */
export interface DecodeOptions {
  /** Filters written into the genotype; those of the search, else 20, by default. */
  readonly filters?: number;
  /** Kind of the atrous convolutions of Auto-DeepLab; default dense. */
  readonly atrous?: 'dense' | 'separable';
  /** Spatial axes of a network of Auto-DeepLab; default 2. */
  readonly rank?: 2 | 3;
}

/** The JSON file of logits that `params` names: itself, or that of the search in the folder. @throws DataError when there is none. */
export function parametersFile(params: string): string {
  if (!existsSync(params))
    throw new DataError(`${params}: no such file`, 'give a JSON file of logits, or the folder of a search');
  return statSync(params).isDirectory() ? join(params, 'architecture.json') : params;
}

/**
 * Decodes a JSON file of logits, or the folder of a search.
 * @throws DataError or ArchitectureError for what is no such file, ConfigError for options that a search or the logits state themselves.
 */
export function decodeFile(params: string, options: DecodeOptions = {}): Genotype {
  const file = parametersFile(params);
  const parameters = parseArchitectureParameters(parseJson(readText(file), file), file);
  const found = file === params ? undefined : foundIn(params);
  const given = new Set(Object.keys(options).filter((key) => options[key as keyof DecodeOptions] !== undefined));
  const keys = ['atrous', 'rank'];
  if (found) refuseUnused(given, [{ keys, because: `${params} says its own` }]);
  if (parameters.method === 'dints')
    refuseUnused(given, [{ keys, because: 'it is of method=auto-deeplab, these logits are of dints' }]);
  const { filters = found?.filters ?? STANDARD_FILTERS } = options;
  const { atrous = 'dense', rank = 2 } = found?.method === 'auto-deeplab' ? found : options;
  return decodeArchitecture(parameters, { filters, atrous, rank, provenance: { origin: `decoded from ${file}` } });
}

/** Of the smallest published network. */
const STANDARD_FILTERS = 20;

/** What a search wrote of what it found; undefined where there is nothing yet. */
function foundIn(folder: string): Genotype | undefined {
  const file = join(folder, 'genotype.json');
  return existsSync(file) ? parseGenotype(readText(file), file) : undefined;
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new DataError(`${file}: cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}
