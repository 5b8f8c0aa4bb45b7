/** @file What a run costs: time of its steps, memory, and when it will be done. */
import { formatBytes, formatDuration, formatMebibytes, formatShare } from '../format.ts';
import { Plot } from '../parts/plot.tsx';
import { Card, Empty, Tiles } from '../parts/states.tsx';
import { type Column, SortedTable } from '../parts/table.tsx';
import { communicatedShare, type RankRow, ranksOf } from '../ranks.ts';
import { paceOf } from '../series.ts';
import { type LoadedRun, runs } from '../state.ts';

const RANK_COLUMNS: readonly Column<RankRow>[] = [
  { name: 'rank', key: ({ rank }) => rank, cell: ({ rank }) => rank },
  { name: 'computed', key: ({ computed }) => computed, cell: ({ computed }) => formatDuration(computed) },
  {
    name: 'communicated',
    key: ({ communicated }) => communicated,
    cell: ({ communicated }) => formatDuration(communicated),
  },
  { name: 'hidden', key: ({ hidden }) => hidden, cell: ({ hidden }) => formatDuration(hidden), isWide: true },
  {
    name: 'in collectives',
    key: (row) => communicatedShare([row]),
    cell: (row) => formatShare(communicatedShare([row]), 0),
  },
  {
    name: 'computing',
    cell: (row) => (
      <meter min={0} max={1} value={1 - communicatedShare([row])} aria-label={`share that rank ${row.rank} computes`} />
    ),
    isWide: true,
  },
];

/** Which ranks compute, and which wait in collectives. */
const RanksCard = ({ ranks }: { ranks: readonly RankRow[] }) => (
  <Card title="ranks">
    <SortedTable
      columns={RANK_COLUMNS}
      rows={ranks}
      idOf={({ rank }) => String(rank)}
      label="ranks"
      sortedBy={{ name: 'rank', descending: false }}
      rowClass={({ straggles }) => (straggles ? 'straggler' : '')}
    />
    {ranks.some(({ straggles }) => straggles) && (
      <p>{`The others wait for rank ${ranks.flatMap(({ rank, straggles }) => (straggles ? [rank] : [])).join(', ')}.`}</p>
    )}
  </Card>
);

export function CostView({ detail, events }: LoadedRun) {
  const summary = runs.value?.get(detail.summary.id) ?? detail.summary;
  const { seconds, stepSeconds, secondsLeft, peakBytes, epochs, state } = summary;
  const pace = paceOf(events);
  const ranks = ranksOf(events);
  const memory = events.flatMap((event) => (event.type === 'memory' ? [event] : []));
  if (pace.length === 0 && memory.length === 0)
    return (
      <Empty title="Nothing measured yet">
        <p>The second step of the run gives the first figure.</p>
      </Empty>
    );
  const done = secondsLeft === undefined ? undefined : new Date(Date.now() + 1000 * secondsLeft);
  return (
    <>
      <Card>
        <Tiles
          tiles={[
            ['a step', stepSeconds === undefined ? '–' : formatDuration(stepSeconds), 'median of the last 32'],
            ['an epoch', epochs > 0 ? formatDuration(seconds / epochs) : '–', 'with its evaluation'],
            ['peak memory', peakBytes === undefined ? '–' : formatBytes(peakBytes), 'of the process'],
            ['so far', formatDuration(seconds)],
            ...(ranks.length > 0
              ? [
                  [
                    'in collectives',
                    formatShare(communicatedShare(ranks), 0),
                    `of the time of ${ranks.length} ranks`,
                  ] as [string, string, string],
                ]
              : []),
            ...(state === 'running'
              ? [
                  [
                    'left',
                    secondsLeft === undefined ? '–' : formatDuration(secondsLeft),
                    done &&
                      `done about ${done.toLocaleString('en-GB', { weekday: 'short', hour: '2-digit', minute: '2-digit' })}`,
                  ] as [string, string, string?],
                ]
              : []),
          ]}
        />
      </Card>
      <div class="charts">
        <Card title="seconds of a step">
          <Plot
            title="seconds of a step"
            lines={[{ name: 'seconds of a step', points: pace, colour: 0 }]}
            xLabel="epoch"
            group="epochs"
          />
        </Card>
        {memory.length > 0 && (
          <Card title="memory">
            <Plot
              title="memory"
              xLabel="epoch"
              group="epochs"
              format={formatMebibytes}
              lines={[
                {
                  name: 'resident',
                  colour: 0,
                  points: memory.map(({ epoch, residentBytes }) => [epoch + 1, residentBytes / 2 ** 20]),
                },
                {
                  name: 'peak',
                  colour: 1,
                  points: memory.map(({ epoch, peakBytes: peak }) => [epoch + 1, peak / 2 ** 20]),
                },
              ]}
            />
          </Card>
        )}
        {ranks.length > 0 && <RanksCard ranks={ranks} />}
      </div>
    </>
  );
}
