/**
 * @file Several searches that differ in their seed, and the choice among what they found by a short training: ten seeds and the best of them, as in the
 * paper. Every search and training is an ordinary run. @paper auto-deeplab section 4.2
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readTextFile } from '../../base/textFile.ts';
import { BUDGET_KEYS } from '../../models/width.ts';
import { parseConfig } from '../../run/config/config.ts';
import { settings } from '../../run/config/presets.ts';
import type { SearchConfig } from '../../run/config/schemas/search.ts';
import type { TrainConfig } from '../../run/config/schemas/train.ts';
import { writeAtomically } from '../../run/files.ts';
import { openRunFolder } from '../../run/folder.ts';
import type { RunRequest } from '../../run/openRun.ts';
import { drawTrials } from '../../run/tables/drawTrials.ts';
import { bestTrial, formatTrialsCsv, formatTrialsMarkdown, readTrial, type Trial } from '../../run/tables/trials.ts';
import { drawGenotype } from '../../space/drawing.ts';
import { parseGenotype, summariseGenotype } from '../../space/genotype.ts';
import { readSplit } from '../prepare/knownSplit.ts';
import { trainingStart } from '../prepare/trainingStart.ts';
import { searchJob } from '../searchJob.ts';
import { trainJob } from '../trainJob.ts';
import { type RunWatcher, SILENT } from '../watcher.ts';
import { inFolderOfRuns, layerFor, requireFreeFolder, requireSameSettings, runOnce, watchPart } from './resumable.ts';

/** Trials and where they are. */
export interface SearchTrials {
  /** Folder of trials.{md,csv,svg} and of the chosen genotype. */
  readonly folder: string;
  readonly trials: readonly Trial[];
  /** Undefined when every training diverged. */
  readonly chosen: Trial | undefined;
  /** trials.md as text. */
  readonly table: string;
}

/** What is written after every run. */
const TABLES = ['trials.md', 'trials.csv', 'trials.svg', 'genotype.json', 'genotype.svg'];

/**
 * Searches with `trials` seeds from `seed` on, trains what each found for `selection.steps`, and writes tables, curves and the best genotype after every
 * one. The same settings resume what was interrupted. `given` are further files that were read and may not be written to.
 * @throws ConfigError when a run of the same name has other settings, StoppedError when `signal` was aborted.
 */
export async function trialsJob(
  { layers, command }: RunRequest,
  watcher: RunWatcher = SILENT,
  signal?: AbortSignal,
  given: readonly string[] = [],
): Promise<SearchTrials> {
  const config = parseConfig(settings.search, layers);
  const { name = 'trials', runs } = config;
  const resolved = { ...config, name };
  requireFreeFolder('trials', { runs, name, resolved, tables: TABLES, inputs: [config.data, ...given] });
  const plans = planTrials(config, name);
  const request = (part: SearchConfig | TrainConfig, resume: boolean): RunRequest => ({
    layers: [layerFor(part, resume)],
    resume,
    command,
  });
  const conditions = { data: config.data, steps: config.selection.steps };
  return inFolderOfRuns('trials', { runs, name }, resolved, async (folder) => {
    const trials: Trial[] = [];
    for (const [i, { search, training, paths }] of plans.entries()) {
      const [searching, selecting] = ['search', 'training'].map((part, k) =>
        watchPart(watcher, 2 * i + k, 2 * plans.length, `seed ${search.seed}, ${part}`),
      );
      // All searches have the sides of the first; a training has those of the search that found its architecture.
      const first = i > 0 && readSplit(plans[0].paths.search, false) ? { splitOf: plans[0].paths.search } : {};
      await runOnce(paths.search, searching, (resume) =>
        searchJob(request({ ...search, ...first }, resume), searching, signal),
      );
      const genotype = join(paths.search, 'genotype.json');
      // A search that diverged in its first epoch has found nothing.
      if (existsSync(genotype))
        await runOnce(paths.training, selecting, (resume) => trainJob(request(training, resume), selecting, signal));
      trials.push(readBack(search.seed, paths));
      writeTrials(folder, trials, conditions);
    }
    return writeTrials(folder, trials, conditions);
  });
}

/** One trial before it starts. */
export interface TrialPlan {
  readonly search: SearchConfig;
  readonly training: TrainConfig;
  /** Run folders, which may not exist yet. */
  readonly paths: { readonly search: string; readonly training: string };
}

/** Every run with its settings, all of them checked before the first one starts. */
export function planTrials(config: SearchConfig, name: string): TrialPlan[] {
  const { runs, trials, seed: first, selection, data, device, threads, workers } = config;
  const start = selection.preset === undefined ? trainingStart(config) : { preset: selection.preset };
  return Array.from({ length: trials }, (_, i) => {
    const own = `${name}-${first + i}`;
    const search: SearchConfig = { ...config, trials: 1, seed: first + i, name: own };
    const paths = { search: join(resolve(runs), 'search', own), training: join(resolve(runs), 'train', own) };
    // All trainings have the seed of the first: they differ in nothing but the architecture.
    const shared = {
      data,
      device,
      threads,
      workers,
      runs,
      seed: first,
      ...start,
      steps: selection.steps,
      batch: selection.batch,
      budget: Object.fromEntries(BUDGET_KEYS.map((key) => [key, config.budget[key]])),
      size: config.size,
    };
    const training = parseConfig(settings.train, [{ ...shared, arch: paths.search, name: own }]);
    requireSameSettings(settings.search, paths.search, search, 'trials');
    requireSameSettings(settings.train, paths.training, training, 'trials');
    return { search, training, paths };
  });
}

function readBack(seed: number, { search, training }: TrialPlan['paths']): Trial {
  const genotype = join(search, 'genotype.json');
  const found = existsSync(genotype) ? summariseGenotype(parseGenotype(readTextFile(genotype), genotype)) : 'nothing';
  return readTrial(
    seed,
    openRunFolder(search),
    found,
    existsSync(join(training, 'config.yaml')) ? openRunFolder(training) : undefined,
  );
}

function writeTrials(
  folder: string,
  trials: readonly Trial[],
  conditions: { data: string; steps: number },
): Omit<SearchTrials, 'folder'> {
  const table = formatTrialsMarkdown(trials, conditions);
  writeAtomically(join(folder, 'trials.md'), table);
  writeAtomically(join(folder, 'trials.csv'), formatTrialsCsv(trials));
  writeAtomically(join(folder, 'trials.svg'), drawTrials(trials));
  const chosen = bestTrial(trials);
  if (chosen) {
    const file = join(chosen.run, 'genotype.json');
    const text = readTextFile(file);
    writeAtomically(join(folder, 'genotype.json'), text);
    writeAtomically(join(folder, 'genotype.svg'), drawGenotype(parseGenotype(text, file)));
  }
  return { trials, chosen, table };
}
