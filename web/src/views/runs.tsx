/** @file All runs: a table to sort and tick, what ticked runs differ in, and which runs are best for what they cost. */
import { useState } from 'preact/hooks';
import type { RunSummary } from '../../../src/server/api.ts';
import { differencesOf, groupOf, namesOfGroups } from '../compare.ts';
import { formatBytes, formatCount, formatDuration, formatMoment, formatShare } from '../format.ts';
import { Card, Empty, Loading } from '../parts/states.tsx';
import { type Column, SortedTable } from '../parts/table.tsx';
import { linkTo } from '../route.ts';
import { runs, selected } from '../state.ts';
import { CollectionsCard } from './collection/list.tsx';
import { ParetoCard } from './pareto.tsx';
import { State } from './run.tsx';

const toggle = (id: string) => {
  const now = selected.value;
  selected.value = now.includes(id) ? now.filter((other) => other !== id) : [...now, id];
};

const COLUMNS: readonly Column<RunSummary>[] = [
  {
    name: '',
    cell: ({ id }) => (
      <input
        type="checkbox"
        aria-label={`compare ${id}`}
        checked={selected.value.includes(id)}
        onChange={() => toggle(id)}
      />
    ),
  },
  {
    name: 'run',
    isText: true,
    key: ({ id }) => id,
    cell: ({ id, command, name }) => (
      <a href={linkTo({ run: id })}>
        <span class="quiet">{command}</span> {name}
      </a>
    ),
  },
  { name: 'state', isText: true, key: ({ state }) => state, cell: (row) => <State summary={row} /> },
  {
    name: 'score',
    key: ({ score }) => score?.value,
    cell: ({ score }) => (score ? <span title={score.name}>{formatShare(score.value)}</span> : '–'),
  },
  {
    name: 'epochs',
    key: ({ epochs }) => epochs,
    cell: ({ epochs, plannedEpochs }) => `${epochs}${plannedEpochs ? ` / ${plannedEpochs}` : ''}`,
  },
  {
    name: 'left',
    key: ({ secondsLeft }) => secondsLeft,
    cell: ({ secondsLeft }) => (secondsLeft === undefined ? '–' : formatDuration(secondsLeft)),
  },
  {
    name: 'parameters',
    isWide: true,
    key: ({ parameters }) => parameters,
    cell: ({ parameters }) => formatCount(parameters),
  },
  {
    name: 'multiply-adds',
    isWide: true,
    key: ({ multiplyAdds }) => multiplyAdds,
    cell: ({ multiplyAdds }) => formatCount(multiplyAdds),
  },
  {
    name: 'peak memory',
    isWide: true,
    key: ({ peakBytes }) => peakBytes,
    cell: ({ peakBytes }) => (peakBytes === undefined ? '–' : formatBytes(peakBytes)),
  },
  { name: 'time', isWide: true, key: ({ seconds }) => seconds, cell: ({ seconds }) => formatDuration(seconds) },
  { name: 'last event', isWide: true, key: ({ updated }) => updated, cell: ({ updated }) => formatMoment(updated) },
];

export function RunsPage() {
  const [filter, setFilter] = useState('');
  const all = runs.value;
  if (all === undefined) return <Loading what="runs" />;
  if (all.size === 0)
    return (
      <Empty title="No runs yet">
        <p>
          They appear here as soon as one starts. To make one: <code>espalier demo</code>
        </p>
      </Empty>
    );
  const rows = [...all.values()].filter((run) => `${run.id} ${run.state} ${groupOf(run)}`.includes(filter));
  const names = namesOfGroups(rows.map((run) => groupOf(run)));
  const chosen = selected.value.flatMap((id) => all.get(id) ?? []);
  return (
    <>
      <h1>Runs</h1>
      <Card
        aside={
          <>
            <input
              type="search"
              placeholder="filter"
              aria-label="filter runs"
              value={filter}
              onInput={({ currentTarget }) => setFilter(currentTarget.value)}
            />
            {chosen.length > 1 && (
              <a class="button" href={linkTo({ run: chosen[0].id, compare: chosen.slice(1).map(({ id }) => id) })}>
                curves of {chosen.length} runs
              </a>
            )}
          </>
        }
      >
        <SortedTable
          label="runs"
          columns={COLUMNS}
          rows={rows}
          idOf={({ id }) => id}
          sortedBy={{ name: 'last event', descending: true }}
          groupOf={(run) => groupOf(run)}
          nameOfGroup={(group) => names.get(group) ?? group}
        />
        {rows.length === 0 && <p class="quiet">No run fits the filter.</p>}
      </Card>
      {chosen.length === 1 && <p class="quiet hint">Tick another run to see what they differ in.</p>}
      {chosen.length > 1 && <Differences chosen={chosen} />}
      <CollectionsCard />
      <ParetoCard runs={rows} />
    </>
  );
}

function Differences({ chosen }: { chosen: readonly RunSummary[] }) {
  const differences = differencesOf(chosen);
  return (
    <Card title="What they differ in">
      {differences.length === 0 ? (
        <p class="quiet">Their settings are the same.</p>
      ) : (
        <div class="scroll">
          <table class="numbers" aria-label="differences">
            <thead>
              <tr>
                <th scope="col" class="text">
                  setting
                </th>
                {chosen.map(({ id }) => (
                  <th key={id} scope="col" class="text">
                    {id}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {differences.map(([key, values]) => (
                <tr key={key}>
                  <th scope="row" class="text">
                    {key}
                  </th>
                  {values.map((value, i) => (
                    <td key={chosen[i].id} class="text">
                      {value ?? '–'}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}
