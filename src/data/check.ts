/**
 * @file Reads a data set through and says what is in it and what is wrong, with the file and the way to mend it. Never throws over data.
 */
import { EspalierError } from '../base/errors.ts';
import { loadLabelMap, loadPicture } from './picture.ts';
import { unknownValues } from './sample.ts';
import { paintScene } from './scenes.ts';
import { type DataSet, IGNORE, NOT_ALLOWED, type Raster, type Sample, type SplitName } from './types.ts';

/** One thing that is wrong: training fails on an `error`, and suffers from a `warning`. */
export interface DataProblem {
  severity: 'error' | 'warning';
  /** The file, or the data set's name where it is about all of it. */
  file: string;
  message: string;
  fix: string;
}

/** What `checkDataSet` found; shares and frequencies are of the split train. */
export interface DataReport {
  /** Samples listed, and read by this check. */
  counts: Record<SplitName, { listed: number; read: number }>;
  /** Picture sizes over both splits, the most frequent first. */
  sizes: { width: number; height: number; count: number }[];
  /** For each class its share of all pixels, ignored ones included in the whole. */
  classShares: number[];
  /** Share of pixels that are ignored. */
  ignoredShare: number;
  /** For each class its pixels over the counted pixels of the pictures where it occurs (SegNet's frequency). */
  classFrequencies: number[];
  problems: DataProblem[];
}

/** Options of `checkDataSet`. */
export interface CheckOptions {
  /** At most this many samples of a split are read, evenly spread; default all. */
  limit?: number;
  /** Called after each sample. */
  onProgress?: (done: number, total: number) => void;
}

/** Checks a data set; open it with `allowUnpaired` to have unpaired files listed here. */
export async function checkDataSet(dataset: DataSet, options: CheckOptions = {}): Promise<DataReport> {
  const { limit = Number.POSITIVE_INFINITY, onProgress } = options;
  const problems: DataProblem[] = dataset.unpaired.map((file) => ({
    severity: 'warning',
    file,
    message: 'has no partner of the same name',
    fix: 'add the missing file, or remove this one',
  }));
  const chosen = { train: spread(dataset.splits.train, limit), val: spread(dataset.splits.val, limit) };
  const sizes = new Map<string, number>();
  const tally = createTally(dataset.classes.length);
  const total = chosen.train.length + chosen.val.length;
  let done = 0;
  for (const split of ['train', 'val'] as const) {
    for (const sample of chosen[split]) {
      const labels = await checkSample(dataset, sample, sizes, problems);
      if (split === 'train' && labels !== undefined) tally.add(labels, dataset.labelMap);
      onProgress?.(++done, total);
    }
  }
  problems.push(...checkSplits(dataset), ...checkClasses(dataset, tally, chosen.train.length));
  return {
    counts: {
      train: { listed: dataset.splits.train.length, read: chosen.train.length },
      val: { listed: dataset.splits.val.length, read: chosen.val.length },
    },
    sizes: [...sizes]
      .map(([size, count]) => {
        const [width, height] = size.split('x').map(Number);
        return { width, height, count };
      })
      .sort((a, b) => b.count - a.count),
    ...tally.shares(),
    problems: problems.sort((a, b) => Number(a.severity === 'warning') - Number(b.severity === 'warning')),
  };
}

/** Checks the files of one sample; returns its raw labels when they can be counted. */
async function checkSample(
  dataset: DataSet,
  { source }: Sample,
  sizes: Map<string, number>,
  problems: DataProblem[],
): Promise<Raster['data'] | undefined> {
  const count = (width: number, height: number): void => {
    const key = `${width}x${height}`;
    sizes.set(key, (sizes.get(key) ?? 0) + 1);
  };
  if (source.kind === 'scene') {
    count(source.width, source.height);
    return paintScene(source.seed, source.width, source.height).label;
  }
  if (source.kind !== 'files') return undefined;
  const picture = await attempt(source.image, () => loadPicture(source.image), problems);
  if (picture !== undefined) count(picture.width, picture.height);
  const { label } = source;
  if (label === undefined) {
    problems.push({ severity: 'error', file: source.image, message: 'has no labels', fix: 'add a label file' });
    return undefined;
  }
  const raster = await attempt(label, () => loadLabelMap(label), problems);
  if (raster === undefined) return undefined;
  if (picture !== undefined && (raster.width !== picture.width || raster.height !== picture.height)) {
    problems.push({
      severity: 'error',
      file: label,
      message: `is ${raster.width}x${raster.height}, its picture ${picture.width}x${picture.height}`,
      fix: 'a picture and its labels have one size: scale labels with the nearest neighbour only',
    });
  }
  const unknown = unknownValues(raster.data, dataset.labelMap);
  if (unknown.length > 0) problems.push(unknownProblem(label, raster, unknown, dataset));
  else if (looksBinary(raster) && dataset.labelMap[IGNORE] === IGNORE && dataset.classes.length <= 2) {
    problems.push({
      severity: 'warning',
      file: label,
      message: 'holds only 0 and 255, and 255 is ignored',
      fix: BINARY_FIX,
    });
  }
  return raster.data;
}

