/** @file One run: how it stands, and its views behind tabs. */
import type { RunDetail, RunSummary } from '../../../src/server/api.ts';
import { formatBytes, formatCount, formatDuration, formatMoment, formatShare } from '../format.ts';
import { Empty, Failed, Loading } from '../parts/states.tsx';
import { Tabs } from '../parts/tabs.tsx';
import { goTo, linkTo, route, VIEWS, type ViewName } from '../route.ts';
import { current, type LoadedRun, runs } from '../state.ts';
import { CellView } from './cell.tsx';
import { ConfusionView } from './confusion.tsx';
import { CostView } from './cost.tsx';
import { CurvesView } from './curves.tsx';
import { DataSetView } from './data.tsx';
import { NetworkView } from './network.tsx';
import { SamplesView } from './samples.tsx';
import { SettingsView } from './settings.tsx';
import { TrellisView } from './trellis.tsx';

const COMPONENTS: Readonly<Record<ViewName, (props: LoadedRun) => preact.JSX.Element>> = {
  curves: CurvesView,
  trellis: TrellisView,
  cell: CellView,
  network: NetworkView,
  samples: SamplesView,
  confusion: ConfusionView,
  cost: CostView,
  data: DataSetView,
  settings: SettingsView,
};

/** Goes to the view before or after. */
export function moveView(by: 1 | -1): void {
  const { run, view, compare } = route.peek();
  if (run === undefined) return;
  goTo({ run, view: VIEWS[(VIEWS.indexOf(view) + by + VIEWS.length) % VIEWS.length], compare });
}

export function RunPage({ id }: { id: string }) {
  const loaded = current.value;
  const { view, compare } = route.value;
  if (loaded.state === 'loading') return <Loading what={id} />;
  if (loaded.state === 'failed') return <Failed message={loaded.message} />;
  if (loaded.state === 'missing')
    return (
      <Empty title={`There is no run ${id}`}>
        <p>It may have been moved or removed; it is shown when it is there again.</p>
        <p>
          <a href={linkTo({})}>all runs</a>
        </p>
      </Empty>
    );
  const { detail } = loaded.value;
  const View = COMPONENTS[view];
  const tabs = VIEWS.map((name) => ({
    name,
    href: linkTo({ run: id, view: name, compare }),
    isEmpty: isEmpty(name, loaded.value),
  }));
  return (
    <>
      <Head summary={runs.value?.get(id) ?? detail.summary} detail={detail} />
      <Tabs tabs={tabs} active={view} label="views of the run" />
      <div id="view" role="tabpanel" aria-label={view}>
        <View {...loaded.value} />
      </div>
    </>
  );
}

function isEmpty(view: ViewName, { detail, events }: LoadedRun): boolean {
  if (view === 'trellis' || view === 'cell') return !events.some(({ type }) => type === 'architecture');
  if (view === 'network') return !detail.documents.includes('graph');
  if (view === 'samples') return detail.samples.length === 0;
  if (view === 'confusion') return !detail.pictures.includes('confusion') && detail.evaluations.length === 0;
  if (view === 'data') return !detail.documents.includes('data');
  return false;
}

function Head({ summary, detail }: { summary: RunSummary; detail: RunDetail }) {
  const { name, command, state, message, epochs, plannedEpochs, share, secondsLeft, score, started, seconds } = summary;
  const facts = [
    score && `best ${score.name} ${formatShare(score.value)}`,
    `epoch ${epochs}${plannedEpochs ? ` of ${plannedEpochs}` : ''}`,
    secondsLeft !== undefined && `${formatDuration(secondsLeft)} left`,
    summary.parameters !== undefined && `${formatCount(summary.parameters)} parameters`,
    summary.multiplyAdds !== undefined && `${formatCount(summary.multiplyAdds)} multiply-adds`,
    summary.peakBytes !== undefined && `peak ${formatBytes(summary.peakBytes)}`,
    started && `started ${formatMoment(started)}, ${formatDuration(seconds)} of work`,
    summary.damaged > 0 && `${summary.damaged} damaged lines left out`,
  ].filter((fact) => typeof fact === 'string');
  return (
    <header class="run-head">
      <h1>
        <span class="quiet">{command}</span> {name} <State summary={summary} />
      </h1>
      {state === 'running' && share !== undefined && (
        <progress value={share} max={1} aria-label="share of the run that is done">
          {formatShare(share, 0)}
        </progress>
      )}
      {message && <p class="message">{message}</p>}
      <p class="facts">
        {facts.map((fact) => (
          <span key={fact}>{fact}</span>
        ))}
      </p>
      {detail.command && <pre class="wrap command">{detail.command}</pre>}
    </header>
  );
}

export const State = ({ summary: { state } }: { summary: Pick<RunSummary, 'state'> }) => (
  <span class={`state ${state}`}>{state}</span>
);
