/**
 * @file What the checks of images and of volumes share: the report, and what is wrong with splits and classes.
 */
import { dirname } from 'node:path';
import { EspalierError } from '../../base/errors.ts';
import type { SampleType } from '../channels/format.ts';
import type { ChannelStatistics } from '../channels/statistics.ts';
import { oneClass } from '../layouts/classes.ts';
import { nearestPartner } from '../layouts/pairing.ts';
import { type DataSet, IGNORE, NOT_ALLOWED, type Raster, type Sample, type SplitName } from '../types.ts';

/** One thing that is wrong: training fails on an `error`, and suffers from a `warning`. */
export interface DataProblem {
  severity: 'error' | 'warning';
  /** The file, or the data set's name where it is about all of it. */
  file: string;
  message: string;
  fix: string;
  /** Further files of which the same is to be said. */
  others?: string[];
}

/** What a check found, of any rank; shares and frequencies are of the split train. */
export interface ReportBase {
  /** Samples listed, and read by this check. */
  counts: Record<SplitName, { listed: number; read: number }>;
  /** For each class its share of all pixels, ignored ones included in the whole. */
  classShares: number[];
  /** Share of pixels that are ignored. */
  ignoredShare: number;
  /** For each class its pixels over the counted pixels of the images where it occurs (SegNet's frequency). */
  classFrequencies: number[];
  problems: DataProblem[];
  /** What is not wrong and may be done better, a sentence each. */
  advice: string[];
}

/** What the check of a data set of images found. */
export interface ImageReport extends ReportBase {
  rank: 2;
  /** Image sizes over both splits, the most frequent first. */
  sizes: { width: number; height: number; count: number }[];
  /** Of images that are not 8-bit RGB: the type of their samples, and what each channel is like on train. */
  channels?: { dtype: SampleType; statistics: ChannelStatistics[] };
}

/** Options of `checkDataSet`. */
export interface CheckOptions {
  /** At most this many samples of a split are read, evenly spread; default all. */
  limit?: number;
  /** Called after each sample. */
  onProgress?: (done: number, total: number) => void;
}

/** Splits that are empty or share samples, and classes too few to tell apart. */
export function checkSplits(dataset: DataSet): DataProblem[] {
  const problems: DataProblem[] = [];
  if (dataset.classes.length < 2) problems.push({ severity: 'error', file: dataset.name, ...oneClass(dataset) });
  for (const split of ['train', 'val'] as const) {
    if (dataset.splits[split].length > 0) continue;
    problems.push({
      severity: 'error',
      file: dataset.name,
      message: `${split} is empty`,
      fix: 'add labelled samples',
    });
  }
  const seen = new Set(dataset.splits.train.map(sourceKey));
  for (const sample of dataset.splits.val) {
    if (!seen.has(sourceKey(sample))) continue;
    problems.push({
      severity: 'warning',
      file: sample.id,
      message: 'is in train and in val',
      fix: 'take it out of one: what is measured on val would be too good',
    });
  }
  return problems;
}

function sourceKey({ source }: Sample): string {
  return source.kind === 'files' ? source.image : source.kind === 'volume' ? source.images[0] : JSON.stringify(source);
}

/** So many absent classes are named. */
const MOST_NAMED = 8;

/** Classes that occur in no training sample that was read, as one problem. */
export function checkClasses(dataset: DataSet, pixels: Float64Array, read: number): DataProblem[] {
  if (read === 0) return [];
  const absent = dataset.classes.flatMap(({ name }, id) => (pixels[id] > 0 ? [] : [`${id} (${name})`]));
  if (absent.length === 0) return [];
  const named = absent.slice(0, MOST_NAMED).join(', ') + (absent.length > MOST_NAMED ? ', ...' : '');
  const [subject, pronoun] =
    absent.length === 1 ? [`class ${named} occurs`, 'it'] : [`${absent.length} classes, ${named}, occur`, 'they'];
  return [
    {
      severity: 'warning',
      file: dataset.name,
      message: `${subject} in none of the ${read} train samples that were read`,
      fix: `${pronoun} cannot be learnt: add samples, or leave ${pronoun === 'it' ? 'it' : 'them'} out of the classes`,
    },
  ];
}

