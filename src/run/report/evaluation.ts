/**
 * @file What `espalier evaluate` measured, beside the scores of the training and never among them: a table in the report of the run, and a page of its
 * own for each evaluation.
 */
import { describeEvaluation, type EvaluationFolder, type NamedEvaluation } from '../evaluations.ts';
import { writeAtomically } from '../files.ts';
import { loadScores, type ReportClass, type ReportData } from './data.ts';
import { dataUri, html, type Markup } from './html.ts';
import { page } from './page.ts';
import { confusionSection, perClassSection } from './scores.ts';

/** Writes `report.html` of an evaluation, and returns its path. */
export function writeEvaluationReport(folder: EvaluationFolder, evaluation: NamedEvaluation, run: string): string {
  const scores = loadScores(folder);
  const { data, dataset, split, samples, version, time } = evaluation;
  const header = html`<header><h1>evaluation ${evaluation.name} of ${run}</h1>
<p>${dataset} (${data}), ${split}: ${samples} samples${evaluation.trainedOn ? '' : '; not the data of the training'}</p>
<p class="quiet">${describeEvaluation(evaluation)}; ${time.slice(0, 19).replace('T', ' ')} UTC, espalier ${version}</p></header>`;
  const sections = [
    header,
    perClassSection({ ...scores, events: [] }),
    confusionSection(scores),
    samplesSection(scores),
  ];
  writeAtomically(folder.report, page(`evaluation ${evaluation.name}`, sections));
  return folder.report;
}

/** The evaluations of a run, each with what it was measured on and how. */
export function evaluationsSection({ evaluations }: Pick<ReportData, 'evaluations'>): Markup | undefined {
  if (evaluations.length === 0) return undefined;
  const hasVolumes = evaluations.some(({ scores }) => scores.dice !== undefined);
  const row = (evaluation: NamedEvaluation) => {
    const { name, dataset, split, samples, trainedOn, scores } = evaluation;
    return html`<tr><th scope="row"><a href="evaluations/${encodeURIComponent(name)}/report.html">${name}</a></th>
<td>${dataset}${trainedOn ? '' : ' (not of the training)'}</td><td>${split}, ${samples}</td><td>${describeEvaluation(evaluation)}</td>
${hasVolumes ? html`<td>${percent(scores.dice)}</td>` : undefined}<td>${percent(scores.miou)}</td><td>${percent(scores.pixelAccuracy)}</td></tr>`;
  };
  return html`<section><h2>Evaluations</h2>
<p class="quiet">Measured after the training by <code>espalier evaluate</code>; all other scores of this page are those of the training.</p>
<div class="scroll"><table class="numbers"><thead><tr><th scope="col">name</th><th scope="col">data</th><th scope="col">split, samples</th><th scope="col">how</th>
${hasVolumes ? html`<th scope="col">mean Dice %</th>` : undefined}<th scope="col">mIoU %</th><th scope="col">pixel accuracy %</th></tr></thead>
<tbody>${evaluations.map(row)}</tbody></table></div></section>`;
}

/** Sample images as figures. */
export function samplesSection({
  samples,
  moreSamples,
  classes = [],
}: Pick<ReportData, 'samples' | 'moreSamples' | 'classes'>): Markup | undefined {
  if (samples.length === 0) return undefined;
  const more = moreSamples === 0 ? '' : ` ${moreSamples} more are in samples/.`;
  return html`<section class="samples"><h2>Samples</h2>
<p class="quiet">From left: image, label, prediction, and the error: blue is right, orange is wrong, grey does not count.${more}</p>
${classes.length === 0 ? undefined : html`<p>${classes.map(legendKey)}</p>`}
${samples.map(
  ({ name, type, content }) =>
    html`<figure><div class="scroll"><img src="${dataUri(type, content)}" alt="${name}"></div><figcaption>${name}</figcaption></figure>`,
)}</section>`;
}

const legendKey = ({ name, colour, share }: ReportClass): Markup =>
  html`<span class="key"><i style="height:12px;background:rgb(${colour.join(' ')})"></i>${name}${share === undefined ? '' : ` ${(100 * share).toFixed(1)} %`}</span> `;

const percent = (share: number | null | undefined): string =>
  share === null || share === undefined ? '–' : (100 * share).toFixed(2);
