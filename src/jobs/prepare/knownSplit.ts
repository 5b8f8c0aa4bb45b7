/**
 * @file The split of an earlier run that a command takes: that of the run it resumes, or of the one that its settings name.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../../base/errors.ts';
import { readTextFile } from '../../base/textFile.ts';
import { parseRecord, type SplitRecord } from '../../data/splitRecord.ts';
import type { Parallel } from '../../parallel/parallel.ts';

/** Where the record of a folder lies. */
export const SPLIT_FILE = 'split.json';

/** The sides of samples as an earlier run has them. */
export interface KnownSplit {
  readonly record: SplitRecord;
  /** The folder of that run, for messages. */
  readonly run: string;
  /** Whether the data are meant to be those of that run. */
  readonly own: boolean;
}

/** Settings that name another run. */
export interface SplitSettings {
  readonly splitOf?: string;
  readonly from?: string;
  readonly arch?: string;
}

/** The record of a run; undefined where it has none. */
export function readSplit(run: string, own: boolean): KnownSplit | undefined {
  const file = join(run, SPLIT_FILE);
  return existsSync(file) ? { record: parseRecord(readTextFile(file), file), run, own } : undefined;
}

/**
 * The split that holds for a run, the same on every rank: that of its own `folder` when it resumes, else of `splitOf`, of `from`, or of the search that
 * found its architecture, in this order. Undefined where none of them has one.
 * @throws ConfigError when `splitOf` names no run with a split.
 */
export async function findSplit(
  settings: SplitSettings,
  parallel: Parallel,
  folder?: string,
): Promise<KnownSplit | undefined> {
  const [known] = await parallel.gather(parallel.rank === 0 ? find(settings, folder) : undefined);
  return known;
}

function find({ splitOf, from, arch }: SplitSettings, folder?: string): KnownSplit | undefined {
  if (folder !== undefined) return readSplit(folder, true);
  if (splitOf !== undefined) {
    const named = readSplit(splitOf, false);
    if (named) return named;
    throw new ConfigError(`splitOf: ${splitOf} holds no ${SPLIT_FILE}`, 'name the folder of a search or training');
  }
  for (const run of [from, arch]) {
    const known = run === undefined ? undefined : readSplit(run, false);
    if (known) return known;
  }
  return undefined;
}
