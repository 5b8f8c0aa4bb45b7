/**
 * @file What a user names as an architecture: a file, the folder of a run, or a name of the registry.
 */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ArchitectureError } from '../base/errors.ts';
import { suggest } from '../base/text.ts';
import { readTextFile } from '../base/textFile.ts';
import { type Architecture, parseArchitecture } from '../models/architecture.ts';
import { architectureNames, findArchitecture } from '../models/registry.ts';
import { loadDescription } from './network.ts';

/** The architecture that `name` stands for. */
export function readArchitecture(name: string): Architecture {
  const known = findArchitecture(name);
  if (known) return known;
  if (!existsSync(name)) {
    throw new ArchitectureError(
      `no architecture "${name}": neither a file, nor the folder of a run, nor a name`,
      suggest(name, architectureNames()),
    );
  }
  if (!statSync(name).isDirectory()) return parseArchitecture(readTextFile(name), name);
  const [network, genotype] = [join(name, 'network.json'), join(name, 'genotype.json')];
  if (existsSync(network)) return loadDescription({ network }).architecture;
  if (!existsSync(genotype))
    throw new ArchitectureError(
      `${name}: holds neither network.json nor genotype.json`,
      'give a genotype file, or a run of search or train',
    );
  return parseArchitecture(readTextFile(genotype), genotype);
}
