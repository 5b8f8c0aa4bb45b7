/** @file Why a view of a run has nothing to show, in words that hold for the run as it stands. Pure. */
import type { RunEvent } from '../../src/run/events.ts';
import type { RunDetail, RunState } from '../../src/server/api.ts';
import type { ViewName } from './viewNames.ts';

/** Where a run stands: it may still write what is missing, it has ended as it should, or it has ended before. */
type Stage = 'running' | 'whole' | 'cut off';

const STAGES: Readonly<Record<string, Stage>> = { running: 'running', done: 'whole', undecided: 'whole' } satisfies {
  [State in RunState]?: Stage;
};

/** A run with its events. */
interface ShownRun {
  readonly detail: RunDetail;
  readonly events: readonly RunEvent[];
}

type Why = (run: ShownRun, stage: Stage) => string | undefined;

const isSearch = ({ summary }: RunDetail): boolean => summary.command === 'search';

/** How a run ended that was cut off, such as ` (diverged)`. */
const ending = ({ summary }: RunDetail): string => ` (${summary.state})`;

/** What a training writes at its end. */
const atTheEnd = (detail: RunDetail, stage: Stage, what: string): string =>
  stage === 'running'
    ? `The training writes ${what} when its network is scored, at its end.`
    : stage === 'whole'
      ? `The training has ended and left no ${what}.`
      : `A training writes ${what} at its end, which this one has not reached${ending(detail)}.`;

const architecture: Why = ({ detail, events }, stage) => {
  if (events.some(({ type }) => type === 'architecture')) return undefined;
  if (!isSearch(detail)) return 'A training has one architecture from its start: see the view network.';
  const rule = 'A search logs its architecture at the end of every epoch';
  if (stage === 'running') return `${rule}; the first one has not ended.`;
  return `${rule}; this one ended before that of its first${ending(detail)}.`;
};

/** By view; views that are not here always have something to show. */
const REASONS: { readonly [View in ViewName]?: Why } = {
  trellis: architecture,
  cell: architecture,
  curves: ({ detail, events }, stage) =>
    events.some(({ type }) => type === 'step' || type === 'epoch' || type === 'evaluation')
      ? undefined
      : stage === 'running'
        ? 'The first step of the run draws the first point.'
        : `The run ended before its first step${ending(detail)}.`,
  cost: ({ detail, events }, stage) =>
    events.filter(({ type }) => type === 'step').length > 1 || events.some(({ type }) => type === 'memory')
      ? undefined
      : stage === 'running'
        ? 'The second step of the run gives the first figure.'
        : `The run ended before its second step${ending(detail)}.`,
  network: ({ detail }) =>
    detail.documents.includes('graph')
      ? undefined
      : isSearch(detail)
        ? 'A search builds no network of its own: training what it found does.'
        : 'The run has written no graph.json.',
  samples: ({ detail }, stage) =>
    detail.samples.length > 0
      ? undefined
      : isSearch(detail)
        ? 'A search scores its supernet and keeps no images of it: a training of what it found does.'
        : atTheEnd(detail, stage, 'samples'),
  confusion: ({ detail }, stage) =>
    detail.pictures.includes('confusion') || detail.evaluations.length > 0
      ? undefined
      : isSearch(detail)
        ? 'A search has no scores by class: a training of what it found has.'
        : atTheEnd(detail, stage, 'scores by class'),
  data: ({ detail }) =>
    detail.documents.includes('data') ? undefined : 'The run has written nothing about its data (data.json).',
};

/** Why a view of a run has nothing to show; undefined where it has. */
export const whyEmpty = (view: ViewName, run: ShownRun): string | undefined =>
  REASONS[view]?.(run, STAGES[run.detail.summary.state] ?? 'cut off');
