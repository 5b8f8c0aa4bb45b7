/** @file Comparisons and trials as `espalier compare` and `espalier search trials=` leave them, of recorded runs. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { distinctNames } from '../../src/base/names.ts';
import { formatConfig } from '../../src/run/config/config.ts';
import { openRunFolder } from '../../src/run/folder.ts';
import { type ComparedRun, formatComparisonCsv, readOutcome } from '../../src/run/tables/comparison.ts';
import { formatTrialsCsv, readTrial, type Trial } from '../../src/run/tables/trials.ts';
import { type RecordedRun, recordSearch, recordTraining } from './recordedRuns.ts';

/** How far a recorded collection is. */
export interface RecordedCollection {
  readonly folder: string;
  /** The runs that have begun, in order. */
  readonly runs: readonly RecordedRun[];
  /** Writes the row of every training that ended into the table. */
  writeTable(): void;
}

/** A comparison of which `begun` trainings have begun; the last of these has not ended where `isRunning`. */
export async function recordComparison(
  root: string,
  name: string,
  options: { archs: readonly string[]; seeds: number; begun?: number; isRunning?: boolean; latency?: boolean },
): Promise<RecordedCollection> {
  const { archs, seeds, begun = archs.length * seeds, isRunning = false, latency = false } = options;
  const folder = join(root, 'compare', name);
  mkdirSync(folder, { recursive: true });
  const config = { data: 'scenes', archs, seeds, budget: '64steps', name, runs: root, batch: 4 };
  writeFileSync(join(folder, 'compare.yaml'), formatConfig(config));
  const names = distinctNames(archs);
  const planned = archs.flatMap((architecture, place) =>
    Array.from({ length: seeds }, (_, seed) => ({ architecture, place, seed })),
  );
  const runs: RecordedRun[] = [];
  for (const [i, { place, seed }] of planned.slice(0, begun).entries()) {
    const unfinished = isRunning && i === begun - 1;
    const own = { name: `${name}-${names[place]}-${seed}`, epochs: 4, steps: 4, seed: place + seed, unfinished };
    runs.push(await recordTraining(root, own));
  }
  const writeTable = () => {
    const rows = runs.flatMap(({ folder: run }, i): ComparedRun[] => {
      const { architecture, place, seed } = planned[i];
      const outcome = readOutcome(openRunFolder(run.path));
      if (outcome.status !== 'done') return [];
      const costs = {
        parameters: 1e6 * (place + 1),
        multiplyAdds: 1e9 * (place + 1),
        trainingBytes: 3e8,
        measuredBytes: 2e8,
      };
      return [
        { architecture, seed, run: run.path, ...outcome, ...costs, ...(latency ? { latencyMs: 5 + place } : {}) },
      ];
    });
    writeFileSync(join(folder, 'comparison.csv'), formatComparisonCsv(rows));
  };
  writeTable();
  return { folder, runs, writeTable };
}

/** Trials, all of them done. */
export async function recordTrials(root: string, name: string, count: number): Promise<RecordedCollection> {
  const folder = join(root, 'trials', name);
  mkdirSync(folder, { recursive: true });
  const config = { data: 'scenes', method: 'auto-deeplab', trials: count, seed: 3, selection: { steps: 64 }, name };
  writeFileSync(join(folder, 'trials.yaml'), formatConfig(config));
  const runs: RecordedRun[] = [];
  const rows: Trial[] = [];
  for (let seed = 3; seed < 3 + count; seed++) {
    const own = { name: `${name}-${seed}`, epochs: 4, steps: 4, layers: 5, seed };
    const search = await recordSearch(root, own);
    const training = await recordTraining(root, { ...own, seed: seed - 3 });
    runs.push(search, training);
    rows.push(readTrial(seed, search.folder, `strides 4 8 (${seed})`, training.folder));
  }
  const writeTable = () => writeFileSync(join(folder, 'trials.csv'), formatTrialsCsv(rows));
  writeTable();
  return { folder, runs, writeTable };
}
