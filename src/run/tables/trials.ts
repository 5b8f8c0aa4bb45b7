/**
 * @file Searches side by side that differ in their seed: what each one found, its curve, and the table. Reads run folders and knows no network.
 */

import { type CsvValue, formatCsvRow } from '../../base/csv.ts';
import type { RunFolder } from '../folder.ts';
import { scoredEpochs } from '../report/curves.ts';
import { loadReportData } from '../report/data.ts';
import { type ComparedRun, readOutcome } from './comparison.ts';

/** One search with the training of what it found; null where there is no number, or not yet. */
export interface Trial {
  readonly seed: number;
  readonly status: ComparedRun['status'];
  /** mIoU of the supernet after each epoch, in [0, 1]. */
  readonly curve: readonly { readonly epoch: number; readonly miou: number | null }[];
  /** The found architecture in short. */
  readonly architecture: string;
  /** The best score of the short training, in [0, 1]: mIoU, of volumes the mean Dice. */
  readonly retrained: number | null;
  /** The folder of the search. */
  readonly run: string;
}

/** What the logs of a search and of the training after it say; the training may not have begun. */
export function readTrial(seed: number, search: RunFolder, architecture: string, training?: RunFolder): Trial {
  const data = loadReportData(search);
  const curve = scoredEpochs(data).flatMap(({ epoch, miou }) => (epoch === undefined ? [] : [{ epoch, miou }]));
  const retrained = training ? readOutcome(training).score : null;
  return { seed, status: data.status, curve, architecture, retrained, run: search.path };
}

/** The trial with the best short training; of equal ones the first. Undefined where none has a score. */
export const bestTrial = (trials: readonly Trial[]): Trial | undefined =>
  trials.reduce<Trial | undefined>(
    (best, trial) => ((trial.retrained ?? -1) > (best?.retrained ?? -1) ? trial : best),
    undefined,
  );

/** One row a trial. */
export function formatTrialsCsv(trials: readonly Trial[]): string {
  const rows = trials.map(({ seed, status, curve, retrained, architecture, run }): CsvValue[] => [
    ...[seed, status, curve.at(-1)?.miou, retrained, architecture, run],
  ]);
  return [['seed', 'status', 'supernet', 'retrained', 'architecture', 'run'], ...rows]
    .map((row) => `${formatCsvRow(row)}\n`)
    .join('');
}

/** The table, the best trial marked, with a line on how it was chosen. */
export function formatTrialsMarkdown(trials: readonly Trial[], conditions: { data: string; steps: number }): string {
  const best = bestTrial(trials);
  const rows = trials.map((trial) => [
    `${trial.seed}${trial === best ? ' (chosen)' : ''}`,
    percent(trial.curve.at(-1)?.miou),
    percent(trial.retrained),
    trial.architecture,
    trial.status === 'done' ? '' : trial.status,
  ]);
  const head = ['seed', 'mIoU % of the supernet', 'score % retrained', 'found', 'remarks'];
  return [
    `${conditions.data}: searches with different seeds; what each found was trained for ${conditions.steps} steps, and its best score on the validation split (mIoU, of volumes the mean Dice) chooses.`,
    '',
    line(head),
    line(['---', '---:', '---:', '---', '---']),
    ...rows.map(line),
    '',
  ].join('\n');
}

const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
const percent = (share: number | null | undefined): string =>
  typeof share === 'number' ? (100 * share).toFixed(2) : '–';
