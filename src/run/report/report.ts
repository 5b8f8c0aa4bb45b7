/**
 * @file `report.html`: what a run was, how it went and its results, as one file to keep, print or send. It reads the run folder only, so
 * that a run that is going, one that diverged and a copy of an old one are shown alike.
 */
import { rangeOf } from '../../base/lists.ts';
import { formatDuration } from '../../base/text.ts';
import { writeAtomically } from '../files.ts';
import type { RunFolder } from '../folder.ts';
import { curvesSection, scoredEpochs, words } from './curves.ts';
import { type EventOf, loadReportData, type ReportData } from './data.ts';
import { evaluationsSection, samplesSection } from './evaluation.ts';
import { frontSection } from './front.ts';
import { dataUri, html, type Markup } from './html.ts';
import { page } from './page.ts';
import { confusionSection, perClassSection } from './scores.ts';

/**
 * Writes `report.html` into a run folder, over an older one, and returns its path. The same folder gives the same bytes.
 * @throws DataError when the event log is damaged.
 */
export function writeReport(folder: RunFolder): string {
  writeAtomically(folder.report, formatReport(loadReportData(folder)));
  return folder.report;
}

/** The report as HTML: self-contained, without scripts, every text escaped. */
export const formatReport = (data: ReportData): string =>
  page(`${data.command} ${data.name}`, [
    headerSection(data),
    summarySection(data),
    messagesSection(data),
    curvesSection(data),
    architectureSection(data),
    perClassSection(data),
    confusionSection(data),
    samplesSection(data),
    frontSection(data.peers),
    evaluationsSection(data),
    configSection(data),
    referencesSection(data),
  ]);

function headerSection({ command, name, status, message, starts, seconds, lastTime }: ReportData): Markup {
  const first = starts[0];
  const last = starts.at(-1);
  const outcome = status === 'unfinished' ? 'running, or killed' : message;
  const resumed = starts.length > 1 ? `, resumed ${starts.length - 1} ${starts.length === 2 ? 'time' : 'times'}` : '';
  return html`<header><h1>${command} ${name}</h1>
<p><span class="status ${status}">${status}</span> ${outcome}</p>
<p class="quiet">${first ? `started ${moment(first.time)}${resumed}` : 'not started'}${lastTime ? `, last event ${moment(lastTime)}, ${formatDuration(seconds)} in all` : ''}</p>
${last && html`<pre class="wrap"><code>${last.command}</code></pre>`}</header>`;
}

function summarySection(data: ReportData): Markup | undefined {
  const epochs = data.events.filter((event) => event.type === 'epoch');
  const lastEpoch = epochs.at(-1);
  const planned = data.starts.at(-1)?.config.epochs;
  const scores = scoredEpochs(data).filter(({ miou }) => miou !== null);
  const best = scores.reduce<(typeof scores)[number] | undefined>(
    (top, score) => (top === undefined || (score.miou as number) > (top.miou as number) ? score : top),
    undefined,
  );
  const evaluation = data.events.findLast((event) => event.type === 'evaluation');
  const tiles: [name: string, value: string, detail?: string][] = [];
  const dice = rangeOf(epochs.map(({ metrics }) => metrics.dice ?? -1))[1];
  const diceEpoch = epochs.find(({ metrics }) => metrics.dice === dice);
  if (diceEpoch) tiles.push(['best mean Dice', inPercent(dice), whenOf(diceEpoch.epoch, 'val')]);
  if (best) tiles.push(['best mIoU', inPercent(best.miou), whenOf(best.epoch, best.split)]);
  if (evaluation) {
    const when = whenOf(evaluation.epoch, evaluation.split);
    tiles.push(['last mIoU', inPercent(evaluation.miou), when]);
    tiles.push(['pixel accuracy', inPercent(evaluation.pixelAccuracy), when]);
    tiles.push(['mean accuracy', inPercent(evaluation.meanAccuracy), when]);
  }
  if (lastEpoch) {
    tiles.push(['epochs done', `${lastEpoch.epoch + 1}${typeof planned === 'number' ? ` of ${planned}` : ''}`]);
    const shown = new Set(evaluation ? ['miou', 'dice', 'pixelAccuracy', 'meanAccuracy'] : ['miou', 'dice']);
    for (const [key, value] of Object.entries(lastEpoch.metrics))
      if (!shown.has(key) && value !== null) tiles.push([words(key), short(value), `epoch ${lastEpoch.epoch + 1}`]);
  }
  const versions = Object.entries(data.starts.at(-1)?.versions ?? {});
  if (tiles.length === 0 && versions.length === 0) return undefined;
  return html`<section><h2>Summary</h2><dl class="tiles">${tiles.map(
    ([name, value, detail]) =>
      html`<div><dt>${name}</dt><dd>${value}${detail && html`<small>${detail}</small>`}</dd></div>`,
  )}</dl>${versions.length > 0 ? html`<p class="quiet">${versions.map(([name, version]) => `${name} ${version}`).join(' · ')}</p>` : undefined}</section>`;
}