/** Counts pixels by class, over all samples and over those where the class occurs. */
export function createTally(classes: number) {
  const pixels = new Float64Array(classes);
  const where = new Float64Array(classes);
  const values = new Set<number>();
  let ignored = 0;
  let all = 0;
  return {
    pixels,
    /** Raw values that occur. */
    values,
    add(labels: Raster['data'], labelMap: readonly number[]): void {
      const here = new Float64Array(256);
      let counted = 0;
      for (const value of labels) {
        values.add(value);
        const id = labelMap[value] ?? NOT_ALLOWED;
        if (id === IGNORE || id === NOT_ALLOWED) continue;
        here[id]++;
        counted++;
      }
      all += labels.length;
      ignored += labels.length - counted;
      for (let id = 0; id < classes; id++) {
        pixels[id] += here[id];
        if (here[id] > 0) where[id] += counted;
      }
    },
    shares: (): Pick<ReportBase, 'classShares' | 'classFrequencies' | 'ignoredShare'> => ({
      classShares: [...pixels].map((count) => count / Math.max(1, all)),
      classFrequencies: [...pixels].map((count, id) => count / Math.max(1, where[id])),
      ignoredShare: ignored / Math.max(1, all),
    }),
  };
}

/** At most `limit` items, evenly spread. */
export function spread<T>(items: readonly T[], limit: number): T[] {
  if (items.length <= limit) return [...items];
  const count = Math.max(1, Math.floor(limit));
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)]);
}

/** What `load` gives; or undefined, and why as a problem of `file`. */
export async function attempt<T>(
  file: string,
  load: () => Promise<T> | T,
  problems: DataProblem[],
): Promise<T | undefined> {
  try {
    return await load();
  } catch (error) {
    const { message } = error as Error;
    const advice = error instanceof EspalierError ? error.advice : undefined;
    const plain = advice === undefined ? message : message.slice(0, message.length - advice.length - 2);
    problems.push({
      severity: 'error',
      file,
      message: plain.startsWith(`${file}: `) ? plain.slice(file.length + 2) : plain,
      fix: advice ?? 'fetch or write the file again',
    });
    return undefined;
  }
}

/** Files that stand alone: one problem for each folder, whose example is shown with what may be its partner. */
export function unpairedProblems({ unpaired }: DataSet): DataProblem[] {
  const folders = new Map<string, string[]>();
  for (const file of unpaired) folders.set(dirname(file), [...(folders.get(dirname(file)) ?? []), file]);
  return [...folders].map(([folder, [file, ...others]]) => ({
    severity: 'warning',
    file,
    message: `has no partner of the same name${nearestPartner(
      file,
      unpaired.filter((other) => dirname(other) !== folder),
    )}`,
    fix: 'add the missing file, or remove this one',
    ...(others.length > 0 ? { others } : {}),
  }));
}

/** What was left aside or decided when the data set was opened. */
export const noteProblems = ({ name, notes = [] }: DataSet): DataProblem[] =>
  notes.map((message) => ({
    severity: 'warning',
    file: name,
    message,
    fix: 'change the data or data.yaml if that is not meant',
  }));

/** Errors before warnings; what is the same for several files is one problem, with the first of them and their count. */
export function sortProblems(problems: readonly DataProblem[]): DataProblem[] {
  const merged = new Map<string, DataProblem>();
  for (const problem of problems) {
    const key = JSON.stringify([problem.severity, problem.message, problem.fix]);
    const same = merged.get(key);
    if (same === undefined) merged.set(key, { ...problem });
    else same.others = [...(same.others ?? []), problem.file];
  }
  return [...merged.values()].sort((a, b) => Number(a.severity === 'warning') - Number(b.severity === 'warning'));
}

/** Samples listed, and the chosen ones. */
export const countsOf = (dataset: DataSet, chosen: Record<SplitName, readonly Sample[]>): ReportBase['counts'] => ({
  train: { listed: dataset.splits.train.length, read: chosen.train.length },
  val: { listed: dataset.splits.val.length, read: chosen.val.length },
});
