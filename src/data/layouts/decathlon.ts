/**
 * @file Medical Segmentation Decathlon: `imagesTr/` and `labelsTr/` with the same file names, channels on the fourth axis, and a
 * `dataset.json` that lists them. There is no official val split: folds make one.
 */
import { join } from 'node:path';
import { DataError } from '../../base/errors.ts';
import type { Sample } from '../types.ts';
import { type ListedVolume, loadDatasetJson } from './datasetJson.ts';
import { isFile, type Layout } from './layout.ts';
import {
  assembleVolumes,
  createLocator,
  hasTestLabels,
  listVolumes,
  type VolumePairing,
  volumeId,
} from './volumeFolders.ts';

/** The layout `decathlon`. */
export const decathlon: Layout = {
  name: 'decathlon',
  looksFor: 'dataset.json with imagesTr/ and labelsTr/',
  matches: (root) => isFile(root, 'dataset.json'),
  open: async (root, options) => {
    const description = await loadDatasetJson(root);
    const { training, validation } = description;
    const train = training?.length ? await pairListed(root, training) : await pairFolders(root);
    const val = validation?.length ? await pairListed(root, validation) : undefined;
    const test = (await hasTestLabels(root)) ? await pairFolders(root, 'Ts') : undefined;
    const pairings = { train, ...(val ? { val } : {}), ...(test ? { test } : {}) };
    return assembleVolumes(root, 'decathlon', description, pairings, options);
  },
};

async function pairListed(root: string, listed: readonly ListedVolume[]): Promise<VolumePairing> {
  const seen = new Set<string>();
  for (const id of listed.map(({ images }) => volumeId(images[0]))) {
    if (seen.has(id))
      throw new DataError(
        `${root}: ${id} is listed twice`,
        'take it out of one place, or give the files different names',
      );
    seen.add(id);
  }
  const locate = createLocator(root);
  const samples: Sample[] = [];
  const alone: string[] = [];
  for (const entry of listed) {
    const wanted = [...entry.images, ...(entry.label === undefined ? [] : [entry.label])];
    const found = await Promise.all(wanted.map((path) => locate(path)));
    const files = found.filter((file) => file !== undefined);
    if (entry.label === undefined || files.length < wanted.length) {
      // Files that are there lack a partner; where none is, the names of the list say which.
      for (const file of files.length > 0 ? files : entry.images.map((path) => join(root, path))) alone.push(file);
      continue;
    }
    const label = files.pop();
    samples.push({ id: volumeId(entry.images[0]), source: { kind: 'volume', images: files, label: label! } });
  }
  return { samples, alone };
}

async function pairFolders(root: string, part: 'Tr' | 'Ts' = 'Tr'): Promise<VolumePairing> {
  const images = await listVolumes(join(root, `images${part}`));
  const labels = await listVolumes(join(root, `labels${part}`));
  const samples: Sample[] = [];
  const alone = [...labels].filter(([id]) => !images.has(id)).map(([, file]) => file);
  for (const [id, image] of images) {
    const label = labels.get(id);
    if (label === undefined) alone.push(image);
    else samples.push({ id, source: { kind: 'volume', images: [image], label } });
  }
  return { samples, alone };
}
