/**
 * @file Reads a data set of volumes through and says what is in it and what is wrong, and what its volumes are like.
 */

import { readNifti } from '../nifti/read.ts';
import { listValues, niftiRawLabels, type RawLabels } from '../nifti/volume.ts';
import { IGNORE, NOT_ALLOWED, type Sample, type VolumeSet } from '../types.ts';
import type { Volume } from '../volume.ts';
import { createFingerprint, type Fingerprint } from '../volumes/fingerprint.ts';
import { loadImage, requireSameGrid, volumeSourceOf } from '../volumes/load.ts';
import { paintPhantom } from '../volumes/phantoms.ts';
import {
  attempt,
  type CheckOptions,
  checkClasses,
  checkSplits,
  countsOf,
  createTally,
  type DataProblem,
  type ReportBase,
  sortProblems,
  spread,
  unpairedProblems,
} from './parts.ts';

/** What the check of a data set of volumes found. */
export interface VolumeReport extends ReportBase {
  rank: 3;
  /** Of the training volumes that could be read; undefined when there is none. */
  fingerprint: Fingerprint | undefined;
}

/** Checks a data set of volumes. */
export async function checkVolumes(dataset: VolumeSet, options: CheckOptions = {}): Promise<VolumeReport> {
  const { limit = Number.POSITIVE_INFINITY, onProgress } = options;
  const problems = unpairedProblems(dataset);
  const chosen = { train: spread(dataset.splits.train, limit), val: spread(dataset.splits.val, limit) };
  const tally = createTally(dataset.classes.length);
  const fingerprint = createFingerprint(dataset.modalities);
  const total = chosen.train.length + chosen.val.length;
  let done = 0;
  for (const split of ['train', 'val'] as const) {
    for (const sample of chosen[split]) {
      const { image, labels } = await checkVolume(dataset, sample, problems);
      if (split === 'train') {
        if (labels !== undefined) tally.add(labels, dataset.labelMap);
        if (image !== undefined) fingerprint.add(image, maskOf(labels, dataset.labelMap));
      }
      onProgress?.(++done, total);
    }
  }
  problems.push(...checkSplits(dataset), ...checkClasses(dataset, tally.pixels, chosen.train.length));
  return {
    rank: 3,
    counts: countsOf(dataset, chosen),
    ...tally.shares(),
    fingerprint: fingerprint.result(),
    problems: sortProblems(problems),
  };
}

/** Checks the files of one sample; gives what can be measured: the image, and raw labels on its grid. */
async function checkVolume(
  dataset: VolumeSet,
  sample: Sample,
  problems: DataProblem[],
): Promise<{ image?: Volume | undefined; labels?: Uint16Array }> {
  const source = volumeSourceOf(sample);
  if (source.kind === 'phantom') {
    const { image, label } = paintPhantom(source.seed, source.shape);
    return { image, labels: Uint16Array.from(label.data) };
  }
  const [file] = source.images;
  const image = (await attempt(file, () => loadImage(source.images, dataset.modalities), problems))?.image;
  const { label } = source;
  if (label === undefined) {
    problems.push({ severity: 'error', file, message: 'has no labels', fix: 'add a label file' });
    return { image };
  }
  const raw = await attempt(label, async () => niftiRawLabels(await readNifti(label), label), problems);
  if (raw === undefined) return { image };
  problems.push(...checkLabels(raw, label, dataset));
  if (image === undefined) return { labels: raw.data };
  const before = problems.length;
  await attempt(label, () => requireSameGrid(raw, label, image, file), problems);
  return problems.length === before ? { image, labels: raw.data } : { image };
}

function checkLabels({ data, fractions }: RawLabels, file: string, { labelMap, classes }: VolumeSet): DataProblem[] {
  if (fractions.length > 0) {
    return [
      {
        severity: 'error',
        file,
        message: `holds values that are no whole numbers, such as ${fractions.map((value) => Number(value.toPrecision(6))).join(', ')}`,
        fix: 'resample labels with the nearest neighbour only',
      },
    ];
  }
  const found = new Set<number>(data);
  const unknown = new Set([...found].filter((value) => (labelMap[value] ?? NOT_ALLOWED) === NOT_ALLOWED));
  if (unknown.size > 0) {
    return [
      {
        severity: 'error',
        file,
        message: `label values ${listValues(unknown)} belong to none of the ${classes.length} classes`,
        fix: 'name them under `labels` in dataset.json',
      },
    ];
  }
  if ([...found].some((value) => labelMap[value] !== 0 && labelMap[value] !== IGNORE)) return [];
  return [
    {
      severity: 'warning',
      file,
      message: 'is background everywhere',
      fix: 'right for a volume without findings; else label it again',
    },
  ];
}

/** Class ids of raw labels, what is none as background: for the foreground alone. */
function maskOf(labels: Uint16Array | undefined, labelMap: readonly number[]): { data: Uint8Array } | undefined {
  if (labels === undefined) return undefined;
  return { data: Uint8Array.from(labels, (value) => Math.max(0, labelMap[value] ?? 0)) };
}
