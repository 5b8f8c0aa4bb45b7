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

/** What scores must have in common to be compared: the data and how large they were read. */
export function groupOf({ settings }: Pick<RunSummary, 'settings'>): string {
  const { data, scale, longSide, crop } = settings;
  if (data === undefined) return 'unknown data';
  const name = data.replace(/\/+$/, '').split('/').at(-1);
  const size = longSide ? `, longer side ${longSide}` : scale && scale !== '1' ? `, 1/${scale} of the size` : '';
  return `${name}${size}${crop ? `, crop ${crop.replace(/[[\]]/g, '').split(',').join(' x ')}` : ''}`;
}

/** Rows by what they may be compared with, in the order of their first rows. */
export function grouped<Row>(rows: readonly Row[], of: (row: Row) => string): [group: string, rows: Row[]][] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const own = groups.get(of(row));
    if (own) own.push(row);
    else groups.set(of(row), [row]);
  }
  return [...groups];
}
