/**
 * @file The runs that the setting `run` names: one, or several between commas, which then count as one network.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigError } from '../../base/errors.ts';

/** Runs of an ensemble, at most. */
const MOST = 64;

/**
 * The folders of `a,b,c` or of a list; the folder itself where one of that name exists.
 * @throws ConfigError for an empty name, one that is there twice, or too many.
 */
export function runsOf(run: string | readonly string[]): string[] {
  const runs = typeof run === 'string' ? splitRuns(run) : [...run];
  const fail = (message: string): never => {
    throw new ConfigError(`run: ${message}`, 'name the folders of runs between commas: run=runs/train/a,runs/train/b');
  };
  if (runs.length === 0 || runs.includes(''))
    fail(`expected a folder on both sides of every comma, got ${JSON.stringify(run)}`);
  if (runs.length > MOST) fail(`expected at most ${MOST} runs, got ${runs.length}`);
  const folders = runs.map((name) => resolve(name));
  const twice = runs.find((_, i) => folders.indexOf(folders[i]) < i);
  if (twice !== undefined) fail(`expected different runs, got ${twice} twice`);
  return runs;
}

const splitRuns = (run: string): string[] =>
  run.includes(',') && !existsSync(run) ? run.split(',').map((name) => name.trim()) : [run];
