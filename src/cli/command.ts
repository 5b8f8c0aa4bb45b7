/**
 * @file What the commands share: words to settings, a progress bar for a run, values for programs.
 */
import { constants } from 'node:os';
import { StoppedError } from '../base/errors.ts';
import { STOP_SIGNALS } from '../base/signals.ts';
import { formatBytes, formatDuration } from '../base/text.ts';
import type { Scores } from '../infer/evaluate.ts';
import type { DryRun } from '../jobs/cost/dryRun.ts';
import type { DryRunOfMany } from '../jobs/many/dryRun.ts';
import type { RunWatcher } from '../jobs/watcher.ts';
import { casesTable, perClassTable } from '../metrics/tables.ts';
import {
  type ConfigOf,
  givenKeys,
  type Layer,
  layerFor,
  parseConfig,
  type Settings,
  textKeys,
  variantsOf,
} from '../run/config/config.ts';
import { loadConfigFile, type RunRequest } from '../run/openRun.ts';
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
  /** Whether these words need the engine; absent where no words do. */
  needsEngine?(words: readonly string[]): boolean;
  run(words: readonly string[]): Promise<void>;
}

/** Flags of the commands that make runs. */
export const RUN_FLAGS = ['resume', 'dry-run', 'json'] as const;

/**
 * What the words of a command say, as trusted settings, and the dotted `keys` that they hold. `config=<file>` adds a layer below the command line; `given`
 * has that file, which no output may be.
 */
export function readSettings<Of extends Settings>(
  settings: Of,
  words: readonly string[],
  flags: readonly string[] = [],
): {
  config: ConfigOf<Of>;
  flags: Record<string, boolean>;
  positionals: string[];
  keys: ReadonlySet<string>;
  given: string[];
} {
  const { layers, ...rest } = readLayers(words, textsOf(settings), flags);
  return { config: parseConfig(settings, layers), keys: givenKeys(layers), ...rest };
}

/**
 * What the words say, not yet trusted, later layers over earlier ones.
 * @param texts keys whose values stay texts
 * @param command for files that speak to several commands
 * @param rename keys of the file, as they stand in it
 */
export function readLayers(
  words: readonly string[],
  texts: readonly string[],
  flags: readonly string[],
  command?: string,
  rename: (key: string) => string = (key) => key,
) {
  const parsed = parseArguments(words, { flags, texts });
  const { config: file, ...layer } = parsed.settings;
  const ofFile = (path: string): Layer =>
    Object.fromEntries(Object.entries(loadConfigFile(path)).map(([key, value]) => [rename(key), value]));
  const layers: Layer[] = file === undefined ? [layer] : [layerFor(command, ofFile(String(file))), layer];
  return {
    layers,
    flags: parsed.flags,
    positionals: parsed.positionals,
    given: file === undefined ? [] : [String(file)],
  };
}

const textsOf = (settings: Settings) => Object.values(variantsOf(settings)).flatMap(({ schema }) => textKeys(schema));

/** What the words of `search` or `train` ask for. */
export function readRunRequest(
  command: string,
  settings: Settings,
  words: readonly string[],
): { request: RunRequest; flags: Record<string, boolean>; given: string[] } {
  const { layers, flags, given } = readLayers(words, textsOf(settings), RUN_FLAGS, command);
  const request = { layers, resume: flags.resume, command: `espalier ${[command, ...words].join(' ')}` };
  return { request, flags, given };
}

/** Scores as a table: of volumes their means over cases, of images those of the whole split. */
export const scoresTable = (names: readonly string[], scores: Scores): string =>
  scores.volumes ? casesTable(names, scores.volumes.summary) : perClassTable(names, scores);

/** Scores for programs: without the counts they follow from. */
export const plainScores = ({ confusion: _, regions: __, unrefined, ...plain }: Scores): object =>
  unrefined ? { ...plain, unrefined: plainScores(unrefined) } : plain;

/** Prints a value for programs. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? Number(v) : v), 2)}\n`);
}

/** Shows a run as a progress bar with the lines it says above it. */
export function watchRun(label: string): RunWatcher & { finish(): void } {
  let bar: ReturnType<typeof createProgress> | undefined;
  const TOTAL = 1000;
  // A resumed run begins somewhere: the bar starts with what is known first.
  const started = (share = 0) =>
    (bar ??= createProgress({ label, total: TOTAL, counted: false, initial: Math.round(TOTAL * share) }));
  return {
    progress: (share, note) => started(share).update(Math.round(TOTAL * share), note),
    line: (text) => (bar ? bar.print(text) : process.stderr.write(`${text}\n`)),
    finish: () => bar?.finish(),
  };
}

/**
 * Runs `work` so that Ctrl-C, a plain kill and a closed terminal stop it after the step in progress; a second one ends the process at once. The
 * exit code of a stopped command is that of the signal: 130, 143 or 129.
 */
export async function stoppable<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const stop = (name: NodeJS.Signals) => {
    // Without listeners the next signal does what it does to any process.
    for (const each of STOP_SIGNALS) process.removeListener(each, stop);
    process.stderr.write(`\n${name}: stopping after this step and saving; press Ctrl-C again to quit now\n`);
    controller.abort(name);
  };
  for (const name of STOP_SIGNALS) process.on(name, stop);
  try {
    return await work(controller.signal);
  } catch (error) {
    // A rank that another one stopped may not have got the signal itself.
    const name = controller.signal.aborted ? (controller.signal.reason as NodeJS.Signals) : 'SIGTERM';
    if (error instanceof StoppedError) process.exitCode = 128 + constants.signals[name];
    throw error;
  } finally {
    for (const name of STOP_SIGNALS) process.removeListener(name, stop);
  }
}

/** Says what many runs would cost, each and together. */
export function printDryRunOfMany({ parts, ...all }: DryRunOfMany, json: boolean): void {
  if (json) {
    printJson({ parts, ...all });
    return;
  }
  const width = Math.max(...parts.map(({ name }) => name.length));
  const lines = parts.map(({ name, runs, each: { weights, steps, stepSeconds, seconds, peakBytes } }) => {
    const step = `${weights} weights, ${steps} steps of ${formatDuration(stepSeconds)}, peak memory ${formatBytes(peakBytes)}`;
    return `  ${name.padEnd(width)}  ${runs} x ${formatDuration(seconds)}: ${step}\n`;
  });
  process.stdout.write(
    `dry run:\n${lines.join('')}in all ${formatDuration(all.seconds)} without evaluations; nothing was written\n`,
  );
}

/** Says what a run would cost. */
export function printDryRun(result: DryRun, json: boolean): void {
  const { weights, steps, stepSeconds, seconds, peakBytes, need } = result;
  const predicted = need ? `, predicted ${formatBytes(need.neededBytes)} of ${formatBytes(need.availableBytes)}` : '';
  if (json) printJson(result);
  else
    process.stdout.write(
      `dry run: ${weights} weights; ${steps} steps of ${formatDuration(stepSeconds)} are ${formatDuration(seconds)}; peak memory ${formatBytes(peakBytes)}${predicted}; nothing was written\n`,
    );
}
