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
  return grouped(points, ({ group }) => group).sort(
    ([a, one], [b, other]) => other.length - one.length || a.localeCompare(b),
  );
}

/** What a cost depends on, beside the network. */
export interface CostKind {
  /** On the size of the input that it is counted for. */
  readonly sized: boolean;
  /** On what it is timed on. */
  readonly timed: boolean;
}

/**
 * What runs have in common whose scores may be compared: the data, and how large they are read. Given a cost, also what that depends on: the size of the
 * input that the network is counted for, and what latencies are of.
 */
export function groupOf(
  { settings, size, latency }: Pick<RunSummary, 'settings' | 'size' | 'latency'>,
  { sized, timed }: CostKind = { sized: false, timed: false },
): string {
  // A race keeps the settings of its trainings in a group.
  const of = (key: string) => settings[key] ?? settings[`training.${key}`];
  const [data, scale, longSide, fold] = [settings.data, of('scale'), of('longSide'), of('fold')];
  const spacing = of('preparation.spacingMm');
  const sides = (list: string) => list.replace(/[[\]]/g, '').split(',').join(' x ');
  return [
    data?.replace(/(?<=.)\/+$/, '') ?? 'unknown data',
    ...(longSide ? [`longer side ${longSide}`] : scale && scale !== '1' ? [`1/${scale} of the size`] : []),
    ...(spacing ? [`${sides(spacing)} mm`] : []),
    // Another fold is validated on other samples.
    ...(fold && fold !== '0' ? [`fold ${fold}`] : []),
    ...(sized && size ? [size.join(' x ')] : []),
    ...(timed && latency ? [latency.on] : []),
  ].join(', ');
}

/** Folders that are shown of a path at most, where its name is that of others too. */
const MOST_FOLDERS = 8;

/** Groups as they are shown, by {@link groupOf}: of the path of the data no more than tells them apart. */
export function namesOfGroups(groups: Iterable<string>): ReadonlyMap<string, string> {
  const distinct = [...new Set(groups)];
  const named = (parts: number) =>
    distinct.map((group) => {
      const [data, ...rest] = group.split(', ');
      return [data.split('/').slice(-parts).join('/'), ...rest].join(', ');
    });
  for (let parts = 1; parts <= MOST_FOLDERS; parts++) {
    const names = named(parts);
    if (new Set(names).size === names.length) return new Map(distinct.map((group, i) => [group, names[i]]));
  }
  return new Map(distinct.map((group) => [group, group]));
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
