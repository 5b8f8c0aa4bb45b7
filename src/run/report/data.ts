/**
 * @file What a report shows, read from a run folder in whatever state it is: going, done, diverged, copied without its checkpoints.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCsv } from '../../base/csv.ts';
import { DataError } from '../../base/errors.ts';
import { parseJson } from '../../base/json.ts';
import { maybeTextFile } from '../../base/textFile.ts';
import { formatConfig } from '../config/config.ts';
import type { DataFile } from '../dataFile.ts';
import { listEvaluations, type NamedEvaluation } from '../evaluations.ts';
import { readEvents } from '../eventLog.ts';
import type { RunEvent, RunStatus } from '../events.ts';
import type { RunFolder } from '../folder.ts';
import { type Peers, readPeers } from '../peers.ts';
import { withoutRepeats } from '../tables/repeats.ts';

/** Events of one type. */
export type EventOf<Type extends RunEvent['type']> = Extract<RunEvent, { type: Type }>;

/** More sample pictures than this are only counted. */
const MOST_SAMPLES = 24;

/** A picture of the run folder. */
export interface ReportPicture {
  readonly name: string;
  readonly type: 'image/png' | 'image/jpeg' | 'image/svg+xml';
  readonly content: Uint8Array;
}

/** A class as the legend of the samples shows it. */
export interface ReportClass {
  readonly name: string;
  readonly colour: readonly number[];
  readonly share?: number;
}

/** Everything a report is made of. */
export interface ReportData {
  readonly command: string;
  readonly name: string;
  /** `unfinished` when the log has no end: the run is going or was killed. */
  readonly status: RunStatus | 'unfinished';
  readonly message: string;
  /** From the first start to the last one; a resumed run has several. */
  readonly starts: readonly EventOf<'start'>[];
  /** What counts: epochs that were done again after a resume appear once. */
  readonly events: readonly RunEvent[];
  /** Seconds between the first and the last event of each start, summed up. */
  readonly seconds: number;
  readonly lastTime: string | undefined;
  readonly config: string | undefined;
  readonly genotypeDrawing: ReportPicture | undefined;
  /** What was measured after the training. */
  readonly evaluations: readonly NamedEvaluation[];
  /** Header and rows. */
  readonly perClass: readonly (readonly string[])[] | undefined;
  readonly confusion:
    | { readonly names: readonly string[]; readonly counts: readonly (readonly number[])[] }
    | undefined;
  readonly confusionPicture: ReportPicture | undefined;
  readonly samples: readonly ReportPicture[];
  /** The classes with their colours and, where they were looked at, their shares of the training pixels. */
  readonly classes?: readonly ReportClass[];
  /** Sample pictures that are left out. */
  readonly moreSamples: number;
  /** The networks that it was compared with; absent where it was not. */
  readonly peers?: Peers | undefined;
}

/**
 * Reads a run; what is missing is undefined or empty.
 * @throws DataError when the event log is damaged.
 */
export function loadReportData(folder: RunFolder): ReportData {
  const log = existsSync(folder.events) ? readEvents(folder.events) : [];
  const starts = log.filter((event) => event.type === 'start');
  const sinceStart = log.slice(log.findLastIndex(({ type }) => type === 'start') + 1);
  const end = sinceStart.findLast((event) => event.type === 'end');
  return {
    command: folder.command,
    name: folder.name,
    status: end?.status ?? 'unfinished',
    message: end?.message ?? '',
    starts,
    events: withoutRepeats(log),
    seconds: secondsOf(log),
    lastTime: log.at(-1)?.time,
    config:
      maybeTextFile(folder.config) ?? (starts.length > 0 ? formatConfig(starts[starts.length - 1].config) : undefined),
    genotypeDrawing: readImage(folder.genotypeDrawing, 'genotype.svg'),
    evaluations: listEvaluations(folder),
    ...loadScores(folder),
    classes: loadClasses(join(folder.path, 'data.json')),
    peers: loadPeers(folder.path),
  };
}

/** A damaged file costs the report its part, no more. */
function loadPeers(folder: string): Peers | undefined {
  try {
    return readPeers(folder);
  } catch (error) {
    if (error instanceof DataError) return undefined;
    throw error;
  }
}

/** The classes of `data.json`; none where there is no such file, or one of another form. */
function loadClasses(file: string): ReportClass[] {
  try {
    const { classes, report } = parseJson(maybeTextFile(file) ?? '{}') as Partial<DataFile>;
    return (classes ?? []).flatMap(({ name, colour }, id) => {
      const share = report?.classShares?.[id];
      const isColour = Array.isArray(colour) && colour.length === 3 && colour.every(Number.isFinite);
      return typeof name === 'string' && isColour
        ? [{ name, colour, ...(typeof share === 'number' ? { share } : {}) }]
        : [];
    });
  } catch {
    return [];
  }
}

/** The scores of the training of a run, or of an evaluation, and the samples that were kept of them. */
export function loadScores({
  perClassCsv,
  confusionCsv,
  confusionPicture,
  samples,
}: Pick<RunFolder, 'perClassCsv' | 'confusionCsv' | 'confusionPicture' | 'samples'>): Pick<
  ReportData,
  'perClass' | 'confusion' | 'confusionPicture' | 'samples' | 'moreSamples'
> {
  const names = existsSync(samples) ? readdirSync(samples).filter(isImage).sort(byNumber) : [];
  return {
    perClass: readTable(perClassCsv),
    confusion: readConfusion(confusionCsv),
    confusionPicture: readImage(confusionPicture, 'confusion_matrix.png'),
    samples: names.slice(0, MOST_SAMPLES).flatMap((name) => readImage(join(samples, name), name) ?? []),
    moreSamples: Math.max(0, names.length - MOST_SAMPLES),
  };
}

function secondsOf(log: readonly RunEvent[]): number {
  let total = 0;
  for (const [i, { type, time }] of log.entries()) {
    const passed = i === 0 || type === 'start' ? 0 : (Date.parse(time) - Date.parse(log[i - 1].time)) / 1000;
    // A clock that was set back takes nothing away.
    if (passed > 0) total += passed;
  }
  return total;
}

function readConfusion(path: string): ReportData['confusion'] {
  const [header, ...rows] = readTable(path) ?? [];
  if (header === undefined) return undefined;
  const names = header.slice(1);
  const counts = rows.map((row) => row.slice(1).map(Number));
  const whole =
    counts.length === names.length && counts.every((row) => row.length === names.length && row.every(Number.isFinite));
  return whole && names.length > 0 ? { names, counts } : undefined;
}

function readTable(path: string): string[][] | undefined {
  const text = maybeTextFile(path);
  if (text === undefined) return undefined;
  const { rows } = parseCsv(text, path);
  return rows.length > 1 ? rows : undefined;
}

const isImage = (name: string): boolean => typeOf(name) !== undefined && !name.startsWith('.');

function readImage(path: string, name: string): ReportPicture | undefined {
  const type = typeOf(name);
  if (type === undefined || !existsSync(path)) return undefined;
  return { name, type, content: readFileSync(path) };
}

function typeOf(name: string): ReportPicture['type'] | undefined {
  if (/\.png$/i.test(name)) return 'image/png';
  if (/\.jpe?g$/i.test(name)) return 'image/jpeg';
  return /\.svg$/i.test(name) ? 'image/svg+xml' : undefined;
}

const byNumber = (a: string, b: string): number => a.localeCompare(b, 'en', { numeric: true });
