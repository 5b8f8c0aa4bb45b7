/**
 * @file What a race would do: its recipe, held-out samples, networks, rungs and their times. Some steps are timed in a folder that is removed again;
 * nothing else is written.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DataSet } from '../../data/types.ts';
import { isEngineReady } from '../../engine/native.ts';
import type { Candidate } from '../../ladder/candidate.ts';
import { rungsOf, secondsOf } from '../../ladder/rungs.ts';
import type { LadderConfig } from '../../run/config/schemas/ladder.ts';
import type { RunRequest } from '../../run/openRun.ts';
import { trainSettings } from '../settings.ts';
import { type RunWatcher, SILENT } from '../watcher.ts';
import { describeHeldOut, describeNetworks, describePlan, planLadder } from './ladderRun.ts';
import { recipeOf, sampleTraining, seedRace, setUpRace } from './setUp.ts';
import type { RaceSetUp } from './setUpFile.ts';

/** What a race would do. */
export interface LadderDryRun {
  /** The recipe of every training, with what is derived from the data. */
  readonly training: LadderConfig['training'];
  readonly budget: LadderConfig['budget'];
  /** Input for which the budget counts. */
  readonly size: readonly number[];
  readonly candidates: readonly Candidate[];
  /** Samples that judge, and how they were chosen. */
  readonly heldOut: { readonly samples: number; readonly how: string };
  /** Rungs, finalists and seeds; absent where they follow from times that were not measured. */
  readonly plan?: RaceSetUp['plan'];
  /** Seconds of all of it; absent where nothing was timed. */
  readonly seconds?: number;
  /** All of it in words. */
  readonly lines: readonly string[];
}

/** Plans a race as `espalier auto` would, and writes nothing. Without the engine, or with `steps`, nothing is timed. */
export async function dryRunLadder(
  request: RunRequest,
  watcher: RunWatcher = SILENT,
  signal?: AbortSignal,
): Promise<LadderDryRun> {
  const { plan: planned, dataset, reasons } = await planLadder(request);
  const { config } = planned;
  const folder = mkdtempSync(join(tmpdir(), 'espalier-dry-run-'));
  try {
    const setUp = isEngineReady()
      ? await setUpRace(config, folder, dataset, watcher, signal)
      : await seedUntimed(config, folder, dataset);
    const { candidates, heldOut, plan, pace, processes } = setUp;
    const { crop } = trainSettings(sampleTraining(recipeOf(config, folder, null, dataset.rank)), dataset.rank);
    const size = config.size ?? crop;
    const limits = Object.entries(config.budget).filter(([, limit]) => limit !== undefined);
    return {
      training: config.training,
      budget: config.budget,
      size,
      candidates,
      heldOut: { samples: Object.keys(heldOut.validation).length, how: heldOut.how },
      ...(plan ? { plan } : {}),
      ...(plan && pace ? { seconds: secondsOf(plan, pace, processes).total } : {}),
      lines: [
        ...reasons.map((reason) => `derived from the data: ${reason}`),
        `budget: ${limits.map(([key, limit]) => `${key} ${(limit as number).toPrecision(3)}`).join(', ')} for an input of ${size.join(' x ')}`,
        ...(plan
          ? describePlan({ ...setUp, plan }, dataset)
          : [describeHeldOut(heldOut, dataset), describeNetworks(candidates), NOT_TIMED]),
        ...candidates.map(describeCandidate),
      ],
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Without the engine: the rungs only where their steps are given. */
async function seedUntimed(
  config: LadderConfig,
  folder: string,
  dataset: DataSet,
): Promise<Omit<RaceSetUp, 'plan'> & Partial<Pick<RaceSetUp, 'plan'>>> {
  const seeds = await seedRace(config, folder, dataset);
  const plan = config.steps === undefined ? {} : { plan: rungsOf(seeds.candidates.length, config.steps) };
  return { ...seeds, ...plan, processes: Math.max(1, config.processes) };
}

const NOT_TIMED =
  'rungs and times follow from how long a step takes, which is not measured here: the engine is not set up (espalier setup); steps=<number> states them';

const describeCandidate = ({ id, name, origin, cost }: Candidate): string =>
  `  ${id.padEnd(4)} ${origin.padEnd(9)} ${(cost.multiplyAdds / 1e9).toPrecision(3)} G multiply-adds, ${(cost.parameters / 1e6).toPrecision(3)} M parameters  ${name}`;
