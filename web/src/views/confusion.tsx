/** @file Scores by class: a table, and the confusion matrix as a heat map. */
import { useState } from 'preact/hooks';
import type { RunScores } from '../../../src/server/api.ts';
import { formatNumber, formatShare } from '../format.ts';
import { Card, Choice, Empty, Failed, Loading } from '../parts/states.tsx';
import { type Column, SortedTable } from '../parts/table.tsx';
import { useLoaded } from '../parts/useLoaded.ts';
import { addressOf, fetchScores, type LoadedRun } from '../state.ts';
import { Evaluations } from './evaluations.tsx';

/** Larger matrices are shown as a picture: no page has room for their cells. */
const MOST_CLASSES = 40;

export function ConfusionView({ detail }: LoadedRun) {
  const { summary, pictures, evaluations } = detail;
  const scores = useLoaded(() => fetchScores(summary.id), `${pictures.join()} ${summary.epochs}`);
  if (scores.state === 'loading') return <Loading what="scores" />;
  if (scores.state === 'failed') return <Failed message={scores.message} />;
  const { perClass, confusion } = scores.state === 'ready' ? scores.value : {};
  if (!perClass && !confusion && evaluations.length > 0) return <Evaluations evaluations={evaluations} />;
  if (!perClass && !confusion)
    return (
      <Empty title="No scores by class yet">
        <p>They are written when the network is scored, at the end of a training.</p>
      </Empty>
    );
  return (
    <div class="pair">
      {confusion && confusion.names.length <= MOST_CLASSES ? (
        <Matrix confusion={confusion} />
      ) : (
        pictures.includes('confusion') && (
          <Card title="Confusion matrix">
            <div class="scroll">
              <img src={addressOf(summary.id, 'pictures', 'confusion')} alt="confusion matrix" />
            </div>
          </Card>
        )
      )}
      {perClass && <Classes rows={perClass} />}
      <Evaluations evaluations={evaluations} />
    </div>
  );
}

function Matrix({ confusion: { names, counts } }: { confusion: NonNullable<RunScores['confusion']> }) {
  const [by, setBy] = useState<'label' | 'prediction'>('label');
  const rowTotals = counts.map((row) => row.reduce((sum, count) => sum + count, 0));
  const columnTotals = names.map((_, c) => counts.reduce((sum, row) => sum + row[c], 0));
  const shareOf = (row: number, column: number) =>
    counts[row][column] / ((by === 'label' ? rowTotals[row] : columnTotals[column]) || 1);
  return (
    <Card
      title="Confusion matrix"
      aside={
        <Choice
          names={['label', 'prediction'] as const}
          chosen={by}
          label="share of"
          shown={(name) => `% of the ${name}`}
          onChange={setBy}
        />
      }
    >
      <div class="scroll">
        <table class="heat" aria-label="confusion matrix">
          <thead>
            <tr>
              <td>label ↓ prediction →</td>
              {names.map((name) => (
                <th key={name} scope="col">
                  <span>{name}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {names.map((name, row) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                {names.map((other, column) => {
                  const share = shareOf(row, column);
                  const whole = Math.round(100 * share);
                  return (
                    <td
                      key={other}
                      class={`${row === column ? 'hit' : 'miss'} ${share > 0.45 ? 'strong' : ''}`}
                      // The root makes small shares visible: confusions are seldom above some per cent.
                      style={{ '--strength': String(share ** 0.6) }}
                      title={`${name} predicted as ${other}: ${formatShare(share)}, ${counts[row][column].toLocaleString('en')} pixels`}
                    >
                      {whole === 0 ? '' : whole}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

/** The scores of the classes by the header of their file; shares have a bar, the pixels of a class are shown as their share. */
function Classes({ rows: [header, ...body] }: { rows: readonly (readonly string[])[] }) {
  const classes = body.filter(([name]) => name !== 'mean');
  const numberAt = (row: readonly string[], place: number) => (row[place] ? Number(row[place]) : undefined);
  const columns = header.map((name, place): Column<readonly string[]> => {
    if (place === 0) return { name, isText: true, key: ([text]) => text, cell: ([text]) => text };
    const key = (row: readonly string[]) => numberAt(row, place);
    const total = classes.reduce((sum, row) => sum + (key(row) ?? 0), 0);
    const shown = (row: readonly string[]) => {
      const value = key(row);
      if (name === 'support') return formatShare(total > 0 ? (value ?? 0) / total : undefined);
      if (!/^(iou|accuracy|dice|surface_dice|share)$/.test(name)) return formatNumber(value);
      return place === 1 ? <Share value={value} /> : formatShare(value);
    };
    return {
      name: name === 'support' || name === 'share' ? 'pixels' : name === 'iou' ? 'IoU' : name.replaceAll('_', ' '),
      key,
      cell: shown,
    };
  });
  return (
    <Card title={header[0] === 'region' ? 'Regions' : 'Classes'}>
      <SortedTable
        label={header[0] === 'region' ? 'regions' : 'classes'}
        rows={classes}
        idOf={([name]) => name}
        columns={columns}
      />
    </Card>
  );
}

const Share = ({ value }: { value: number | undefined }) => (
  <span class="share">
    <i style={{ width: `${100 * (value ?? 0)}%` }} />
    <span>{formatShare(value)}</span>
  </span>
);
