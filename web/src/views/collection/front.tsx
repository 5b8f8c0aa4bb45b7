/** @file Score against cost of the networks of a comparison or of trials, and how much of the scatter of the scores the networks explain. */
import { useState } from 'preact/hooks';
import { explainedBy } from '../../../../src/run/tables/front.ts';
import type { CollectionDetail } from '../../../../src/server/api.ts';
import type { Costs, Network } from '../../collection.ts';
import { formatCount, formatMebibytes, formatShare } from '../../format.ts';
import { Scatter } from '../../parts/scatter.tsx';
import { Card } from '../../parts/states.tsx';
import { linkTo } from '../../route.ts';

const AXES = {
  'multiply-adds': { of: ({ multiplyAdds }: Costs) => multiplyAdds, format: formatCount },
  parameters: { of: ({ parameters }: Costs) => parameters, format: formatCount },
  'memory of a step': { of: ({ memory }: Costs) => memory && memory / 2 ** 20, format: formatMebibytes },
  latency: { of: ({ latency }: Costs) => latency, format: (ms: number) => `${Number(ms.toPrecision(3))} ms` },
} as const;
type AxisName = keyof typeof AXES;

export function FrontCard({ detail, networks }: { detail: CollectionDetail; networks: readonly Network[] }) {
  const { kind } = detail.summary;
  const known = (Object.keys(AXES) as AxisName[]).filter((key) =>
    networks.some(({ score, costs }) => score && AXES[key].of(costs) !== undefined),
  );
  const [wanted, setWanted] = useState<AxisName>('multiply-adds');
  const axis = known.includes(wanted) ? wanted : known[0];
  const select = axis && (
    <label>
      against{' '}
      <select value={axis} onChange={({ currentTarget }) => setWanted(currentTarget.value as AxisName)}>
        {known.map((key) => (
          <option key={key}>{key}</option>
        ))}
      </select>
    </label>
  );
  const points = networks.flatMap(({ id, name, score, scores, costs, standings }) => {
    const cost = axis && AXES[axis].of(costs);
    if (score === undefined || cost === undefined) return [];
    // Seeds are looked at together: the curves of the first with those of the others over them.
    const [run, ...compare] = standings.flatMap(({ training }) => training?.id ?? []);
    const spread = {
      ...(score.bounds ? { bounds: score.bounds } : {}),
      ...(scores.length > 1 ? { seeds: scores } : {}),
      ...(run === undefined ? {} : { href: linkTo({ run, compare }) }),
    };
    return [{ id, name, cost, score: score.mean, group: detail.summary.data ?? 'the same data', ...spread }];
  });
  const kinds = new Set(networks.map(({ score }) => score?.kind));
  return (
    <Card title="Score against cost" aside={select}>
      {axis === undefined ? (
        <p class="quiet">It is drawn when the first training has ended.</p>
      ) : (
        <>
          <Scatter points={points} label={axis} format={AXES[axis].format} />
          <p class="quiet">
            {kinds.has('interval') && 'Bars are 95 % intervals of the mean over the seeds (Student’s t). '}
            {kinds.has('range') && 'Bars of two seeds go from the worse to the better one: that is no interval. '}
            {kinds.has('none') && 'One training each says nothing about other seeds, so there is no bar. '}
            {axis === 'latency' && kind === 'trials' && 'Latencies are predicted. '}
            {axis === 'memory of a step' && memoryNote(detail)}
          </p>
        </>
      )}
      <Importance detail={detail} networks={networks} />
    </Card>
  );
}

function memoryNote({ summary, members }: CollectionDetail): string {
  if (summary.kind === 'trials') return 'Memory is the most that the process of the training took.';
  return members.some(({ row }) => row?.memoryIsMeasured) ? 'Memory is measured.' : 'Memory is estimated.';
}

/** What the differences between scores are of, where there is enough to say it. */
function Importance({ detail, networks }: { detail: CollectionDetail; networks: readonly Network[] }) {
  const scores = networks.map((network) => network.scores);
  const explained = detail.summary.kind === 'compare' ? explainedBy(scores) : undefined;
  const trainings = scores.flat().length;
  const text =
    detail.summary.kind === 'trials'
      ? 'Importance of settings: there is none to show. The trials differ in the seed of their search alone.'
      : explained
        ? `Importance: the architecture explains ${formatShare(explained.share, 0)} of the variance of the scores, the seed the rest (omega squared, ${explained.values} trainings of ${explained.groups} architectures).`
        : `Importance: too few trainings to say how much of the differences is the architecture and how much the seed (${trainings} with a score, of ${scores.filter((own) => own.length > 0).length} architectures; it takes three architectures, and six trainings more than architectures).`;
  return <p class="quiet importance">{text}</p>;
}
