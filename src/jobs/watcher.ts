/**
 * @file Where the progress of a run is reported: to a progress bar, to the event log, or to nobody.
 */
import type { EventLog } from '../run/eventLog.ts';

/** Follows a run: a progress bar, or nobody. */
export interface RunWatcher {
  /** `share` of the work that is done, in [0, 1], and a word about it. */
  progress(share: number, note: string): void;
  /** A line worth keeping. */
  line(text: string): void;
}

/** Ignores everything. */
export const SILENT: RunWatcher = { progress: () => undefined, line: () => undefined };

/** What a run reports goes to both: to the watcher now, to the log for later. */
export interface Reporter {
  readonly log: EventLog;
  readonly watcher: RunWatcher;
  /** Reports what is worth knowing. */
  note(message: string): void;
  /** Reports what looks wrong. */
  warn(message: string): void;
}

/** @see Reporter */
export const createReporter = (log: EventLog, watcher: RunWatcher): Reporter => ({
  log,
  watcher,
  note(message) {
    log.append({ type: 'note', message });
    watcher.line(message);
  },
  warn(message) {
    log.append({ type: 'warning', message });
    watcher.line(`warning: ${message}`);
  },
});
