/** @file What a run costs: time of its steps, memory, and when it will be done. */
import type { RunEvent } from '../../../src/run/events.ts';
import { formatBytes, formatDuration } from '../format.ts';
import { type Line, Plot } from '../parts/plot.tsx';
import { Card, Empty, Tiles } from '../parts/states.tsx';
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
          <Plot title="seconds of a step" lines={pace} xLabel="epoch" group="epochs" />
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

/** Seconds a step: of neighbouring steps of an epoch in the (perhaps thinned) log, their time over the steps between them. */
export function paceOf(events: readonly RunEvent[]): Line[] {
  const steps = events.flatMap((event) => (event.type === 'step' ? [event] : []));
  const longest = steps.reduce((most, { step }) => Math.max(most, step), 1);
  const points = steps.slice(1).flatMap((event, i): [number, number][] => {
    const before = steps[i];
    const between = event.step - before.step;
    if (event.epoch !== before.epoch || between < 1) return [];
    return [[event.epoch + event.step / longest, (Date.parse(event.time) - Date.parse(before.time)) / 1000 / between]];
  });
  return points.length === 0 ? [] : [{ name: 'seconds of a step', points, colour: 0 }];
}
