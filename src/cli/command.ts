/**
 * @file What the commands share: words to settings, a progress bar for a run, values for programs.
 */
import { constants } from 'node:os';
import type { z } from 'zod';
import { StoppedError } from '../base/errors.ts';
import { formatBytes, formatDuration } from '../base/text.ts';
import { type Layer, layerFor, parseConfig, type Settings, textKeys } from '../run/config.ts';
import { loadConfigFile, type RunRequest } from '../run/openRun.ts';
import type { DryRun } from '../train/dryRun.ts';
import type { RunWatcher } from '../train/runner.ts';
import { parseArguments } from './arguments.ts';
import { createProgress } from './progress.ts';

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
): { config: z.output<Schema>; flags: Record<string, boolean>; positionals: string[] } {
  const { layers, flags: given, positionals } = readLayers(undefined, settings, words, flags);
  return { config: parseConfig(settings, layers), flags: given, positionals };
}

function readLayers(
  command: string | undefined,
  settings: Settings,
  words: readonly string[],
  flags: readonly string[],
) {
  const parsed = parseArguments(words, { flags, texts: textKeys(settings.schema) });
  const { config: file, ...layer } = parsed.settings;
  const layers: Layer[] = file === undefined ? [layer] : [layerFor(command, loadConfigFile(String(file))), layer];
  return { layers, flags: parsed.flags, positionals: parsed.positionals };
}

/** The words of a command that passes settings on to others: one layer, the file of `config=<file>` below the command line. */
export function readLayer(
  settings: readonly Settings[],
  words: readonly string[],
  flags: readonly string[],
): { layer: Layer; flags: Record<string, boolean> } {
  const parsed = parseArguments(words, { flags, texts: settings.flatMap(({ schema }) => textKeys(schema)) });
  const { config: file, ...layer } = parsed.settings;
  const below = file === undefined ? {} : loadConfigFile(String(file));
  return { layer: { ...below, ...layer }, flags: parsed.flags };
}

/** What the words of `search` or `train` ask for. */
export function readRunRequest(
  command: string,
  settings: Settings,
  words: readonly string[],
): { request: RunRequest; flags: Record<string, boolean> } {
  const { layers, flags } = readLayers(command, settings, words, RUN_FLAGS);
  return { request: { layers, resume: flags.resume, command: `espalier ${[command, ...words].join(' ')}` }, flags };
}

/** Prints a value for programs. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? Number(v) : v), 2)}\n`);
}

/** Shows a run as a progress bar with the lines it says above it. */
export function watchRun(label: string): RunWatcher & { finish(): void } {
  let bar: ReturnType<typeof createProgress> | undefined;
  const TOTAL = 1000;
  // A resumed run begins somewhere: the bar starts with what is known first.
  const started = (share = 0) => (bar ??= createProgress({ label, total: TOTAL, initial: Math.round(TOTAL * share) }));
  return {
    progress: (share, note) => started(share).update(Math.round(TOTAL * share), note),
    line: (text) => (bar ? bar.print(text) : process.stderr.write(`${text}\n`)),
    finish: () => bar?.finish(),
  };
}

/**
 * Runs `work` so that Ctrl-C and a plain kill stop it after the step in progress; a second one ends the process at once. The exit code of a
 * stopped command is that of the signal: 130, or 143.
 */
export async function stoppable<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const stop = (name: NodeJS.Signals) => {
    // Without listeners the next signal does what it does to any process.
    for (const each of STOP_SIGNALS) process.removeListener(each, stop);
    process.stderr.write(`\n${name}: stops after this step and saves; once more ends it at once\n`);
    controller.abort(name);
  };
  for (const name of STOP_SIGNALS) process.on(name, stop);
  try {
    return await work(controller.signal);
  } catch (error) {
    const name: unknown = controller.signal.reason;
    if (error instanceof StoppedError) process.exitCode = 128 + constants.signals[name as NodeJS.Signals];
    throw error;
  } finally {
    for (const name of STOP_SIGNALS) process.removeListener(name, stop);
  }
}

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Says what a run would cost. */
export function printDryRun(result: DryRun, json: boolean): void {
  const { weights, steps, stepSeconds, seconds, peakBytes } = result;
  if (json) printJson(result);
  else
    process.stdout.write(
      `dry run: ${weights} weights; ${steps} steps of ${formatDuration(stepSeconds)} are ${formatDuration(seconds)}; peak memory ${formatBytes(peakBytes)}; nothing was written\n`,
    );
}
