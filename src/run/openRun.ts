/**
 * @file The run of a command, new or found again: its folder, its trusted settings, its event log.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigError, DataError } from '../base/errors.ts';
import { hasCheckpoint } from './checkpoint.ts';
import { type ConfigOf, formatConfig, type Layer, parseConfig, parseConfigText, type Settings } from './config.ts';
import { type EventLog, openEventLog } from './eventLog.ts';
import { writeAtomically } from './files.ts';
import { createRunFolder, listRunFolders, openRunFolder, type RunFolder } from './folder.ts';

/** What is asked for: settings, later layers over earlier ones, and whether an earlier run goes on. */
export interface RunRequest {
  readonly layers: readonly Layer[];
  /** Goes on with the run of that `name`, or with the newest; its stored settings hold. */
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
  if (!hasCheckpoint(folder.last)) {
    throw new DataError(`${folder.path}: has no checkpoint to resume from`, 'start it again under another name');
  }
  return { config: parseConfig(settings, [loadConfigFile(folder.config)]), folder };
}

/** The folder and the log of a planned run; a new one begins with its resolved settings. */
export function openRun(
  command: string,
  { config, folder }: PlannedRun<{ runs: string; name?: string }>,
): { folder: RunFolder; log: EventLog } {
  if (folder) return { folder, log: openEventLog(folder.events) };
  const created = createRunFolder(config.runs, command, config.name);
  writeAtomically(created.config, formatConfig(config as unknown as Layer));
  return { folder: created, log: openEventLog(created.events) };
}

/** A YAML file of settings. */
export function loadConfigFile(path: string): Layer {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
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
  if (name === undefined) return openRunFolder(all[all.length - 1].path);
  const found = all.find((folder) => folder.name === name);
  if (found === undefined) {
    throw new ConfigError(
      `no run of ${command} is called "${name}"`,
      `there are: ${all.map((folder) => folder.name).join(', ')}`,
    );
  }
  return openRunFolder(found.path);
}
