/** @file The command line as tests start it. Needs dist/, which the set-up makes. */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';

/** The program of the command line. */
export const MAIN = resolve(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js');

/** How a command ended and what it printed. */
export interface EndedCommand {
  readonly out: string;
  readonly error: string;
  /** Its exit code; null where a signal ended it. */
  readonly code: number | null;
}

/**
 * Runs a command to its end in `cwd`, as a user does.
 * @param options.node options of Node, such as `--import`
 * @param options.main another copy of the program
 */
export function runCommand(
  cwd: string,
  words: readonly string[],
  options: { node?: readonly string[]; main?: string; env?: Readonly<Record<string, string>> } = {},
): EndedCommand {
  const { node = [], main = MAIN, env = {} } = options;
  const { stdout, stderr, status } = spawnSync(process.execPath, [...node, main, ...words], {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    maxBuffer: 2 ** 26,
  });
  return { out: stdout, error: stderr, code: status };
}
