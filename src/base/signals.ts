/**
 * @file The signals that ask a process to end: Ctrl-C, a plain kill, a terminal that was closed. Whatever handles one of them handles all.
 */

/** A run that gets one of these saves, releases its lock and ends. */
export const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
