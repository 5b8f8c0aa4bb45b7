/**
 * @file The scores of a run by class: a table with bars, and the confusion matrix as a heat map.
 */
import type { ReportData } from './data.ts';
import { dataUri, type Hole, html, type Markup } from './html.ts';

/** Larger matrices are shown as a picture: no page has room for their numbers. */
const MOST_CLASSES = 40;
const MOST_CONFUSIONS = 10;

/** How a column of per_class.csv is shown: under which head, and as what. */
const COLUMNS: Readonly<Record<string, { head: string; show: (value: string, body: readonly string[]) => string }>> = {
  iou: { head: 'IoU %', show: (value) => percent(value) },
  accuracy: { head: 'accuracy %', show: (value) => percent(value) },
  support: { head: 'pixels %', show: (value, body) => percent(shareOf(value, body)) },
  // Of regions, which overlap: their shares are more than 1 together.
  share: { head: 'pixels %', show: (value) => percent(value) },
  dice: { head: 'Dice %', show: (value) => percent(value) },
  surface_dice: { head: 'surface Dice %', show: (value) => percent(value) },
  hausdorff95_mm: { head: 'HD95 mm', show: (value) => (value === '' ? '–' : Number(value).toFixed(2)) },
  cases: { head: 'cases', show: (value) => value },
};
/** Columns that have no mean. */
const COUNTS = ['support', 'share', 'cases'];

/** Scores by class with a bar for the first of them, the means last; those of the last evaluation where there is no table. */
export function perClassSection(data: Pick<ReportData, 'perClass' | 'events'>): Markup | undefined {
  const [header, ...rows] = data.perClass ?? [['class', 'iou'], ...(rowsOfEvaluation(data) ?? [])];
  if (rows.length === 0) return undefined;
  const keys = header.slice(1).filter((key) => Object.hasOwn(COLUMNS, key));
  const body = data.perClass ? rows.slice(0, -1) : rows;
  const mean = data.perClass ? rows.at(-1) : undefined;
  const cellOf = (row: readonly string[], key: string): string => row[header.indexOf(key)] ?? '';
  const cell = (row: readonly string[], key: string): string => {
    if (row === mean && COUNTS.includes(key)) return '';
    return COLUMNS[key].show(
      cellOf(row, key),
      body.map((other) => cellOf(other, key)),
    );
  };
  const line = (row: readonly string[]) => html`<tr>
<th scope="row">${row[0] ?? ''}</th><td class="bar"><i style="width:${width(row[1] ?? '')}%"></i></td>${keys.map((key) => html`<td>${cell(row, key)}</td>`)}</tr>`;
  const notes = [
    keys.includes('accuracy') ? 'Accuracy is the share of the labelled pixels that were found' : '',
    keys.includes('cases') ? 'Scores are means over the cases in which the class is' : '',
    '– stands where there is nothing to measure.',
  ];
  const isRegions = header[0] === 'region';
  return html`<section><h2>${isRegions ? 'Regions' : 'Classes'}</h2><div class="scroll"><table class="numbers">
<thead><tr><th scope="col">${isRegions ? 'region' : 'class'}</th><th></th>${keys.map((key) => html`<th scope="col">${COLUMNS[key].head}</th>`)}</tr></thead>
<tbody>${body.map(line)}</tbody>${mean && html`<tfoot>${line(mean)}</tfoot>`}</table></div>
<p class="quiet">${notes.filter((note) => note !== '').join('; ')}</p></section>`;
}

const shareOf = (value: string, all: readonly string[]): string => {
  const total = all.reduce((sum, one) => sum + (Number(one) || 0), 0);
  return total === 0 ? '' : String(Number(value) / total);
};

/** The matrix by rows in per cent, and the confusions that cost most pixels. */
export function confusionSection({
  confusion,
  confusionPicture,
}: Pick<ReportData, 'confusion' | 'confusionPicture'>): Markup | undefined {
  if (confusion === undefined && confusionPicture === undefined) return undefined;
  const drawn =
    confusion !== undefined && confusion.names.length <= MOST_CLASSES
      ? heatMap(confusion)
      : confusionPicture &&
        html`<div class="scroll"><img src="${dataUri(confusionPicture.type, confusionPicture.content)}" alt="confusion matrix"></div>`;
  return html`<section><h2>Confusion matrix</h2>${drawn}${confusion && largestConfusions(confusion)}</section>`;
}

type Confusion = NonNullable<ReportData['confusion']>;

function heatMap({ names, counts }: Confusion): Markup {
  const rows = counts.map((row, label) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    const cells = row.map((count, prediction): Hole => {
      const share = total === 0 ? 0 : count / total;
      const whole = Math.round(100 * share);
      // The root makes small shares visible: confusions are seldom above some per cent.
      const strength = (share ** 0.6).toFixed(2);
      const title = `${names[label]} predicted as ${names[prediction]}: ${(100 * share).toFixed(2)} %, ${count} pixels`;
      return html`<td class="${label === prediction ? 'hit' : 'miss'}${share > 0.4 ? ' strong' : ''}" style="--strength:${strength}" title="${title}">${whole === 0 ? '' : whole}</td>`;
    });
    return html`<tr><th scope="row">${names[label]}</th>${cells}</tr>`;
  });
  return html`<p class="quiet">Rows are labels, columns predictions: per cent of the labelled pixels.</p>
<div class="scroll"><table class="heat"><thead><tr><td></td>${names.map((name) => html`<th scope="col"><span>${name}</span></th>`)}</tr></thead>
<tbody>${rows}</tbody></table></div>`;
}

function largestConfusions({ names, counts }: Confusion): Markup | undefined {
  const found = counts.flatMap((row, label) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return row.map((count, prediction) => ({ label, prediction, count, share: count / total }));
  });
  const worst = found
    .filter(({ label, prediction, count }) => label !== prediction && count > 0)
    .sort((a, b) => b.count - a.count)
    .slice(0, MOST_CONFUSIONS);
  if (worst.length === 0) return undefined;
  return html`<h3>Largest confusions</h3><div class="scroll"><table class="numbers">
<thead><tr><th scope="col">label</th><th scope="col">predicted as</th><th scope="col">% of the label</th><th scope="col">pixels</th></tr></thead>
<tbody>${worst.map(
    ({ label, prediction, count, share }) =>
      html`<tr><th scope="row">${names[label]}</th><th scope="row">${names[prediction]}</th><td>${(100 * share).toFixed(2)}</td><td>${count}</td></tr>`,
  )}</tbody></table></div>`;
}

function rowsOfEvaluation({ events }: Pick<ReportData, 'events'>): string[][] | undefined {
  const last = events.findLast((event) => event.type === 'evaluation');
  if (last === undefined || last.iou.length === 0) return undefined;
  return last.iou.map((iou, c) => [last.classNames?.[c] ?? `class ${c}`, iou === null ? '' : String(iou)]);
}

/** A share as text in per cent; a share that is no number is an en dash. */
const percent = (share: string): string =>
  share === '' || !Number.isFinite(Number(share)) ? '–' : (100 * Number(share)).toFixed(2);

const width = (share: string): string => Math.min(100, Math.max(0, 100 * (Number(share) || 0))).toFixed(1);
