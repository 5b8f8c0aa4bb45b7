/**
 * @file What the commands share: words to settings, a progress bar for a run, values for programs.
 */
import { formatBytes, formatDuration } from '../base/text.ts';
import { casesTable, perClassTable } from '../metrics/tables.ts';
import {
  type ConfigOf,
  type Layer,
  layerFor,
  parseConfig,
  type Settings,
  textKeys,
  variantsOf,
} from '../run/config.ts';
import { loadConfigFile, type RunRequest } from '../run/openRun.ts';
import type { DryRun } from '../train/dryRun.ts';
import type { Scores } from '../train/evaluate.ts';
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
export function readSettings<Of extends Settings>(
  settings: Of,
  words: readonly string[],
  flags: readonly string[] = [],
): { config: ConfigOf<Of>; flags: Record<string, boolean>; positionals: string[] } {
  const { layers, flags: given, positionals } = readLayers(undefined, settings, words, flags);
  return { config: parseConfig(settings, layers), flags: given, positionals };
}

function readLayers(
  command: string | undefined,
  settings: Settings,
  words: readonly string[],
  flags: readonly string[],
) {
  const parsed = parseArguments(words, { flags, texts: textsOf(settings) });
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
  const parsed = parseArguments(words, { flags, texts: settings.flatMap(textsOf) });
  const { config: file, ...layer } = parsed.settings;
  const below = file === undefined ? {} : loadConfigFile(String(file));
  return { layer: { ...below, ...layer }, flags: parsed.flags };
}

const textsOf = (settings: Settings) => Object.values(variantsOf(settings)).flatMap(({ schema }) => textKeys(schema));

/** What the words of `search` or `train` ask for. */
export function readRunRequest(
  command: string,
  settings: Settings,
  words: readonly string[],
): { request: RunRequest; flags: Record<string, boolean> } {
  const { layers, flags } = readLayers(command, settings, words, RUN_FLAGS);
  return { request: { layers, resume: flags.resume, command: `espalier ${[command, ...words].join(' ')}` }, flags };
}

/** Scores as a table: of volumes their means over cases, of pictures those of the whole split. */
export const scoresTable = (names: readonly string[], scores: Scores): string =>
  scores.volumes ? casesTable(names, scores.volumes.summary) : perClassTable(names, scores);

/** Scores for programs: without the matrix they follow from. */
export const plainScores = ({ confusion: _, ...plain }: Scores): Omit<Scores, 'confusion'> => plain;

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

/** Says what a run would cost. */
export function printDryRun(result: DryRun, json: boolean): void {
  const { weights, steps, stepSeconds, seconds, peakBytes } = result;
  if (json) printJson(result);
  else
    process.stdout.write(
      `dry run: ${weights} weights; ${steps} steps of ${formatDuration(stepSeconds)} are ${formatDuration(seconds)}; peak memory ${formatBytes(peakBytes)}; nothing was written\n`,
    );
}
