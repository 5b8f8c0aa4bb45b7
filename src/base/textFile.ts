/**
 * @file Text files from strangers, read whole and only so far: a file that is larger than what its parser takes is refused before it is in memory.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { DataError } from './errors.ts';
import { formatBytes } from './text.ts';

/** Lists and descriptions are no larger: a line for each of 200,000 samples takes 20 MiB. */
export const MOST_TEXT_BYTES = 32 * 2 ** 20;

/** A list of a data set has fewer lines. */
const MOST_LINES = 200_000;

/** A piece of what has no size, such as a pipe. */
const PIECE = 65536;

/**
 * The text of a file.
 * @throws DataError for one of more than `mostBytes`, or for a named pipe or socket in a folder; the error of the system where it cannot be read.
 */
export function readTextFile(path: string, mostBytes: number = MOST_TEXT_BYTES): string {
  // What the shell passes lies in /dev, such as `<(...)`; elsewhere a pipe would wait for a writer that never appears.
  const isShells = path.startsWith('/dev/') || path.startsWith('/proc/');
  const file = openSync(path, isShells ? 'r' : constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const stat = fstatSync(file);
    if (!isShells && !stat.isFile() && !stat.isDirectory())
      throw new DataError(`${path}: expected a file, got a pipe, a socket or a device`, 'remove it');
    if (stat.size > mostBytes) throw tooLarge(path, mostBytes, formatBytes(stat.size));
    const parts: Buffer[] = [];
    for (let total = 0; ; ) {
      const part = Buffer.allocUnsafe(stat.isFile() ? Math.max(1, stat.size - total + 1) : PIECE);
      const count = readSync(file, part, 0, part.length, null);
      if (count === 0) return (parts.length === 1 ? parts[0] : Buffer.concat(parts)).toString('utf8');
      parts.push(part.subarray(0, count));
      total += count;
      if (total > mostBytes) throw tooLarge(path, mostBytes, 'more');
    }
  } finally {
    closeSync(file);
  }
}

const tooLarge = (path: string, most: number, got: string): DataError =>
  new DataError(`${path}: expected at most ${formatBytes(most)} of text, got ${got}`, 'is it the file that was meant?');

/** As {@link readTextFile}; undefined where the system cannot read it, as when there is no such file. */
export function maybeTextFile(path: string): string | undefined {
  try {
    return readTextFile(path);
  } catch (error) {
    if (error instanceof DataError) throw error;
    return undefined;
  }
}

/**
 * The lines of a text, without their ends. `file` is named in errors.
 * @throws DataError for more than 200,000 lines.
 */
export function linesOf(text: string, file: string): string[] {
  let count = 1;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count++;
  if (count > MOST_LINES)
    throw new DataError(
      `${file}: expected at most ${MOST_LINES} lines, got ${count}`,
      'is it the file that was meant?',
    );
  return text.split(/\r?\n/);
}
