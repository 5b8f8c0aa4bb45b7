/**
 * @file Trainings side by side: what each run reached, the table by architecture with the spread over seeds, as Markdown and CSV. Reads run folders and
 * knows no network.
 */
import { type CsvValue, formatCsvRow } from '../csv.ts';
import type { RunStatus } from '../events.ts';
import type { RunFolder } from '../folder.ts';
import { type EventOf, loadReportData } from '../report/data.ts';

/** One training of a comparison. */
export interface ComparedRun {
  readonly architecture: string;
  readonly seed: number;
  readonly run: string;
  readonly status: RunStatus | 'unfinished';
  /** The best on the validation split, in [0, 1]: mIoU of images, mean Dice of volumes; null where a run has none. */
  readonly score: number | null;
  /** With a CRF, and its milliseconds a sample, where one was asked for. */
  readonly crfScore?: number | null;
  readonly crfMs?: number | null;
  /** Pixel accuracy of the same evaluation. */
  readonly pixelAccuracy: number | null;
  readonly parameters: number;
  /** Of one image of the comparison's size. */
  readonly multiplyAdds: number;
  /** Peak bytes of a training step: estimated, and measured where that was asked for. */
  readonly trainingBytes: number;
  readonly measuredBytes: number | null;
  /** Milliseconds of an inference of one image of the comparison's size, where they were measured. */
  readonly latencyMs?: number;
  readonly steps: number;
  /** Seconds of wall-clock time, evaluation included. */
  readonly seconds: number;
}

/** What an architecture costs, whatever the seed. */
export type ComparedCost = Pick<
  ComparedRun,
  'parameters' | 'multiplyAdds' | 'trainingBytes' | 'measuredBytes' | 'latencyMs'
>;

/** An architecture with all its seeds; means and deviations are over the runs that have a score. */
export interface ComparedArchitecture extends ComparedCost {
  readonly architecture: string;
  readonly runs: readonly ComparedRun[];
  readonly mean: number | null;
  /** Sample standard deviation; null below two scores. */
  readonly deviation: number | null;
}

/** What the log of a run says of its outcome. */
export function readOutcome(
  folder: RunFolder,
): Pick<ComparedRun, 'status' | 'score' | 'pixelAccuracy' | 'steps' | 'seconds'> {
  const { status, events, seconds } = loadReportData(folder);
  const stepsOf = new Map<number, number>();
  let best: EventOf<'evaluation'> | undefined;
  for (const event of events) {
    if (event.type === 'step') stepsOf.set(event.epoch, event.step);
    if (event.type === 'evaluation' && (scoreOf(event) ?? -1) > (best ? (scoreOf(best) ?? -1) : -1)) best = event;
  }
  const steps = [...stepsOf.values()].reduce((total, count) => total + count, 0);
  return { status, score: best ? scoreOf(best) : null, pixelAccuracy: best?.pixelAccuracy ?? null, steps, seconds };
}

const scoreOf = ({ volumes, miou }: EventOf<'evaluation'>): number | null => (volumes ? volumes.dice : miou);

/** The runs by architecture, the best mean first, those without a score last. */
export function groupRuns(runs: readonly ComparedRun[]): ComparedArchitecture[] {
  const names = [...new Set(runs.map(({ architecture }) => architecture))];
  return names
    .map((architecture) => {
      const own = runs.filter((run) => run.architecture === architecture);
      const scores = own.flatMap(({ score }) => (score === null ? [] : [score]));
      const mean = scores.length === 0 ? null : scores.reduce((sum, value) => sum + value, 0) / scores.length;
      const squares = scores.reduce((sum, value) => sum + (value - (mean as number)) ** 2, 0);
      const [{ parameters, multiplyAdds, trainingBytes, measuredBytes, latencyMs }] = own;
      const costs = {
        parameters,
        multiplyAdds,
        trainingBytes,
        measuredBytes,
        ...(latencyMs === undefined ? {} : { latencyMs }),
      };
      const deviation = scores.length < 2 ? null : Math.sqrt(squares / (scores.length - 1));
      return { architecture, runs: own, ...costs, mean, deviation };
    })
    .sort((a, b) => (b.mean ?? -1) - (a.mean ?? -1));
}

