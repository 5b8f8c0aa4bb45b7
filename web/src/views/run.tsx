/** @file One run: how it stands, and its views behind tabs. */
import type { RunDetail, RunSummary } from '../../../src/server/api.ts';
import { formatBytes, formatCount, formatDuration, formatMoment, formatShare } from '../format.ts';
import { Boundary } from '../parts/boundary.tsx';
import { Empty, Facts, Failed, Loading } from '../parts/states.tsx';
import { Tabs } from '../parts/tabs.tsx';
import { goTo, linkTo, route } from '../route.ts';
import { current, type LoadedRun, runs } from '../state.ts';
import { VIEWS, type ViewName } from '../viewNames.ts';
import { whyEmpty } from '../whyEmpty.ts';
import { CellView } from './cell.tsx';
import { ConfusionView } from './confusion.tsx';
import { CostView } from './cost.tsx';
import { CurvesView } from './curves.tsx';
import { DataSetView } from './data.tsx';
import { NetworkView } from './network.tsx';
import { RaceView } from './race.tsx';
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
  race: RaceView,
};

/** The views of a run, by its id: a race has its own, the others are those of its trainings. */
const viewsOf = (id: string): readonly ViewName[] =>
  id.startsWith('auto/') ? ['race', 'settings'] : VIEWS.filter((name) => name !== 'race');

/** The view of a run that is shown for that of the address. */
const shownView = (id: string, view: ViewName): ViewName => (viewsOf(id).includes(view) ? view : viewsOf(id)[0]);

/** Goes to the view before or after. */
export function moveView(by: 1 | -1): void {
  const { run, view, compare } = route.peek();
  if (run === undefined) return;
  const views = viewsOf(run);
  const place = views.indexOf(shownView(run, view));
  goTo({ run, view: views[(place + by + views.length) % views.length], compare });
}

export function RunPage({ id }: { id: string }) {
  const loaded = current.value;
  const { compare, view: wanted } = route.value;
  const view = shownView(id, wanted);
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
  const tabs = viewsOf(id).map((name) => ({
    name,
    href: linkTo({ run: id, view: name, compare }),
    why: whyEmpty(name, loaded.value),
  }));
  // Over a run without numbers others can be drawn.
  const why = view === 'curves' ? undefined : whyEmpty(view, loaded.value);
  return (
    <>
      <Head summary={runs.value?.get(id) ?? detail.summary} detail={detail} events={loaded.value.events} />
      <Tabs tabs={tabs} active={view} label="views of the run" />
      <div id="view" role="tabpanel" aria-label={view}>
        {why === undefined ? (
          <Boundary key={view} what={view}>
            <View {...loaded.value} />
          </Boundary>
        ) : (
          <Empty title="Nothing to show here">
            <p>{why}</p>
          </Empty>
        )}
      </div>
    </>
  );
}

/** Most warnings that are shown under the title; the view of the settings has all. */
const MOST_WARNINGS = 3;

/** What went wrong, or may: how the run ended where that is no success, and its newest warnings. */
function Warnings({ state, events }: { state: RunSummary['state']; events: LoadedRun['events'] }) {
  const texts = events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
  const distinct = [...new Set(texts)];
  if (distinct.length === 0 && state !== 'diverged' && state !== 'undecided') return null;
  const more = distinct.length - MOST_WARNINGS;
  return (
    <div class={`notice ${state === 'diverged' ? 'bad' : ''}`} role="note" aria-label="warnings">
      {state === 'diverged' && <p>The loss is no longer a number: the run ended there.</p>}
      {state === 'undecided' && distinct.length === 0 && <p>The search decided next to nothing.</p>}
      {distinct.slice(-MOST_WARNINGS).map((text) => (
        <p key={text}>{text}</p>
      ))}
      {more > 0 && <p class="quiet">and {more} more: see the settings</p>}
    </div>
  );
}

function Head({ summary, detail, events }: { summary: RunSummary; detail: RunDetail; events: LoadedRun['events'] }) {
  const { name, command, state, message, epochs, plannedEpochs, share, secondsLeft, score, started, seconds } = summary;
  const facts = [
    score && `best ${score.name} ${formatShare(score.value)}`,
    // A race has no epochs of its own.
    command !== 'auto' && `epoch ${epochs}${plannedEpochs ? ` of ${plannedEpochs}` : ''}`,
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
      <Warnings state={state} events={events} />
      <Facts facts={facts} />
      {detail.collections.length > 0 && (
        <p class="quiet">
          part of{' '}
          {detail.collections.map((collection, i) => (
            <>
              {i > 0 && ', '}
              <a href={linkTo({ collection })}>{collection}</a>
            </>
          ))}
        </p>
      )}
      {detail.command && <pre class="wrap command">{detail.command}</pre>}
    </header>
  );
}

export const State = ({ summary: { state } }: { summary: { readonly state: RunSummary['state'] | 'planned' } }) => (
  <span class={`state ${state}`}>{state}</span>
);
