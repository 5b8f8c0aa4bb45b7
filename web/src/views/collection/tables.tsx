/** @file The tables of a comparison or of trials: its networks with their means, and every training with a link to its run. */
import type { CollectionDetail } from '../../../../src/server/api.ts';
import type { Network, Standing } from '../../collection.ts';
import { formatBytes, formatCount, formatDuration, formatShare } from '../../format.ts';
import { Card } from '../../parts/states.tsx';
import { type Column, SortedTable } from '../../parts/table.tsx';
import { linkTo } from '../../route.ts';
import { State } from '../run.tsx';

const milliseconds = (ms: number | undefined) => (ms === undefined ? '–' : `${Number(ms.toPrecision(3))} ms`);
const bytes = (count: number | undefined) => (count === undefined ? '–' : formatBytes(count));

/** Costs, of which only those are shown that some row has. */
const COSTS: readonly Column<Pick<Network, 'costs'>>[] = [
  {
    name: 'parameters',
    isWide: true,
    key: ({ costs }) => costs.parameters,
    cell: ({ costs }) => formatCount(costs.parameters),
  },
  {
    name: 'multiply-adds',
    isWide: true,
    key: ({ costs }) => costs.multiplyAdds,
    cell: ({ costs }) => formatCount(costs.multiplyAdds),
  },
  { name: 'memory', isWide: true, key: ({ costs }) => costs.memory, cell: ({ costs }) => bytes(costs.memory) },
  {
    name: 'latency',
    isWide: true,
    key: ({ costs }) => costs.latency,
    cell: ({ costs }) => milliseconds(costs.latency),
  },
];

const knownCosts = (rows: readonly Pick<Network, 'costs'>[]) =>
  COSTS.filter(({ key }) => rows.some((row) => key?.(row) !== undefined));

const NETWORK: readonly Column<Network>[] = [
  { name: 'architecture', isText: true, key: ({ name }) => name, cell: ({ name }) => name },
  {
    name: 'mean',
    key: ({ score }) => score?.mean,
    cell: ({ score }) => formatShare(score?.mean),
  },
  {
    name: '95 % interval',
    key: ({ score }) => (score?.kind === 'interval' ? score.bounds?.[0] : undefined),
    cell: ({ score }) =>
      score?.kind === 'interval' && score.bounds
        ? `${formatShare(score.bounds[0], 1)} to ${formatShare(score.bounds[1], 1)}`
        : '–',
  },
  {
    name: 'of each seed',
    isWide: true,
    cell: ({ scores }) => scores.map((score) => formatShare(score, 1)).join(', ') || '–',
  },
  {
    name: 'trainings',
    key: ({ scores }) => scores.length,
    cell: ({ scores, standings }) => `${scores.length} of ${standings.length}`,
  },
];

/** The architectures of a comparison. */
export function NetworksCard({ networks }: { networks: readonly Network[] }) {
  return (
    <Card title="Architectures">
      <SortedTable
        label="architectures"
        columns={[...NETWORK, ...knownCosts(networks)]}
        rows={networks}
        idOf={({ id }) => id}
        sortedBy={{ name: 'mean', descending: true }}
      />
      {networks.every(({ score }) => score?.kind !== 'interval') && (
        <p class="quiet">An interval takes three seeds or more.</p>
      )}
    </Card>
  );
}

const runLink = (id: string, text: string, isThere: boolean) =>
  isThere ? <a href={linkTo({ run: id })}>{text}</a> : <span class="quiet">{text}</span>;

/** One row a training. */
export function TrainingsTable({ detail, standings }: { detail: CollectionDetail; standings: readonly Standing[] }) {
  const isTrials = detail.summary.kind === 'trials';
  const best = isTrials
    ? standings.reduce<Standing | undefined>(
        (top, one) => ((one.member.row?.score ?? -1) > (top?.member.row?.score ?? -1) ? one : top),
        undefined,
      )
    : undefined;
  const columns: Column<Standing>[] = [
    ...(isTrials
      ? [
          {
            name: 'seed',
            key: ({ member }: Standing) => member.seed,
            cell: ({ member, search }: Standing) => (
              <>
                {runLink(member.search ?? '', `search ${member.seed}`, search !== undefined)}
                {best?.member === member && ' (chosen)'}
              </>
            ),
          },
        ]
      : []),
    {
      name: 'training',
      isText: true,
      key: ({ member }) => member.training,
      cell: ({ member, training }) =>
        runLink(member.training, member.training.replace(/^train\//, ''), training !== undefined),
    },
    {
      name: 'state',
      isText: true,
      key: ({ state }) => state,
      cell: ({ state }) => <State summary={{ state }} />,
    },
    { name: 'score', key: ({ score }) => score, cell: ({ score }) => formatShare(score) },
    ...(standings.some(({ member }) => member.row?.crfScore !== undefined)
      ? [
          {
            name: 'with CRF',
            key: ({ member }: Standing) => member.row?.crfScore,
            cell: ({ member }: Standing) => formatShare(member.row?.crfScore),
          },
        ]
      : []),
    ...(isTrials
      ? [
          {
            name: 'supernet',
            key: ({ member, search }: Standing) => member.row?.supernet ?? search?.score?.value,
            cell: ({ member, search }: Standing) => formatShare(member.row?.supernet ?? search?.score?.value),
          },
          {
            name: 'found',
            isText: true,
            isWide: true,
            cell: ({ member }: Standing) => member.architecture || '–',
          },
        ]
      : []),
    {
      name: 'left',
      key: ({ training }) => training?.secondsLeft,
      cell: ({ training }) => (training?.secondsLeft === undefined ? '–' : formatDuration(training.secondsLeft)),
    },
    ...knownCosts(standings),
    {
      name: 'time',
      isWide: true,
      key: ({ training }) => training?.seconds,
      cell: ({ training }) => (training ? formatDuration(training.seconds) : '–'),
    },
  ];
  return (
    <SortedTable
      label={isTrials ? 'trials' : 'trainings'}
      columns={columns}
      rows={standings}
      idOf={({ member }) => member.training}
      sortedBy={{ name: 'score', descending: true }}
      rowClass={({ member }) => (best?.member === member ? 'chosen' : '')}
    />
  );
}
