/**
 * @file The command that comes next, as it can be typed: with the data, the preset and the folders of the run that ended, and the time it takes.
 */
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { formatDuration } from '../base/text.ts';
import { expectedSeconds } from '../jobs/cost/dryRun.ts';
import { trainingStart } from '../jobs/prepare/trainingStart.ts';
import { commandLine, settingWords } from '../run/config/commandLine.ts';
import { type Layer, parseConfig } from '../run/config/config.ts';
import { settings } from '../run/config/presets.ts';
import type { SearchConfig } from '../run/config/schemas/search.ts';
import { openRunFolder } from '../run/folder.ts';
import { loadConfigFile } from '../run/openRun.ts';

/** A path as a user in this folder writes it. */
export function shortPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short === '' || short.startsWith('..') ? path : short;
}

/** The settings that a run of a search was made with. */
export const searchConfigOf = (run: string): SearchConfig =>
  parseConfig(settings.search, [loadConfigFile(openRunFolder(run).config)]) as SearchConfig;

/** Settings of the training of what a search found: its data, its preset where training has it, its machine. */
export function trainingAfter(config: SearchConfig, run: string): Layer {
  const { data, name, runs, device, threads, budget } = config;
  const limits = Object.entries(budget).filter(([key, limit]) => key !== 'memory' && limit !== undefined);
  return {
    arch: shortPath(run),
    data,
    ...trainingStart(config),
    ...(name === undefined || existsSync(join(runs, 'train', name)) ? {} : { name }),
    ...(runs === 'runs' ? {} : { runs }),
    ...(device === 'auto' ? {} : { device }),
    ...(threads === 0 ? {} : { threads }),
    ...Object.fromEntries(limits.map(([key, limit]) => [`budget.${key}`, limit])),
  };
}

/** `train it (about 50 min): espalier train ...`; without a time where measuring it would itself take long. */
export async function trainStep(run: string): Promise<string> {
  const layer = trainingAfter(searchConfigOf(run), run);
  const seconds = await expectedSeconds({ layers: [layer] }).catch(() => undefined);
  const time = seconds === undefined ? '' : ` (about ${formatDuration(seconds)})`;
  return `train it${time}: ${commandLine('train', settingWords(layer))}`;
}
