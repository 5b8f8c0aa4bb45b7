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

/**
 * Points in groups that may be compared: of one data set and, where their cost depends on it, of one size of input and one machine. The largest group
 * first.
 */
export function comparable<Point extends { readonly group: string }>(points: readonly Point[]): [string, Point[]][] {
  const groups = new Map<string, Point[]>();
  for (const point of points) groups.set(point.group, [...(groups.get(point.group) ?? []), point]);
  return [...groups].sort(([a, one], [b, other]) => other.length - one.length || a.localeCompare(b));
}

/** What runs have in common that are compared by a cost: their data, the size that their network is counted for, and of latencies what on. */
export function groupOf(
  { settings, size, latency }: Pick<RunSummary, 'settings' | 'size' | 'latency'>,
  cost: { readonly sized: boolean; readonly timed: boolean },
): string {
  return [
    settings.data ?? 'unknown data',
    ...(cost.sized && size ? [size.join(' x ')] : []),
    ...(cost.timed && latency ? [latency.on] : []),
  ].join(', ');
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

/** What runs of one group of the list have in common: the data and how large they were read. */
export function listGroupOf({ settings }: Pick<RunSummary, 'settings'>): string {
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
