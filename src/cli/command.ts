/**
 * @file What the commands share: words to settings, the run folder new or resumed, and the machine set up as the settings say.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import type { z } from 'zod';
import { ConfigError, DataError } from '../base/errors.ts';
import { chooseDevice, engineFacts, threads } from '../engine/device.ts';
import { hasCheckpoint } from '../run/checkpoint.ts';
import { formatConfig, type Layer, parseConfig, parseConfigText, type Settings, textKeys } from '../run/config.ts';
import { type EventLog, openEventLog } from '../run/eventLog.ts';
import { writeAtomically } from '../run/files.ts';
import { createRunFolder, listRunFolders, openRunFolder, type RunFolder } from '../run/folder.ts';
import { parseArguments } from './arguments.ts';

/** One command of `espalier`. */
export interface Command {
  readonly name: string;
  /** One line for the help. */
  readonly summary: string;
  /** How it is called, after `espalier `. */
  readonly usage: string;
  /** Its settings, for the help; absent where it takes none. */
  readonly settings?: Settings;
  run(words: readonly string[]): Promise<void>;
}

/** Flags of the commands that make runs. */
export const RUN_FLAGS = ['resume', 'dry-run', 'json'] as const;

/** What the words of a command say, as trusted settings. `config=<file>` adds a layer below the command line. */
export function readSettings<Schema extends z.ZodObject>(
  settings: Settings<Schema>,
  words: readonly string[],
  flags: readonly string[] = [],
): { config: z.output<Schema>; layer: Layer; flags: Record<string, boolean>; positionals: string[] } {
  const parsed = parseArguments(words, { flags, texts: textKeys(settings.schema) });
  const { config: file, ...layer } = parsed.settings;
  const layers: Layer[] = [];
  if (file !== undefined) layers.push(readConfigFile(String(file)));
  layers.push(layer);
  return { config: parseConfig(settings, layers), layer, flags: parsed.flags, positionals: parsed.positionals };
}

/** A YAML file of settings. */
export function readConfigFile(path: string): Layer {
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

/** A run to write to: new, or found again with `--resume`. */
export interface OpenRun<Config> {
  readonly folder: RunFolder;
  readonly config: Config;
  readonly log: EventLog;
  readonly resumed: boolean;
}

/**
 * Opens the run of a command. With `--resume` it is the one of that `name` (or the newest) and its stored settings hold; else `check` looks the
 * settings through before anything is written, and a new folder begins with the resolved settings.
 */
export async function openRun<Schema extends z.ZodObject, Checked>(
  command: string,
  settings: Settings<Schema>,
  words: readonly string[],
  check: (config: z.output<Schema>, resumed: RunFolder | undefined) => Promise<Checked>,
): Promise<OpenRun<z.output<Schema>> & { flags: Record<string, boolean>; checked: Checked }> {
  const { flags, settings: layer } = parseArguments(words, { flags: RUN_FLAGS, texts: textKeys(settings.schema) });
  if (flags.resume) {
    const name = layer.name === undefined ? undefined : String(layer.name);
    const folder = findRun(command, String(layer.runs ?? 'runs'), name);
    if (!hasCheckpoint(folder.last)) {
      throw new DataError(`${folder.path}: has no checkpoint to resume from`, 'start it again under another name');
    }
    const config = parseConfig(settings, [readConfigFile(folder.config)]);
    return {
      folder,
      config,
      checked: await check(config, folder),
      log: openEventLog(folder.events),
      resumed: true,
      flags,
    };
  }
  const { config } = readSettings(settings, words, RUN_FLAGS);
  const checked = await check(config, undefined);
  const { runs, name } = config as { runs: string; name?: string };
  const folder = createRunFolder(runs, command, name);
  writeAtomically(folder.config, formatConfig(config as Layer));
  return { folder, config, checked, log: openEventLog(folder.events), resumed: false, flags };
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

/** Sets threads and device as the settings say; returns the device. */
export function prepareMachine(config: { threads: number; device: string }): string {
  threads(config.threads > 0 ? config.threads : availableParallelism());
  return chooseDevice(config.device);
}

/** Versions for the event log. */
export function versions(): Record<string, string> {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return { espalier: version, libtorch: engineFacts().version, node: process.versions.node };
}

/** Prints a value for programs. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? Number(v) : v), 2)}\n`);
}
