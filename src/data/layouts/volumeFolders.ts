/**
 * @file Folders of volumes with their labels: how files are listed, found and paired, for all layouts of volumes.
 */
import { existsSync, readdirSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { DataError } from '../../base/errors.ts';
import { countKinds } from '../../base/text.ts';
import { splitFold } from '../folds.ts';
import { isNiftiName } from '../nifti/read.ts';
import { IGNORE, type Sample, type VolumeSet } from '../types.ts';
import { standardPreparation } from '../volumes/preparation.ts';
import type { DatasetJson } from './datasetJson.ts';
import { isFolder, type OpenOptions } from './layout.ts';
import { testPart } from './testPart.ts';

/** Samples with a label, and files without a partner. */
export interface VolumePairing {
  samples: Sample[];
  /** Images without a label, or labels without an image. */
  alone: string[];
}

/** Name of a volume without its folder and ending, composed (NFC): file systems give the same name in two forms. */
export const volumeId = (path: string): string =>
  basename(path)
    .replace(/\.(nii|hdr|img)(\.gz)?$/i, '')
    .normalize('NFC');

/** Volumes in a folder by their id, sorted: NIfTI files, and folders of DICOM slices. Hidden files (also `._*` of macOS) are passed over. */
export async function listVolumes(folder: string): Promise<Map<string, string>> {
  if (!(await isFolder(folder))) throw new DataError(`${folder}: no such folder`);
  const found = new Map<string, string>();
  for (const entry of (await readdir(folder, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    const directory = entry.isDirectory() || (entry.isSymbolicLink() && (await isFolder(path)));
    if (!directory && !isNiftiName(entry.name)) continue;
    const id = directory ? entry.name.normalize('NFC') : volumeId(entry.name);
    const other = found.get(id);
    if (other !== undefined) throw new DataError(`${other} and ${path} have one name`, 'rename or remove one of them');
    found.set(id, path);
  }
  return found;
}

/**
 * Finds where listed paths are: as written below the root, else with or without `.gz`, else the same name in the same folder below the root, as for
 * absolute paths of another machine. Nothing outside the root is looked at. Folders are listed once: a list may be longer than the disk is fast.
 */
export function createLocator(root: string): (path: string) => Promise<string | undefined> {
  const listed = new Map<string, Promise<ReadonlySet<string>>>();
  const namesIn = (folder: string): Promise<ReadonlySet<string>> => {
    let names = listed.get(folder);
    if (names === undefined) {
      names = readdir(folder).then(
        (all) => new Set(all),
        () => new Set(),
      );
      listed.set(folder, names);
    }
    return names;
  };
  const isThere = async (parts: readonly string[]): Promise<boolean> => {
    let folder = root;
    for (const part of parts) {
      if (!(await namesIn(folder)).has(part)) return false;
      folder = join(folder, part);
    }
    return true;
  };
  return async (path) => {
    const parts = path.split(/[/\\]/).filter((part) => part !== '' && part !== '.');
    if (parts.includes('..')) throw new DataError(`${path}: leaves the folder ${root}`, 'move the file below it');
    for (const candidate of [parts, parts.slice(-2)]) {
      const name = candidate.at(-1) ?? '';
      const other = name.endsWith('.gz') ? name.slice(0, -3) : `${name}.gz`;
      for (const last of [name, other]) {
        const found = [...candidate.slice(0, -1), last];
        if (await isThere(found)) return join(root, ...found);
      }
    }
    return undefined;
  };
}

/** Whether a folder of volumes has a test part with labels. */
export const hasTestLabels = async (root: string): Promise<boolean> =>
  (await isFolder(root, 'imagesTs')) && (await isFolder(root, 'labelsTs'));

/** The data set of a `dataset.json` and its pairings; without one for val, folds split the samples. */
export function assembleVolumes(
  root: string,
  layout: string,
  description: DatasetJson,
  pairings: { train: VolumePairing; val?: VolumePairing; test?: Pick<VolumePairing, 'samples'> },
  options: OpenOptions,
): VolumeSet {
  const { train, val, test } = pairings;
  const alone = [...train.alone, ...(val?.alone ?? [])];
  if (alone.length > 0 && !options.allowUnpaired) {
    const named = alone.slice(0, 5).join(', ') + (alone.length > 5 ? `, ... (${alone.length} in all)` : '');
    throw new DataError(
      `files without a partner: ${named}`,
      `add the missing images or labels, or remove these${unreadable(root)}`,
    );
  }
  if (train.samples.length === 0)
    throw new DataError(
      `${root}: holds no labelled volumes`,
      `they belong into imagesTr/ and labelsTr/ as .nii.gz, .nii, or folders of DICOM slices${unreadable(root)}`,
    );
  refuseTwins(root, [...train.samples, ...(val?.samples ?? []), ...(test?.samples ?? [])]);
  return {
    name: description.name ?? basename(root),
    layout,
    rank: 3,
    classes: description.classes,
    ...(description.regions ? { regions: description.regions } : {}),
    ignore: IGNORE,
    labelMap: description.labelMap,
    ...(description.ignoredLabels ? { ignoredLabels: description.ignoredLabels } : {}),
    ...(val === undefined
      ? { splits: splitFold(train.samples, { ...options, where: root }), splitRule: 'hash' as const }
      : { splits: { train: train.samples, val: val.samples } }),
    ...testPart(test?.samples ?? []),
    unpaired: alone,
    modalities: description.modalities,
    preparation: standardPreparation(description.modalities),
  };
}

/** Files of other formats where volumes belong, for messages. */
function unreadable(root: string): string {
  const found = ['imagesTr', 'labelsTr'].flatMap((folder) => {
    const path = join(root, folder);
    if (!existsSync(path)) return [];
    const names = readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.startsWith('.') && !isNiftiName(entry.name))
      .map(({ name }) => name)
      // The second file of a pair is found by its header.
      .filter((name) => !/\.img(\.gz)?$/i.test(name));
    return names.length === 0 ? [] : [`${folder}/ holds ${countKinds(names.map((name) => extname(name) || name))}`];
  });
  return found.length === 0 ? '' : `; ${found.join(' and ')}, which cannot be read: convert them to .nii.gz`;
}

function refuseTwins(root: string, samples: readonly Sample[]): void {
  const seen = new Set<string>();
  for (const { id } of samples) {
    if (seen.has(id))
      throw new DataError(
        `${root}: ${id} is listed twice`,
        'take it out of one place, or give the files different names',
      );
    seen.add(id);
  }
}
