/**
 * @file What a user names as an architecture: a genotype file, the folder of a run, or a name of the registry.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ArchitectureError } from '../base/errors.ts';
import { suggest } from '../base/text.ts';
import { ARCHITECTURES, findArchitecture } from '../models/registry.ts';
import { type Genotype, parseGenotype } from '../space/genotype.ts';

/** The genotype that `name` stands for. */
export function readArchitecture(name: string): Genotype {
  const known = findArchitecture(name);
  if (known) return known;
  if (!existsSync(name)) {
    throw new ArchitectureError(
      `no architecture "${name}": neither a file, nor the folder of a run, nor a name`,
      suggest(name, [...Object.keys(ARCHITECTURES), 'random']),
    );
  }
  const file = statSync(name).isDirectory() ? join(name, 'genotype.json') : name;
  if (!existsSync(file))
    throw new ArchitectureError(`${name}: holds no genotype.json`, 'give a genotype file, or a run of search or train');
  return parseGenotype(readFileSync(file, 'utf8'), file);
}
