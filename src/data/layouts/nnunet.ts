/**
 * @file nnU-Net v2: `imagesTr/<case>_<channel><ending>` with four digits for the channel, `labelsTr/<case><ending>`, and a `dataset.json`
 * with `channel_names` and `file_ending`. Where a `splits_final.json` lies beside it, its folds are taken.
 */
import { join } from 'node:path';
import { DataError } from '../../base/errors.ts';
import { isNiftiName } from '../nifti/read.ts';
import type { Sample } from '../types.ts';
import { channelOf } from './channels.ts';
import { type DatasetJson, isNnunet, loadDatasetJson } from './datasetJson.ts';
import type { Layout, OpenOptions } from './layout.ts';
import { readNnunetSplit } from './nnunetSplits.ts';
import { assembleVolumes, hasTestLabels, listVolumes, type VolumePairing } from './volumeFolders.ts';

/** The layout `nnunet`. */
export const nnunet: Layout = {
  name: 'nnunet',
  looksFor: 'dataset.json with channel_names and file_ending',
  matches: isNnunet,
  open: async (root, options) => {
    const description = await loadDatasetJson(root);
    const { ending = '.nii.gz', file } = description;
    if (!isNiftiName(`case${ending}`)) {
      throw new DataError(`${file}: file_ending ${ending} cannot be read`, 'convert the volumes to .nii.gz');
    }
    const train = await pairCases(root, description, options);
    const split = await readNnunetSplit(root, train.samples, options.fold ?? 0);
    const test = (await hasTestLabels(root)) ? await pairCases(root, description, options, 'Ts') : undefined;
    const pairings = {
      ...(split ? { train: { ...train, samples: split.train }, val: { samples: split.val, alone: [] } } : { train }),
      ...(test ? { test } : {}),
    };
    const dataset = assembleVolumes(root, 'nnunet', description, pairings, options);
    return split ? { ...dataset, splitRule: 'listed folds' } : dataset;
  },
};

async function pairCases(
  root: string,
  { modalities }: DatasetJson,
  options: OpenOptions,
  part: 'Tr' | 'Ts' = 'Tr',
): Promise<VolumePairing> {
  const files = await listVolumes(join(root, `images${part}`));
  const labels = await listVolumes(join(root, `labels${part}`));
  const cases = new Map<string, (string | undefined)[]>();
  for (const [name, file] of files) {
    const named = channelOf(name);
    if (named === undefined)
      throw new DataError(`${file}: its name ends in no channel`, 'expected <case>_0000 and so on');
    const { id, channel } = named;
    if (channel >= modalities.length)
      throw new DataError(
        `${file}: channel ${channel}, but dataset.json names ${modalities.length} (${modalities.join(', ')})`,
        'name it under channel_names in dataset.json, or take it out',
      );
    const images = cases.get(id) ?? [];
    images[channel] = file;
    cases.set(id, images);
  }
  const samples: Sample[] = [];
  const alone = [...labels].filter(([id]) => !cases.has(id)).map(([, file]) => file);
  for (const [id, found] of cases) {
    const missing = modalities.findIndex((_, channel) => found[channel] === undefined);
    const images = found.filter((file) => file !== undefined);
    const label = labels.get(id);
    if (missing >= 0 && !options.allowUnpaired) {
      const channel = String(missing).padStart(4, '0');
      throw new DataError(
        `${images[0]}: the case lacks ${modalities[missing]} (${id}_${channel})`,
        'add the missing modality, or remove the case',
      );
    }
    if (missing >= 0 || label === undefined) for (const image of images) alone.push(image);
    else samples.push({ id, source: { kind: 'volume', images, label } });
  }
  return { samples, alone };
}
