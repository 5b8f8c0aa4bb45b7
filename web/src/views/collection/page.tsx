/** @file A comparison or trials, live: how far it is, the curves of its trainings, tables that sort and filter, score against cost, what the scatter is of. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { CollectionDetail } from '../../../../src/server/api.ts';
import { networksOf, type Standing, stampOf, standingsOf } from '../../collection.ts';
import { namesOfGroups } from '../../compare.ts';
import { formatMoment, formatShare } from '../../format.ts';
import { Card, Empty, Facts, Failed, Loading } from '../../parts/states.tsx';
import { useLoaded } from '../../parts/useLoaded.ts';
import { linkTo } from '../../route.ts';
import { addressOfCollection, fetchJson, runs } from '../../state.ts';
import { ManyCurves } from './curves.tsx';
import { FrontCard } from './front.tsx';
import { NetworksCard, TrainingsTable } from './tables.tsx';

/** Milliseconds between looks at the table of a collection of which a run is running, or none is known yet. */
const PAUSE = 5000;

export function CollectionPage({ id }: { id: string }) {
  const [look, setLook] = useState(0);
  const [filter, setFilter] = useState('');
  const [detail, setDetail] = useState<CollectionDetail | undefined>(undefined);
  const rows = runs.value;
  const standings = useMemo(() => (detail && rows ? standingsOf(detail, rows) : []), [detail, rows]);
  const loaded = useLoaded(
    () => fetchJson<CollectionDetail>(addressOfCollection(id)),
    `${id} ${look} ${stampOf(standings)}`,
  );
  useEffect(() => {
    if (loaded.state === 'ready') setDetail(loaded.value);
  }, [loaded]);
  const isOpen = !standings.every(({ state }) => state !== 'running' && state !== 'planned') || detail === undefined;
  useEffect(() => {
    if (!isOpen) return;
    const timer = setInterval(() => setLook((now) => now + 1), PAUSE);
    return () => clearInterval(timer);
  }, [isOpen]);
  if (loaded.state === 'failed') return <Failed message={loaded.message} />;
  if (loaded.state === 'missing')
    return (
      <Empty title={`There is no ${id}`}>
        <p>It may have been moved or removed.</p>
        <p>
          <a href={linkTo({})}>all runs</a>
        </p>
      </Empty>
    );
  if (detail === undefined || rows === undefined) return <Loading what={id} />;
  const { summary, more } = detail;
  if (summary.fault !== undefined)
    return (
      <Empty title={`${id} cannot be read`}>
        <p>{summary.fault}</p>
      </Empty>
    );
  const shown = standings.filter(({ member, state }) =>
    `${member.architecture} ${member.training} seed ${member.seed} ${state}`.includes(filter),
  );
  const networks = networksOf(detail, standings);
  return (
    <>
      <Head detail={detail} standings={standings} />
      {summary.kind === 'compare' && <NetworksCard networks={networks} />}
      <FrontCard detail={detail} networks={networks} />
      <Card
        title={summary.kind === 'compare' ? 'Trainings' : 'Trials'}
        aside={
          <input
            type="search"
            placeholder="filter"
            aria-label="filter trainings"
            value={filter}
            onInput={({ currentTarget }) => setFilter(currentTarget.value)}
          />
        }
      >
        <TrainingsTable detail={detail} standings={shown} />
        {shown.length === 0 && <p class="quiet">No training fits the filter.</p>}
        {more > 0 && <p class="quiet">{more} more are planned that are not shown here.</p>}
      </Card>
      <ManyCurves detail={detail} standings={shown} />
    </>
  );
}

function Head({ detail, standings }: { detail: CollectionDetail; standings: readonly Standing[] }) {
  const { kind, name, data, budget, planned, updated } = detail.summary;
  const count = (...states: readonly Standing['state'][]) =>
    standings.filter(({ state }) => states.includes(state)).length;
  const ended = standings.filter(({ member }) => member.row?.score !== undefined).length;
  const scores = standings.flatMap(({ score }) => score ?? []);
  const best = scores.reduce((top, score) => Math.max(top, score), Number.NEGATIVE_INFINITY);
  const others = (['running', 'planned', 'diverged', 'stopped', 'failed', 'crashed'] as const).map(
    (state) => [state, count(state)] as const,
  );
  const facts = [
    scores.length > 0 && `best ${formatShare(best)}`,
    `${ended} of ${planned} trainings ended with a score`,
    ...others.map(([state, number]) => number > 0 && `${number} ${state}`),
    data !== undefined && `data ${namesOfGroups([data]).get(data)}`,
    budget !== undefined && `${budget.replace(/(?<=\d)(?=[a-z])/, ' ')} each`,
    updated !== undefined && `last event ${formatMoment(updated)}`,
  ].filter((fact) => typeof fact === 'string');
  return (
    <header class="run-head">
      <h1>
        <span class="quiet">{kind}</span> {name}
      </h1>
      {planned > ended && (
        <progress value={ended} max={planned} aria-label="share of the trainings that ended">
          {formatShare(ended / planned, 0)}
        </progress>
      )}
      <Facts facts={facts} />
      <p class="quiet">
        {kind === 'compare'
          ? 'Every architecture from scratch, with the same settings; scores are the best ones on the validation split.'
          : 'Searches that differ in their seed alone; what each found is trained shortly, and the best score on the validation split chooses.'}
      </p>
    </header>
  );
}
