/**
 * @file The life of many runs that belong together, a comparison or trials: a folder with the settings and the tables of all, and runs of which each is an
 * ordinary one, is resumed if interrupted and skipped if finished.
 *
 * A new kind of such runs is a file like `compare.ts`: which runs there are, and the tables after each.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ConfigError, NumericError, StoppedError } from '../../base/errors.ts';
import { type ConfigOf, formatConfig, type Layer, parseConfig, type Settings } from '../../run/config/config.ts';
import { reachedEnd } from '../../run/events.ts';
import { writeAtomically } from '../../run/files.ts';
import { openRunFolder, requireRunName } from '../../run/folder.ts';
import { loadConfigFile, RESUME_TAKES } from '../../run/openRun.ts';
import { requireFreeOutputs } from '../../run/outputs.ts';
import { readOutcome } from '../../run/tables/comparison.ts';
import type { RunWatcher } from '../watcher.ts';

/** Settings and tables of many runs: where they go, and what may not be written to. */
export interface FolderOfRuns {
  readonly runs: string;
  readonly name: string;
  /** Settings of all runs, for `<kind>.yaml`. */
  readonly resolved: Layer;
  /** Files that are written after every run. */
  readonly tables: readonly string[];
  /** Files that were given. */
  readonly inputs: readonly string[];
}

/**
 * Refuses, before anything is computed, a name that is none of a folder, and outputs that were given. The settings may be given as they are, to resume.
 * @throws ConfigError
 */
export function requireFreeFolder(kind: 'compare' | 'trials', folderOfRuns: FolderOfRuns): void {
  const { runs, name, resolved, tables, inputs } = folderOfRuns;
  requireRunName(name);
  const folder = join(resolve(runs), kind, name);
  const settings = join(folder, `${kind}.yaml`);
  const outputs = [...tables.map((table) => join(folder, table)), ...(isWritten(settings, resolved) ? [] : [settings])];
  requireFreeOutputs({ outputs, inputs });
}

const isWritten = (path: string, settings: Layer): boolean =>
  existsSync(path) && readFileSync(path, 'utf8') === formatConfig(settings);

/**
 * Does `work` in `<runs>/<kind>/<name>`, which begins with the settings of all its runs in `<kind>.yaml`.
 * @throws StoppedError when a run was stopped: it is saved, and the same command resumes it.
 */
export async function inFolderOfRuns<Result>(
  kind: 'compare' | 'trials',
  { runs, name }: { readonly runs: string; readonly name: string },
  resolved: Layer,
  work: (folder: string) => Promise<Result>,
): Promise<Result & { readonly folder: string }> {
  const folder = join(resolve(runs), kind, name);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${kind}.yaml`);
  if (!isWritten(path, resolved)) writeAtomically(path, formatConfig(resolved));
  try {
    return { folder, ...(await work(folder)) };
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error;
    throw new StoppedError('stopped: everything up to here is saved', 'run the same command again to resume');
  }
}

/** The watcher of part `index` of `count` equal parts of the work; `label` goes before what it reports. */
export const watchPart = (watcher: RunWatcher, index: number, count: number, label: string): RunWatcher => ({
  progress: (share, note) => watcher.progress((index + share) / count, `${label}  ${note}`),
  line: (text) => watcher.line(`${label}: ${text}`),
});

/** Settings that change nothing about what is learnt. */
const INDIFFERENT = ['runs', 'splitOf', 'threads', 'workers', 'checkpointMinutes', 'device', 'memory'];

/**
 * Refuses to resume a run that has other settings.
 * @param whole what it belongs to, for the advice
 * @throws ConfigError that names the setting.
 */
export function requireSameSettings<Of extends Settings>(
  settings: Of,
  path: string,
  wanted: ConfigOf<Of>,
  whole: string,
): void {
  if (!existsSync(join(path, 'config.yaml'))) return;
  const [stored, now] = [parseConfig(settings, [loadConfigFile(join(path, 'config.yaml'))]), wanted].map(
    (config) => config as Readonly<Record<string, unknown>>,
  );
  for (const key of Object.keys({ ...now, ...stored })) {
    if (!INDIFFERENT.includes(key) && !isDeepStrictEqual(now[key], stored[key]))
      throw new ConfigError(
        `${path} was made with another ${key}: ${JSON.stringify(stored[key])}, wanted ${JSON.stringify(now[key])}`,
        `give the ${whole} another name`,
      );
  }
}

/** The settings of a run as it is asked for: all of them, or of one that resumes those that it takes; the others have been compared. */
export function layerFor(config: object, resume: boolean): Layer {
  const taken: readonly string[] = RESUME_TAKES;
  return Object.fromEntries(Object.entries(config).filter(([key]) => !resume || taken.includes(key)));
}

/** Starts a run, resumes it if interrupted, and skips it if finished. A diverged run is a result. */
export async function runOnce(
  path: string,
  watcher: RunWatcher,
  start: (resume: boolean) => Promise<unknown>,
): Promise<void> {
  const resume = existsSync(join(path, 'config.yaml'));
  const { status } = resume ? readOutcome(openRunFolder(path)) : { status: 'unfinished' };
  if (reachedEnd(status) || status === 'diverged') {
    watcher.line('already finished');
    return;
  }
  try {
    await start(resume);
  } catch (error) {
    if (!(error instanceof NumericError)) throw error;
    watcher.line(error.message);
  }
}
