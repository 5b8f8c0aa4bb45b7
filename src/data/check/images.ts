/**
 * @file Reads a data set of pictures through and says what is in it and what is wrong.
 */

import { loadLabelMap, loadPicture } from '../images/image.ts';
import { unknownValues } from '../sample.ts';
import { paintScene } from '../scenes/scenes.ts';
import { IGNORE, type PictureSet, type Raster, type Sample } from '../types.ts';
import {
  attempt,
  type CheckOptions,
  checkClasses,
  checkSplits,
  countsOf,
  createTally,
  type DataProblem,
  type PictureReport,
  sortProblems,
  spread,
  unpairedProblems,
} from './parts.ts';

/** Checks a data set of pictures. */
export async function checkPictures(dataset: PictureSet, options: CheckOptions = {}): Promise<PictureReport> {
  const { limit = Number.POSITIVE_INFINITY, onProgress } = options;
  const problems = unpairedProblems(dataset);
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
  problems.push(...checkSplits(dataset), ...checkIds(dataset, tally, chosen.train.length));
  return {
    rank: 2,
    counts: countsOf(dataset, chosen),
    sizes: [...sizes]
      .map(([size, count]) => {
        const [width, height] = size.split('x').map(Number);
        return { width, height, count };
      })
      .sort((a, b) => b.count - a.count),
    ...tally.shares(),
    problems: sortProblems(problems),
  };
}

/** Checks the files of one sample; returns its raw labels when they can be counted. */
async function checkSample(
  dataset: PictureSet,
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

/** Classes that never occur; where they were read off masks with ids from 1 there is one too many, and that is said instead. */
function checkIds(
  dataset: PictureSet,
  { pixels, values }: { pixels: Float64Array; values: ReadonlySet<number> },
  read: number,
): DataProblem[] {
  const readOff = dataset.layout === 'folder' && dataset.classes[0]?.name === 'class 0';
  if (read === 0 || !readOff || values.has(0) || dataset.labelMap[0] !== 0) return checkClasses(dataset, pixels, read);
  return [
    {
      severity: 'warning',
      file: dataset.name,
      message: `value 0 occurs in none of the ${read} train masks that were read`,
      fix: shiftedFix(dataset.classes.length - 1),
    },
  ];
}

function unknownProblem(file: string, raster: Raster, unknown: number[], dataset: PictureSet): DataProblem {
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
