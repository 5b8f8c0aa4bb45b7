/**
 * @file The words of a command line as input files: images, or volumes with their channels.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ConfigError, DataError } from '../base/errors.ts';
import { IMAGE_ENDINGS, isImageName } from '../data/images/endings.ts';
import { listVolumes, volumeId } from '../data/layouts/volumeFolders.ts';
import { isNiftiName } from '../data/nifti/read.ts';

/** One volume: a name for its prediction, and its files, one a channel or one with all. */
export interface VolumeInput {
  readonly id: string;
  readonly files: readonly string[];
}

/** The image files that words name: files, all in a folder, or those that match `*` in the last part of a path. */
export const findPictures = (words: readonly string[]): string[] =>
  words.flatMap((word) => {
    if (existsSync(word) && !statSync(word).isDirectory()) return [word];
    return listed(word, isImageName, `image (${IMAGE_ENDINGS.join(' ')})`);
  });

/**
 * The volumes that words name: NIfTI files, folders of DICOM slices, folders of either, or files that match `*`. With several `modalities`,
 * files `<id>_0000`, `<id>_0001`, ... are the channels of one volume, as in nnU-Net.
 */
export async function findVolumes(words: readonly string[], modalities: number): Promise<VolumeInput[]> {
  const files: string[] = [];
  for (const word of words) {
    if (!existsSync(word)) files.push(...listed(word, isNiftiName, 'volume (nii, nii.gz, hdr)'));
    else if (!statSync(word).isDirectory()) files.push(word);
    else {
      const inside = [...(await listVolumes(word)).values()];
      // A folder with neither volumes nor folders in it is one of DICOM slices.
      files.push(...(inside.length > 0 ? inside : [word]));
    }
  }
  const volumes = new Map<string, string[]>();
  for (const file of files) {
    const name = volumeId(file);
    const id = modalities > 1 ? name.replace(/_\d{4}$/, '') : name;
    volumes.set(id, [...(volumes.get(id) ?? []), file]);
  }
  for (const [id, parts] of volumes)
    if (parts.length > modalities)
      throw new ConfigError(`${parts.slice(0, 2).join(' and ')} are both called ${id}`, 'predict them one at a time');
  return [...volumes].map(([id, parts]) => ({ id, files: parts.sort() }));
}

/** What lies in a folder, or matches a pattern. */
function listed(word: string, isWanted: (name: string) => boolean, what: string): string[] {
  if (existsSync(word)) return within(word, isWanted);
  const folder = word.includes('/') ? word.slice(0, word.lastIndexOf('/')) : '.';
  const pattern = basename(word);
  if (!pattern.includes('*') || !existsSync(folder)) throw new DataError(`${word}: no such file or folder`);
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  const matcher = new RegExp(`^${parts.join('.*')}$`);
  const found = within(folder, (name) => isWanted(name) && matcher.test(name));
  if (found.length === 0) throw new DataError(`${word}: matches no ${what}`);
  return found;
}

const within = (folder: string, isWanted: (name: string) => boolean): string[] =>
  readdirSync(folder)
    .filter((name) => isWanted(name) && !name.startsWith('.'))
    .sort()
    .map((name) => join(folder, name));
