/** @file Comparisons and trials on the page of all runs: how far each is, and the best score so far. */
import type { CollectionList, CollectionSummary } from '../../../../src/server/api.ts';
import { namesOfGroups } from '../../compare.ts';
import { formatMoment, formatShare } from '../../format.ts';
import { Card } from '../../parts/states.tsx';
import { type Column, SortedTable } from '../../parts/table.tsx';
import { useLoaded } from '../../parts/useLoaded.ts';
import { linkTo } from '../../route.ts';
import { fetchJson, runs } from '../../state.ts';

/** What changes when a collection may have got further: how many runs there are in each state. */
function stampOfRuns(): string {
  const counts = new Map<string, number>();
  for (const { state } of runs.value?.values() ?? []) counts.set(state, (counts.get(state) ?? 0) + 1);
  return JSON.stringify([...counts].sort(([a], [b]) => a.localeCompare(b)));
}

/** Nothing where there are none. */
export function CollectionsCard() {
  const loaded = useLoaded(() => fetchJson<CollectionList>('api/collections'), stampOfRuns());
  if (loaded.state !== 'ready' || loaded.value.collections.length === 0) return null;
  const { collections, more } = loaded.value;
  const names = namesOfGroups(collections.flatMap(({ data }) => data ?? []));
  const columns: readonly Column<CollectionSummary>[] = [
    {
      name: 'name',
      isText: true,
      key: ({ id }) => id,
      cell: ({ id, kind, name }) => (
        <a href={linkTo({ collection: id })}>
          <span class="quiet">{kind}</span> {name}
        </a>
      ),
    },
    {
      name: 'trainings',
      isText: true,
      cell: ({ planned, ended, running, fault }) =>
        fault ?? `${ended} of ${planned} ended${running > 0 ? `, ${running} running` : ''}`,
    },
    {
      name: 'best',
      key: ({ best }) => best?.value,
      cell: ({ best }) => (best ? <span title={best.name}>{formatShare(best.value)}</span> : '–'),
    },
    {
      name: 'data',
      isText: true,
      isWide: true,
      key: ({ data }) => data,
      cell: ({ data }) => (data === undefined ? '–' : names.get(data)),
    },
    { name: 'last event', isWide: true, key: ({ updated }) => updated, cell: ({ updated }) => formatMoment(updated) },
  ];
  return (
    <Card title="Comparisons and trials">
      <SortedTable
        label="comparisons and trials"
        columns={columns}
        rows={collections}
        idOf={({ id }) => id}
        sortedBy={{ name: 'last event', descending: true }}
      />
      {more > 0 && <p class="quiet">{more} more are not read.</p>}
    </Card>
  );
}
