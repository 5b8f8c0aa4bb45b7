/**
 * @file What a comparison or trials would cost: each kind of run by steps of it on its real data, times how often it runs. Nothing is written.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRandom } from '../../base/random.ts';
import { dintsFilters } from '../../method/dints.ts';
import { type Layer, parseConfig } from '../../run/config/config.ts';
import { settings } from '../../run/config/presets.ts';
import type { CompareConfig } from '../../run/config/schemas/compare.ts';
import type { SearchConfig } from '../../run/config/schemas/search.ts';
import type { RunRequest } from '../../run/openRun.ts';
import { randomDints } from '../../space/dints/random.ts';
import { formatGenotype, type Genotype, randomGenotype } from '../../space/genotype.ts';
import { type DryRun, dryRunSearch, dryRunTraining } from '../cost/dryRun.ts';
import { openTrainingData } from '../openData.ts';
import { planComparison } from './compare.ts';
import { layerFor } from './resumable.ts';
import { planTrials } from './trials.ts';

/** Runs of one kind. */
export interface DryRunPart {
  /** What runs: an architecture, or `search` and `training`. */
  readonly name: string;
  /** How often. */
  readonly runs: number;
  readonly each: DryRun;
}

/** What all runs cost together. */
export interface DryRunOfMany {
  readonly parts: readonly DryRunPart[];
  /** Seconds of all steps of all runs, one after the other, without evaluation. */
  readonly seconds: number;
  readonly peakBytes: number;
}

/** Of a comparison: each architecture once, times the seeds. */
export async function dryRunCompare(config: CompareConfig, shared: readonly Layer[]): Promise<DryRunOfMany> {
  const { base, plans } = await planComparison(config, shared);
  const parts: DryRunPart[] = [];
  for (const [i, name] of config.archs.entries()) {
    // The split of the comparison is not written yet.
    const training = { ...plans[i * config.seeds].training, splitOf: base.splitOf };
    parts.push({ name, runs: config.seeds, each: await dryRunTraining({ layers: [layerFor(training, false)] }) });
  }
  return together(parts);
}

/** Of trials: one search and one training, times the trials; the training is of a random architecture of the same space. */
export async function dryRunTrials({ layers }: RunRequest): Promise<DryRunOfMany> {
  const config = parseConfig(settings.search, layers) as SearchConfig;
  const [{ search, training }] = planTrials(config, config.name ?? 'trials');
  const searched = await dryRunSearch({ layers: [layerFor(search, false)] });
  const { rank } = await openTrainingData(training);
  const folder = mkdtempSync(join(tmpdir(), 'espalier-dry-run-'));
  try {
    const arch = join(folder, 'genotype.json');
    writeFileSync(arch, formatGenotype(randomOf(config, rank)));
    const trained = await dryRunTraining({ layers: [{ ...layerFor(training, false), arch }] });
    return together([
      { name: 'search', runs: config.trials, each: searched },
      { name: 'training', runs: config.trials, each: trained },
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const together = (parts: readonly DryRunPart[]): DryRunOfMany => ({
  parts,
  seconds: parts.reduce((sum, { runs, each }) => sum + runs * each.seconds, 0),
  peakBytes: Math.max(...parts.map(({ each }) => each.peakBytes)),
});

/** An architecture that the search might find. */
function randomOf(config: SearchConfig, rank: 2 | 3): Genotype {
  const random = createRandom(config.seed);
  if (config.method === 'auto-deeplab') return randomGenotype({ ...config, rank }, random);
  const { levels, layers, width } = config;
  return randomDints({ rank, levels, layers, filters: dintsFilters(width) }, random);
}