const BINARY_FIX = 'for a mask of 0 and 255 write `classes: {0: background, 255: object}` in data.yaml';

const shiftedFix = (classes: number): string =>
  `these look like ids from 1: name the values in data.yaml, \`classes: {1: ..., ${classes}: ...}\` with \`ignore: 0\` where 0 is no class`;

function unknownProblem(file: string, raster: Raster, unknown: number[], dataset: DataSet): DataProblem {
  const shown = unknown.slice(0, 12).join(', ') + (unknown.length > 12 ? `, ... (${unknown.length} values)` : '');
  const message = `label values ${shown} belong to none of the ${dataset.classes.length} classes`;
  let fix = 'name them under `classes` or `ignore` in data.yaml';
  const { length: count } = dataset.classes;
  if (looksBinary(raster)) fix = BINARY_FIX;
  else if (unknown.length === 1 && unknown[0] === count && !raster.data.includes(0)) fix = shiftedFix(count);
  else if (raster.bitDepth === 16) fix = 'these look like instance ids: labels hold one class id a pixel';
  else if (unknown.length > 12)
    fix = 'so many values come of smoothed or JPEG-compressed masks: write the labels again without';
  return { severity: 'error', file, message, fix };
}

function looksBinary({ data, bitDepth }: Raster): boolean {
  return bitDepth === 8 && data.includes(IGNORE) && data.every((value) => value === 0 || value === IGNORE);
}

function checkSplits(dataset: DataSet): DataProblem[] {
  const problems: DataProblem[] = [];
  for (const split of ['train', 'val'] as const) {
    if (dataset.splits[split].length > 0) continue;
    problems.push({
      severity: 'error',
      file: dataset.name,
      message: `${split} is empty`,
      fix: 'add labelled pictures',
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
  return source.kind === 'files' ? source.image : JSON.stringify(source);
}

function checkClasses(
  dataset: DataSet,
  { pixels, values }: { pixels: Float64Array; values: ReadonlySet<number> },
  read: number,
): DataProblem[] {
  if (read === 0) return [];
  // Classes that were read off the masks: with ids from 1 there is one too many.
  if (
    dataset.layout === 'folder' &&
    !values.has(0) &&
    dataset.labelMap[0] === 0 &&
    dataset.classes[0]?.name === 'class 0'
  ) {
    return [
      {
        severity: 'warning',
        file: dataset.name,
        message: `value 0 occurs in none of the ${read} train masks that were read`,
        fix: shiftedFix(dataset.classes.length - 1),
      },
    ];
  }
  return dataset.classes.flatMap(({ name }, id): DataProblem[] =>
    pixels[id] > 0
      ? []
      : [
          {
            severity: 'warning',
            file: dataset.name,
            message: `class ${id} (${name}) occurs in none of the ${read} train pictures that were read`,
            fix: 'it cannot be learnt: add pictures of it, or leave it out of the classes',
          },
        ],
  );
}

/** Counts pixels by class, over all pictures and over those where the class occurs. */
function createTally(classes: number) {
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
    shares: (): Pick<DataReport, 'classShares' | 'classFrequencies' | 'ignoredShare'> => ({
      classShares: [...pixels].map((count) => count / Math.max(1, all)),
      classFrequencies: [...pixels].map((count, id) => count / Math.max(1, where[id])),
      ignoredShare: ignored / Math.max(1, all),
    }),
  };
}

function spread<T>(items: readonly T[], limit: number): T[] {
  if (items.length <= limit) return [...items];
  const count = Math.max(1, Math.floor(limit));
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)]);
}

async function attempt<T>(file: string, load: () => Promise<T>, problems: DataProblem[]): Promise<T | undefined> {
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
