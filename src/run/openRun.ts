/**
 * @file The run of a command, new or found again: its folder, its trusted settings, its event log.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ConfigError, DataError } from '../base/errors.ts';
import { readTextFile } from '../base/textFile.ts';
import { type Checkpoint, hasCheckpoint, loadCheckpoint } from './checkpoint.ts';
import {
  type ConfigOf,
  flatten,
  formatConfig,
  type Layer,
  parseConfig,
  parseConfigText,
  type Settings,
} from './config/config.ts';
import { type EventLog, openEventLog } from './eventLog.ts';
import { removeTemporaries, setAside, writeAtomically } from './files.ts';
import { createRunFolder, listRunFolders, openRunFolder, type RunFolder } from './folder.ts';
import { withTensorBoard } from './followers/tensorBoard.ts';
import { describeOwner, LOCK_FILE, lockRun } from './lock.ts';

/** What is asked for: settings, later layers over earlier ones, and whether an earlier run is resumed. */
export interface RunRequest {
  readonly layers: readonly Layer[];
  /** Resumes the run of that `name`, or the newest. Its stored settings hold; the layers may change those of `RESUME_TAKES`. */
  readonly resume?: boolean;
  /** The command line, for the log. */
  readonly command?: string;
}

/** A run that was found again, with its stored settings, or the settings of a new one that does not exist yet. */
export interface PlannedRun<Config> {
  readonly config: Config;
  /** Null for a new run. */
  readonly folder: RunFolder | null;
}

/** The settings that hold, before anything is written. */
export function planRun<Of extends Settings>(
  command: string,
  settings: Of,
  { layers, resume }: RunRequest,
): PlannedRun<ConfigOf<Of>> {
  if (!resume) return { config: parseConfig(settings, layers), folder: null };
  const { name, runs = 'runs' } = Object.assign({}, ...layers) as { name?: string; runs?: string };
  const folder = findRun(command, runs, name);
  const stored = loadConfigFile(folder.config);
  const config = parseConfig(settings, [stored, ...layers]);
  refuseOthers(parseConfig(settings, [stored]), config, folder);
  return { config, folder };
}

/** Settings of this process alone: they change nothing about what is learnt, and hold for the rest of a resumed run. */
export const RESUME_TAKES = ['name', 'runs', 'device', 'threads', 'workers', 'checkpointMinutes', 'memory'] as const;

/** @throws ConfigError for a setting that a resumed run does not take: it would be accepted and not used. */
function refuseOthers(stored: Layer, wanted: Layer, { path }: RunFolder): void {
  const [before, now] = [flatten(stored), flatten(wanted)];
  const taken: readonly string[] = RESUME_TAKES;
  const other = [...new Set([...now.keys(), ...before.keys()])].find(
    (key) => !taken.includes(key) && !isDeepStrictEqual(now.get(key), before.get(key)),
  );
  if (other === undefined) return;
  const say = (value: unknown) => (value === undefined ? 'none' : JSON.stringify(value));
  throw new ConfigError(
    `${other}: the run ${path} has ${say(before.get(other))}, got ${say(now.get(other))}`,
    `--resume takes ${taken.join(', ')} and keeps every other setting; for others start a new run, such as with from=${path}`,
  );
}

/** A run that only this process writes to, until it is closed. */
export interface OpenRun<State> {
  readonly folder: RunFolder;
  /** What is appended goes to TensorBoard's files, too. */
  readonly log: EventLog;
  /** Where an earlier process stopped; null for a new run, and for one that ended before its first checkpoint. */
  readonly checkpoint: Checkpoint<State> | null;
  /** What the user should know about how the run was found. */
  readonly notices: readonly string[];
  close(): void;
}

/**
 * Locks and opens a planned run; a new one begins with its resolved settings.
 *
 * @throws DataError when another process holds it, both of its checkpoints are damaged, or the disk refuses.
 */
export function openRun<State>(
  command: string,
  { config, folder: found }: PlannedRun<{ runs: string; name?: string }>,
): OpenRun<State> {
  const folder = found ?? createRunFolder(config.runs, command, config.name);
  const lock = lockRun(folder.path);
  const notices: string[] = [];
  if (lock.takenFrom)
    notices.push(`took over the run from ${describeOwner(lock.takenFrom)}, which ended without closing it`);
  try {
    removeLeftovers(folder);
    if (!found) {
      if (existsSync(folder.config)) throw new ConfigError(`name: the run ${folder.path} exists`, 'add --resume');
      writeAtomically(folder.config, formatConfig(config as unknown as Layer));
    }
    const checkpoint = found ? findCheckpoint<State>(folder, notices) : null;
    const log = withTensorBoard(openEventLog(folder.events), folder);
    const close = () => {
      log.close();
      lock.release();
    };
    return { folder, log, checkpoint, notices, close };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/**
 * Removes what killed processes had half written, in the run and in those of its folders that only the owner of the lock writes to. A process that
 * asks for the lock has a temporary file, too.
 */
function removeLeftovers({ path, evaluations, predictions, exports }: RunFolder): void {
  const others = [evaluations, predictions, exports];
  const folders = readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(path, name));
  for (const folder of [path, ...folders.filter((each) => !others.includes(each))])
    removeTemporaries(folder, (name) => name !== LOCK_FILE);
}

/** The last checkpoint that can be read. */
function findCheckpoint<State>({ last }: RunFolder, notices: string[]): Checkpoint<State> | null {
  if (!hasCheckpoint(last)) {
    notices.push('no checkpoint yet: starting from the beginning');
    return null;
  }
  const { damage, ...checkpoint } = loadCheckpoint<State>(last);
  if (damage !== undefined) {
    setAside(last);
    notices.push(`the last checkpoint cannot be read, resuming from the one before it: ${damage}`);
  }
  return checkpoint;
}

/** A YAML file of settings. */
export function loadConfigFile(path: string): Layer {
  let text: string;
  try {
    text = readTextFile(path);
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(
      `${path}: cannot be read (${(error as NodeJS.ErrnoException).code})`,
      'give a YAML file of settings',
    );
  }
  return parseConfigText(text, path);
}

function findRun(command: string, root: string, name: string | undefined): RunFolder {
  const all = listRunFolders(root).filter((folder) => folder.command === command);
  if (all.length === 0) throw new DataError(`${resolve(root)}: holds no run of ${command} to resume`);
  if (name === undefined) {
    const [newest] = all.sort((a, b) => lastWritten(b) - lastWritten(a) || (a.name < b.name ? 1 : -1));
    return openRunFolder(newest.path);
  }
  const found = all.find((folder) => folder.name === name);
  if (found === undefined) {
    throw new ConfigError(
      `no run of ${command} is called "${name}"`,
      `there are: ${all.map((folder) => folder.name).join(', ')}`,
    );
  }
  return openRunFolder(found.path);
}

/** When a run was last worked on, in milliseconds: its log grows with every step. */
const lastWritten = ({ events, config }: RunFolder): number =>
  Math.max(...[events, config].map((file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0));
