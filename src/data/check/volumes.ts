/**
 * @file Reads a data set of volumes through and says what is in it and what is wrong, and what its volumes are like.
 */

import { appendAll } from '../../base/lists.ts';
import { classOfRaw, labelFault, niftiRawLabels, type RawLabels } from '../nifti/labels.ts';
import { readNifti } from '../nifti/read.ts';
import { IGNORE, type Sample, type VolumeSet } from '../types.ts';
import type { Volume } from '../volume.ts';
import { createFingerprint, type Fingerprint } from '../volumes/fingerprint.ts';
import { loadModalities, requireSameGrid, volumeSourceOf } from '../volumes/load.ts';
import { paintPhantom } from '../volumes/phantoms.ts';
import { adviceOn } from './advice.ts';
import { createLikeness } from './likeness.ts';
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
  const likeness = createLikeness();
  const total = chosen.train.length + chosen.val.length;
  let done = 0;
  for (const split of ['train', 'val'] as const) {
    for (const sample of chosen[split]) {
      const { image, labels } = await checkVolume(dataset, sample, problems);
      if (image !== undefined && sample.source.kind === 'volume')
        likeness.add({ split, id: sample.id, file: sample.source.images[0], shape: image.shape, data: image.data });
      if (split === 'train') {
        if (labels !== undefined) tally.add(labels, dataset.labelMap);
        if (image !== undefined) fingerprint.add(image, maskOf(labels, dataset.labelMap));
      }
      onProgress?.(++done, total);
    }
  }
  appendAll(problems, checkSplits(dataset));
  appendAll(problems, likeness.duplicates());
  appendAll(problems, checkClasses(dataset, tally.pixels, chosen.train.length));
  return {
    rank: 3,
    counts: countsOf(dataset, chosen),
    ...tally.shares(),
    fingerprint: fingerprint.result(),
    problems: sortProblems(problems),
    advice: adviceOn(dataset, tally.shares(), likeness),
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
  const image = (await attempt(file, () => loadModalities(source.images, dataset.modalities), problems))?.image;
  if (image !== undefined) appendAll(problems, checkIntensities(image, file));
  const { label } = source;
  if (label === undefined) {
    problems.push({ severity: 'error', file, message: 'has no labels', fix: 'add a label file' });
    return { image };
  }
  const raw = await attempt(
    label,
    async () => niftiRawLabels(await readNifti(label), label, dataset.ignoredLabels),
    problems,
  );
  if (raw === undefined) return { image };
  appendAll(problems, checkLabels(raw, label, dataset));
  if (image === undefined) return { labels: raw.data };
  const before = problems.length;
  await attempt(label, () => requireSameGrid(raw, label, image, file), problems);
  return problems.length === before ? { image, labels: raw.data } : { image };
}

function checkLabels(raw: RawLabels, file: string, { labelMap }: VolumeSet): DataProblem[] {
  const fault = labelFault(raw, labelMap);
  if (fault) return [{ severity: 'error', file, ...fault }];
  if (
    raw.data.some((value) => {
      const id = classOfRaw(value, labelMap);
      return id !== 0 && id !== IGNORE;
    })
  )
    return [];
  return [
    {
      severity: 'warning',
      file,
      message: 'is background everywhere',
      fix: 'right for a volume without findings; else label it again',
    },
  ];
}

/** Voxels that were not measured, which count as air. */
function checkIntensities({ data }: Volume, file: string): DataProblem[] {
  let missing = 0;
  for (const value of data) if (Number.isNaN(value)) missing++;
  if (missing === 0) return [];
  return [
    {
      severity: 'warning',
      file,
      message: `${((100 * missing) / data.length).toFixed(1)} % of its values are NaN or infinite`,
      fix: 'they count as air (the lower end of the window, else the smallest value): right outside the circle of a scanner; else write what was measured',
    },
  ];
}

/** Class ids of raw labels, what is none as background: for the foreground alone. */
function maskOf(labels: Uint16Array | undefined, labelMap: readonly number[]): { data: Uint8Array } | undefined {
  if (labels === undefined) return undefined;
  return { data: Uint8Array.from(labels, (value) => Math.max(0, classOfRaw(value, labelMap))) };
}