/** One row a run. */
export function formatComparisonCsv(runs: readonly ComparedRun[]): string {
  const keys = [
    'architecture',
    'seed',
    'status',
    'score',
    ...(runs.some(({ crfScore }) => crfScore !== undefined) ? (['crfScore', 'crfMs'] as const) : []),
    'pixelAccuracy',
    'parameters',
    'multiplyAdds',
    'trainingBytes',
    'measuredBytes',
    ...(runs.some(({ latencyMs }) => latencyMs !== undefined) ? (['latencyMs'] as const) : []),
    'steps',
    'seconds',
    'run',
  ] as const satisfies readonly (keyof ComparedRun)[];
  return [keys, ...runs.map((run) => keys.map((key): CsvValue => run[key] ?? null))]
    .map((row) => `${formatCsvRow(row)}\n`)
    .join('');
}

/** What was held equal, and what is compared. */
export interface ComparisonConditions {
  readonly data: string;
  readonly budget: string;
  /** Samples a step, and the sides of each. */
  readonly batch: number;
  readonly size: readonly number[];
  readonly score: 'mIoU' | 'mean Dice';
}

/** The table by architecture with a line on what was held equal. */
export function formatComparisonMarkdown(
  architectures: readonly ComparedArchitecture[],
  { data, budget, size, batch, score: measure }: ComparisonConditions,
): string {
  const measured = architectures.some(({ measuredBytes }) => measuredBytes !== null);
  const timed = architectures.some(({ latencyMs }) => latencyMs !== undefined);
  const refined = architectures.some(({ runs }) => runs.some(({ crfScore }) => crfScore !== undefined));
  const rows = architectures.map((one) => {
    const { architecture, runs, mean, deviation } = one;
    const failed = runs.filter(({ score }) => score === null).map(({ seed, status }) => `seed ${seed} ${status}`);
    return [
      architecture,
      mean === null ? '–' : `${percent(mean)}${deviation === null ? '' : ` ± ${percent(deviation)}`}`,
      runs.map(({ score }) => (score === null ? '–' : percent(score))).join(', '),
      ...(refined ? [refinedCell(runs)] : []),
      (one.parameters / 1e6).toFixed(2),
      (one.multiplyAdds / 1e9).toFixed(2),
      (one.trainingBytes / 1e9).toFixed(3),
      ...(measured ? [one.measuredBytes === null ? '–' : (one.measuredBytes / 1e9).toFixed(3)] : []),
      ...(timed ? [one.latencyMs === undefined ? '–' : one.latencyMs.toFixed(1)] : []),
      String(Math.round(mean === null ? 0 : meanOf(runs.map(({ steps }) => steps)))),
      failed.join('; '),
    ];
  });
  const shape = size.join(' x ');
  const head = [
    'architecture',
    `${measure} % (± standard deviation)`,
    'of each seed',
    ...(refined ? [`${measure} % with CRF (of each seed), ms a sample`] : []),
    'parameters, M',
    `multiply-adds at ${shape}, G`,
    `memory of a step of ${batch}, GB`,
    ...(measured ? ['measured, GB'] : []),
    ...(timed ? ['ms an image'] : []),
    'steps',
    'remarks',
  ];
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [
    `${data}, every architecture from scratch for ${budget} with the same settings; the best ${measure} on the validation split. Memory is estimated${measured ? ', and measured in a process of its own' : ''}.`,
    '',
    line(head),
    line(head.map((_, i) => (i === 0 || i === head.length - 1 ? '---' : '---:'))),
    ...rows.map(line),
    '',
  ].join('\n');
}

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const percent = (share: number): string => (100 * share).toFixed(2);

/** `61.20 (60.80, 61.60), 180 ms`: the mean over the seeds, each, and the mean of the time. */
function refinedCell(runs: readonly ComparedRun[]): string {
  const known = runs.flatMap(({ crfScore, crfMs }) =>
    crfScore == null ? [] : [{ crfScore, ms: crfMs ?? Number.NaN }],
  );
  if (known.length === 0) return '–';
  const scores = known.map(({ crfScore }) => crfScore);
  const ms = meanOf(known.map((one) => one.ms)).toFixed(0);
  return `${percent(meanOf(scores))} (${scores.map(percent).join(', ')}), ${ms}`;
}