/** Warnings and notes; many of one kind are shown once. */
function messagesSection({ events }: ReportData): Markup | undefined {
  const counts = new Map<string, { type: string; message: string; count: number }>();
  for (const event of events) {
    if (event.type !== 'warning' && event.type !== 'note') continue;
    const key = `${event.type} ${event.message}`;
    counts.set(key, { type: event.type, message: event.message, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  if (counts.size === 0) return undefined;
  return html`<section><h2>Messages</h2><ul class="messages">${[...counts.values()].map(
    ({ type, message, count }) =>
      html`<li class="${type}">${type === 'warning' ? 'warning: ' : ''}${message}${count > 1 ? ` (${count} times)` : ''}</li>`,
  )}</ul></section>`;
}

function architectureSection({ events, genotypeDrawing }: ReportData): Markup | undefined {
  const states = events.filter((event) => event.type === 'architecture');
  if (genotypeDrawing === undefined && states.length === 0) return undefined;
  const path = states.at(-1)?.path;
  // As an image and not inline: a drawing from a copied folder may hold anything, and in an image no script runs.
  const drawing =
    genotypeDrawing &&
    html`<div class="scroll drawing"><img src="${dataUri(genotypeDrawing.type, genotypeDrawing.content)}" alt="the architecture: its path through the trellis and its cell"></div>`;
  return html`<section><h2>Architecture</h2>${drawing}${path && html`<p class="quiet">strides by layer: ${strides(path)}</p>`}${pathHistory(states)}</section>`;
}

/** When the most probable path changed. */
function pathHistory(states: readonly EventOf<'architecture'>[]): Markup | undefined {
  const paths = states.flatMap(({ epoch, path }) => (path ? [{ epoch, path }] : []));
  const changes = paths.filter(({ path }, i) => i === 0 || path.join() !== paths[i - 1].path.join());
  if (changes.length < 2) return undefined;
  const shown = changes.slice(-12);
  return html`<h3>Changes of the path</h3><div class="scroll"><table class="numbers">
<thead><tr><th scope="col">epoch</th><th scope="col">strides by layer</th></tr></thead><tbody>${shown.map(
    ({ epoch, path }) => html`<tr><th>${epoch + 1}</th><td>${strides(path)}</td></tr>`,
  )}</tbody></table></div>${changes.length > shown.length ? html`<p class="quiet">The last ${shown.length} of ${changes.length} are shown.</p>` : undefined}`;
}

const configSection = ({ config }: ReportData): Markup | undefined =>
  config === undefined
    ? undefined
    : html`<section><h2>Settings</h2><p class="quiet">Every setting as it was resolved: the command runs again from them with config=config.yaml.</p><pre><code>${config}</code></pre></section>`;

/** What the methods come from; each line stands for itself. */
const REFERENCES = [
  {
    text: 'C. Liu, L.-C. Chen, F. Schroff, H. Adam, W. Hua, A. Yuille, L. Fei-Fei: Auto-DeepLab: Hierarchical Neural Architecture Search for Semantic Image Segmentation. CVPR 2019',
    arxiv: '1901.02985',
  },
  { text: 'H. Liu, K. Simonyan, Y. Yang: DARTS: Differentiable Architecture Search. ICLR 2019', arxiv: '1806.09055' },
  {
    text: 'L.-C. Chen, Y. Zhu, G. Papandreou, F. Schroff, H. Adam: Encoder-Decoder with Atrous Separable Convolution for Semantic Image Segmentation. ECCV 2018',
    arxiv: '1802.02611',
  },
  {
    text: 'B. Zoph, V. Vasudevan, J. Shlens, Q. V. Le: Learning Transferable Architectures for Scalable Image Recognition (scheduled drop path). CVPR 2018',
    arxiv: '1707.07012',
  },
] as const;

const DINTS = {
  text: 'Y. He, D. Yang, H. Roth, C. Zhao, D. Xu: DiNTS: Differentiable Neural Network Topology Search for 3D Medical Image Segmentation. CVPR 2021',
  arxiv: '2103.15954',
} as const;

function referencesSection({ starts }: ReportData): Markup {
  const list = starts.at(-1)?.config.method === 'dints' ? [DINTS, ...REFERENCES] : REFERENCES;
  return html`<section><h2>References</h2><ol>${list.map(
    ({ text, arxiv }) => html`<li>${text}. <a href="https://arxiv.org/abs/${arxiv}">arXiv ${arxiv}</a></li>`,
  )}</ol></section>`;
}

const inPercent = (share: number | null): string => (share === null ? '–' : `${(100 * share).toFixed(2)} %`);

const whenOf = (epoch: number | undefined, split: string): string =>
  epoch === undefined ? split : `${split}, epoch ${epoch + 1}`;

/** Four digits, as many as a reader compares. */
const short = (value: number): string => String(Number(value.toPrecision(4)));

/** Level 0 is stride 4. */
const strides = (path: readonly number[]): string => path.map((level) => 4 * 2 ** level).join(' ');

/** `2025-06-30 14:05:09 UTC`; a time that is none stays as it is. */
const moment = (time: string): string => time.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?Z$/, '$1 $2 UTC');
