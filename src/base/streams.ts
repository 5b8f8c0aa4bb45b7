/**
 * @file Standard output and standard error that may close at any time: a pipe whose reader ends, a terminal that is closed, a full disk.
 * Without a listener each is an uncaught exception, and a run of days ends without saving.
 */

/** The reader has gone: a closed pipe, a terminal that hung up. */
const CLOSED: readonly (string | undefined)[] = ['EPIPE', 'EIO', 'ECONNRESET', 'ERR_STREAM_DESTROYED'];

/**
 * Lets the process continue when a standard stream takes nothing more. What is lost on a standard error is progress and warnings, which the
 * event log of a run holds, too. Standard output holds results: where something other than its reader stops it, the exit code becomes 1.
 */
export function survivePipes({ stdout, stderr }: Pick<NodeJS.Process, 'stdout' | 'stderr'> = process): void {
  stderr.on('error', () => undefined);
  stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    if (CLOSED.includes(code)) return;
    if (process.exitCode === undefined)
      stderr.write(`espalier: standard output: cannot be written (${message}); write it where there is room\n`);
    process.exitCode ??= 1;
  });
}
