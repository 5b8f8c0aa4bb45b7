/** @file How runs differ: settings that differ, and scores for what they cost. Pure. */
import type { RunSummary } from '../../src/server/api.ts';

/** Settings that are not the same in all of some runs. */
export function differencesOf(
  chosen: readonly Pick<RunSummary, 'settings'>[],
): [key: string, values: (string | undefined)[]][] {
  const keys = [...new Set(chosen.flatMap(({ settings }) => Object.keys(settings)))];
  return keys
    .map((key): [string, (string | undefined)[]] => [key, chosen.map(({ settings }) => settings[key])])
    .filter(([, values]) => new Set(values).size > 1)
    .sort(([a], [b]) => a.localeCompare(b));
}

/** Those points that no other one beats: none is both cheaper and better. In the order of cost. */
export function paretoFront<Point extends { readonly cost: number; readonly score: number }>(
  points: readonly Point[],
): Point[] {
  let best = Number.NEGATIVE_INFINITY;
  return [...points]
    .sort((a, b) => a.cost - b.cost || b.score - a.score)
    .filter(({ score }) => {
      const isBetter = score > best;
      best = Math.max(best, score);
      return isBetter;
    });
}
