/** @file What `espalier evaluate` measured with the network of a run, apart from the scores of its training. */
import type { EvaluationSummary } from '../../../src/server/api.ts';
import { formatMoment, formatShare } from '../format.ts';
import { Card } from '../parts/states.tsx';
import { type Column, SortedTable } from '../parts/table.tsx';

const share = (value: number | null | undefined) => (value === null || value === undefined ? '–' : formatShare(value));

const COLUMNS: readonly Column<EvaluationSummary>[] = [
  { name: 'name', isText: true, cell: ({ name }) => name, key: ({ name }) => name },
  {
    name: 'data',
    isText: true,
    cell: ({ dataset, data, trainedOn }) => (
      <span title={data}>
        {dataset}
        {trainedOn ? '' : ' (not of the training)'}
      </span>
    ),
    key: ({ dataset }) => dataset,
  },
  { name: 'split', isText: true, cell: ({ split, samples }) => `${split}, ${samples}`, key: ({ split }) => split },
  { name: 'how', isText: true, isWide: true, cell: ({ how }) => how },
  { name: 'time', isText: true, isWide: true, cell: ({ time }) => formatMoment(time), key: ({ time }) => time },
  { name: 'mIoU', cell: ({ scores }) => share(scores.miou), key: ({ scores }) => scores.miou ?? undefined },
  {
    name: 'pixel accuracy',
    isWide: true,
    cell: ({ scores }) => share(scores.pixelAccuracy),
    key: ({ scores }) => scores.pixelAccuracy ?? undefined,
  },
];

const DICE: Column<EvaluationSummary> = {
  name: 'mean Dice',
  cell: ({ scores }) => share(scores.dice),
  key: ({ scores }) => scores.dice ?? undefined,
};

/** Nothing where there is none. */
export function Evaluations({ evaluations }: { evaluations: readonly EvaluationSummary[] }) {
  if (evaluations.length === 0) return null;
  const columns = evaluations.some(({ scores }) => scores.dice !== undefined) ? [...COLUMNS, DICE] : COLUMNS;
  return (
    <Card title="Evaluations">
      <p class="quiet">Measured after the training; all other scores are those of the training.</p>
      <SortedTable columns={columns} rows={evaluations} idOf={({ name }) => name} label="evaluations" />
    </Card>
  );
}
