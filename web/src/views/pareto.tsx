/** @file Score against cost: which runs no other run beats in both. */
import { useState } from 'preact/hooks';
import type { RunSummary } from '../../../src/server/api.ts';
import { groupOf } from '../compare.ts';
import { formatCount, formatDuration, formatMebibytes } from '../format.ts';
import { Scatter } from '../parts/scatter.tsx';
import { Card } from '../parts/states.tsx';
import { linkTo } from '../route.ts';

const COSTS = {
  'multiply-adds': {
    of: ({ multiplyAdds }: RunSummary) => multiplyAdds,
    format: formatCount,
    sized: true,
    timed: false,
  },
  parameters: { of: ({ parameters }: RunSummary) => parameters, format: formatCount, sized: false, timed: false },
  'predicted latency': {
    of: ({ latency }: RunSummary) => latency?.ms,
    format: (ms: number) => `${Number(ms.toPrecision(3))} ms`,
    sized: true,
    timed: true,
  },
  'peak memory': {
    of: ({ peakBytes }: RunSummary) => peakBytes && peakBytes / 2 ** 20,
    format: formatMebibytes,
    sized: true,
    timed: false,
  },
  'time of a step': {
    of: ({ stepSeconds }: RunSummary) => stepSeconds,
    format: formatDuration,
    sized: true,
    timed: false,
  },
  'time in all': { of: ({ seconds }: RunSummary) => seconds, format: formatDuration, sized: false, timed: false },
} as const;
type CostName = keyof typeof COSTS;

export function ParetoCard({ runs }: { runs: readonly RunSummary[] }) {
  const [name, setName] = useState<CostName>('multiply-adds');
  const { of, format, ...kind } = COSTS[name];
  const points = runs.flatMap((run) => {
    const cost = of(run);
    const group = groupOf(run, kind);
    return cost !== undefined && run.score
      ? [{ id: run.id, href: linkTo({ run: run.id }), name: run.name, group, cost, score: run.score.value }]
      : [];
  });
  const select = (
    <label>
      against{' '}
      <select value={name} onChange={({ currentTarget }) => setName(currentTarget.value as CostName)}>
        {Object.keys(COSTS).map((key) => (
          <option key={key}>{key}</option>
        ))}
      </select>
    </label>
  );
  return (
    <Card title="Score" aside={select}>
      {points.length === 0 ? (
        <p class="quiet">No run has both a score and a count of its {name} yet.</p>
      ) : (
        <Scatter points={points} label={name} format={format} what="runs" />
      )}
    </Card>
  );
}
