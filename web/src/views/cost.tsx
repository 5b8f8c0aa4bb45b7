/** @file What a run costs: time of its steps, memory, and when it will be done. */
import { formatBytes, formatDuration } from '../format.ts';
import { Plot } from '../parts/plot.tsx';
import { Card, Empty, Tiles } from '../parts/states.tsx';
import { paceOf } from '../series.ts';
import { type LoadedRun, runs } from '../state.ts';

export function CostView({ detail, events }: LoadedRun) {
  const summary = runs.value?.get(detail.summary.id) ?? detail.summary;
  const { seconds, stepSeconds, secondsLeft, peakBytes, epochs, state } = summary;
  const pace = paceOf(events);
  const memory = events.flatMap((event) => (event.type === 'memory' ? [event] : []));
  if (pace.length === 0 && memory.length === 0)
    return (
      <Empty title="Nothing measured yet">
        <p>The second step of the run tells the first pace.</p>
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
              format={formatBytes}
              lines={[
                {
                  name: 'resident',
                  colour: 0,
                  points: memory.map(({ epoch, residentBytes }) => [epoch + 1, residentBytes]),
                },
                { name: 'peak', colour: 1, points: memory.map(({ epoch, peakBytes: peak }) => [epoch + 1, peak]) },
              ]}
            />
          </Card>
        )}
      </div>
    </>
  );
}
