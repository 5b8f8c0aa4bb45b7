/**
 * @file Whether files that a command will write are free to be written: none of them is a file that was given to it, no two of them are one, and none
 * lies behind a symbolic link that leads out of a run. Every command that writes asks here before it computes anything.
 */
import { type BigIntStats, readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import type { RunFolder } from './folder.ts';
import { requireInside } from './inside.ts';

/** What a command is about to do to the disk. */
export interface PlannedOutputs {
  /** Files that will be written. */
  readonly outputs: readonly string[];
  /** Files and folders that were given, and those read with them; of a folder the files directly in it count. */
  readonly inputs: readonly string[];
  /** The folder of a run that outputs may not leave by a symbolic link: where the user has not chosen another place. */
  readonly inside?: string | undefined;
}

/**
 * Compares all files by their real path: with every symbolic link followed, and as the system tells files apart.
 * @throws ConfigError when an output is an input, another output, or a folder, or when a part of its path is a file; DataError when it leads out of `inside`.
 */
export function requireFreeOutputs({ outputs, inputs, inside }: PlannedOutputs): void {
  const given = new Map<string, string>();
  // Folders first: a message names the file that was given where it can.
  for (const folder of inputs.filter(isFolder))
    for (const file of filesOf(folder)) for (const key of identities(file)) given.set(key, `a file of ${folder}`);
  for (const file of inputs.filter((input) => !isFolder(input)))
    for (const key of identities(file)) given.set(key, `the input ${file}`);
  const planned = new Map<string, string>();
  for (const output of outputs) {
    if (inside !== undefined) requireInside(inside, output);
    requireWritable(output);
    const keys = identities(output);
    const input = keys.map((key) => given.get(key)).find((path) => path !== undefined);
    if (input !== undefined)
      throw new ConfigError(
        `${output}: would overwrite ${input === `the input ${output}` ? 'an input' : input}; nothing was written`,
        'choose another place for the output',
      );
    const other = keys.map((key) => planned.get(key)).find((path) => path !== undefined);
    if (other !== undefined)
      throw new ConfigError(
        `${output}: would be written twice${other === output ? '' : ` (it is ${other} too)`}; nothing was written`,
        'rename one of the inputs, or write them into different folders',
      );
    for (const key of keys) planned.set(key, output);
  }
}

/** Files, and the folders in which they lie: what else is in those was not made by a prediction for all that is known. */
export const withFolders = (files: readonly string[]): string[] => [
  ...files,
  ...new Set(files.map((file) => dirname(file))),
];

/** The record of a run, which no command may overwrite by chance: all files directly in its folder, its checkpoints, samples and evaluations. */
export const recordFiles = ({ path, samples, last, evaluations }: RunFolder): string[] => [
  path,
  ...[samples, dirname(last), evaluations].flatMap(foldersBelow),
];

/** A folder and all folders below it; none where it does not exist. */
function foldersBelow(folder: string): string[] {
  if (!isFolder(folder)) return [];
  const inside = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [folder, ...inside.flatMap(({ name }) => foldersBelow(join(folder, name)))];
}

/** The files directly in a folder. */
const filesOf = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map(({ name }) => join(folder, name));

const isFolder = (path: string): boolean => found(path)?.isDirectory() ?? false;

/** What the disk says of a path; undefined where it cannot be looked at: it is not there, or a part of it is a file. */
function found(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true });
  } catch {
    return undefined;
  }
}

/** What is the same for two paths of one file: the real path, and the number that the disk gives an existing file. */
function identities(path: string): string[] {
  const real = realPlace(path);
  const file = found(real);
  return file && file.ino !== 0n ? [real, `${file.dev}:${file.ino}`] : [real];
}

/** The path with every symbolic link followed, as far as it exists. */
function realPlace(path: string): string {
  const missing: string[] = [];
  for (let place = resolve(path); ; place = dirname(place)) {
    try {
      return join(realpathSync.native(place), ...missing);
    } catch {
      if (dirname(place) === place) return resolve(path);
      missing.unshift(basename(place));
    }
  }
}

function requireWritable(output: string): void {
  if (isFolder(output))
    throw new ConfigError(`${output}: expected a file to write, got a folder of that name`, 'choose another name');
  let place = dirname(resolve(output));
  while (found(place) === undefined && dirname(place) !== place) place = dirname(place);
  if (!isFolder(place))
    throw new ConfigError(`${output}: expected a path of folders, but ${place} is a file`, 'choose another folder');
}
