/**
 * @file Shows in the reports of trainings that were compared what they were compared with: writes `peers.json` into each of their runs, and its report anew.
 */
import { existsSync } from 'node:fs';
import type { Estimate } from '../../ladder/verdict.ts';
import { openRunFolder } from '../../run/folder.ts';
import { type Peer, type Peers, writePeers } from '../../run/peers.ts';
import { writeReport } from '../../run/report/report.ts';
import type { ComparedArchitecture, ComparisonConditions } from '../../run/tables/comparison.ts';
import { type ScoreOfSeeds, scoreOfSeeds } from '../../run/tables/front.ts';

const BOUNDS: Readonly<Record<ScoreOfSeeds['kind'], string>> = {
  interval: 'Bars are 95 % intervals of the mean over the seeds (Student’s t).',
  range: 'Bars of two seeds go from the worse to the better one: that is no interval.',
  none: 'One training each says nothing about other seeds, so there is no bar.',
};

/** In the runs of a comparison that is complete. */
export function showComparison(
  name: string,
  architectures: readonly ComparedArchitecture[],
  { data, budget, score }: Pick<ComparisonConditions, 'data' | 'budget' | 'score'>,
): void {
  const scored = architectures.flatMap(({ architecture, runs, ...costs }) => {
    const found = scoreOfSeeds(runs.flatMap((run) => run.score ?? []));
    return found ? [{ architecture, runs, costs, found }] : [];
  });
  const networks = scored.map(
    ({ architecture, runs, costs, found }): Peer => ({
      name: architecture,
      trainings: runs.filter((run) => run.score !== null).length,
      score: found.mean,
      ...(found.bounds ? { bounds: [...found.bounds] as [number, number] } : {}),
      ...{ multiplyAdds: costs.multiplyAdds, parameters: costs.parameters },
      memoryBytes: costs.measuredBytes ?? costs.trainingBytes,
      ...(costs.latencyMs === undefined ? {} : { latencyMs: costs.latencyMs }),
    }),
  );
  const kinds = [...new Set(scored.map(({ found }) => found.kind))];
  const shared = {
    of: `compare/${name}`,
    conditions: `${data}, every architecture from scratch for ${budget} with the same settings, the best score on the validation split`,
    ...{ score, bounds: kinds.map((kind) => BOUNDS[kind]).join(' '), networks },
  };
  for (const { architecture, runs } of architectures)
    for (const { run } of runs) showIn(run, { ...shared, own: architecture });
}

/** In the runs of the finalists of a race; returns what the race itself and its last training show. */
export function showRace(
  name: string,
  estimates: readonly Estimate[],
  { data, steps, score, chosen }: { data: string; steps: number; score: Peers['score']; chosen: Estimate },
): Peers {
  const nameOf = ({ candidate }: Estimate) => `${candidate.id} ${candidate.name}`;
  const networks = estimates.flatMap((estimate): Peer[] => {
    const { candidate, reported, interval, trainings } = estimate;
    if (!Number.isFinite(reported) || trainings.length === 0) return [];
    const { multiplyAdds, parameters, trainingMemory } = candidate.cost;
    // Of one group of samples an interval would be infinite.
    const bounds = interval.map((bound) => Math.min(1, Math.max(0, bound))) as [number, number];
    return [
      {
        ...{ name: nameOf(estimate), trainings: trainings.length, score: reported },
        ...(interval.every(Number.isFinite) ? { bounds } : {}),
        ...{ multiplyAdds, parameters, memoryBytes: trainingMemory },
      },
    ];
  });
  const shared = {
    of: `auto/${name}`,
    conditions: `${data}, the finalists of a race, each trained for ${steps} steps without the held-out samples and scored on the validation split`,
    ...{ score, bounds: 'Bars are 95 % intervals over samples and seeds.', networks },
  };
  for (const estimate of estimates)
    for (const { run } of estimate.trainings) showIn(run, { ...shared, own: nameOf(estimate) });
  return { ...shared, own: nameOf(chosen) };
}

/** In one run, where it still is. */
export function showIn(run: string, peers: Peers): void {
  if (!existsSync(run)) return;
  writePeers(run, peers);
  writeReport(openRunFolder(run));
}
