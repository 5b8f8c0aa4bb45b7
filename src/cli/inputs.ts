/**
 * @file The words of a command line as input files: images, or volumes with their channels.
 */
import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DataError } from '../base/errors.ts';
import { countUnread, IMAGE_ENDINGS, isImageName } from '../data/images/endings.ts';
import { type ChannelFile, groupChannels } from '../data/layouts/channels.ts';
import { listVolumes, volumeId } from '../data/layouts/volumeFolders.ts';
import { isNiftiName, readNiftiHeader } from '../data/nifti/read.ts';
import { niftiGrid } from '../data/nifti/volume.ts';

/** One volume: its name without folder and ending, and its files, one a channel or one with all. */
export interface VolumeInput {
  readonly id: string;
  readonly files: readonly string[];
}

/**
 * The image files that words name: files, all in a folder, or those that match `*` in the last part of a path. None is there twice.
 * @param warn gets what is passed over: images of formats that are not read.
 * @throws DataError for a folder or pattern without an image.
 */
export const findImages = (
  words: readonly string[],
  warn: (message: string) => void = (message) => process.stderr.write(`warning: ${message}\n`),
): string[] =>
  withoutRepeats(
    words.flatMap((word) => {
      if (existsSync(word) && !statSync(word).isDirectory()) return [word];
      const all = namedFiles(word);
      const unread = countUnread(all.map((file) => basename(file)));
      const found = filesOf(word, all, isImageName, `image (${IMAGE_ENDINGS.join(' ')})${unread && `, but ${unread}`}`);
      if (unread !== '') warn(`${word}: ${unread} not read; images are ${IMAGE_ENDINGS.join(' ')}`);
      return found;
    }),
  );

/**
 * The volumes that words name: NIfTI files, folders of DICOM slices, folders of either, or files that match `*`. With several `modalities`,
 * files `<id>_0000`, `<id>_0001`, ... are the channels of one volume, as in nnU-Net, in the order of their numbers.
 * @throws DataError naming the modality where a volume lacks a channel, has one twice, or one that there is none of.
 */
export async function findVolumes(words: readonly string[], modalities: readonly string[]): Promise<VolumeInput[]> {
  let found: string[] = [];
  for (const word of words) {
    if (!existsSync(word))
      found = found.concat(filesOf(word, namedFiles(word), isNiftiName, 'volume (nii, nii.gz, hdr)'));
    else if (!statSync(word).isDirectory()) found.push(word);
    else {
      const inside = [...(await listVolumes(word)).values()];
      // A folder with neither volumes nor folders in it is one of DICOM slices.
      found = found.concat(inside.length > 0 ? inside : [word]);
    }
  }
  const files = withoutRepeats(found);
  if (modalities.length === 1) return files.map((file) => ({ id: volumeId(file), files: [file] }));
  const channels: ChannelFile[] = [];
  for (const file of files) channels.push({ file, channels: await channelsOf(file) });
  return groupChannels(channels, modalities);
}

/** How many channels a file has by itself; a folder of slices has one. */
async function channelsOf(file: string): Promise<number> {
  return statSync(file).isDirectory() ? 1 : niftiGrid(await readNiftiHeader(file), file).channels;
}

/** Every file that is read with the inputs of a prediction: of a NIfTI pair both, of a folder of slices the folder. */
export const filesRead = (inputs: readonly string[]): string[] =>
  inputs.flatMap((file) => {
    const pair = /^(.*)\.(hdr|img)(\.gz)?$/i.exec(file);
    if (!pair) return [file];
    const stem = basename(pair[1]);
    return readdirSync(dirname(file))
      .filter((name) => name.startsWith(stem) && /^\.(hdr|img)(\.gz)?$/i.test(name.slice(stem.length)))
      .map((name) => join(dirname(file), name));
  });

/** The files by their real paths, each where it is first. */
function withoutRepeats(files: readonly string[]): string[] {
  const seen = new Set<string>();
  return files.filter((file) => {
    const real = realpathSync(file);
    return !seen.has(real) && seen.add(real);
  });
}

/** The wanted ones of the files that a word names. @throws DataError when there is none: `what` says what was wanted. */
function filesOf(word: string, all: readonly string[], isWanted: (name: string) => boolean, what: string): string[] {
  const found = all.filter((file) => isWanted(basename(file)));
  if (found.length === 0) {
    const verb = existsSync(word) ? 'holds' : 'matches';
    throw new DataError(`${word}: ${verb} no ${what}`, 'name files, folders or patterns');
  }
  return found;
}

/** What lies in a folder, or matches a pattern, sorted; hidden files are passed over. */
function namedFiles(word: string): string[] {
  if (existsSync(word)) return within(word, () => true);
  const folder = word.includes('/') ? word.slice(0, word.lastIndexOf('/')) : '.';
  const pattern = basename(word);
  if (!pattern.includes('*') || !existsSync(folder)) throw new DataError(`${word}: no such file or folder`);
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  const matcher = new RegExp(`^${parts.join('.*')}$`);
  return within(folder, (name) => matcher.test(name));
}

const within = (folder: string, isWanted: (name: string) => boolean): string[] =>
  readdirSync(folder)
    .filter((name) => isWanted(name) && !name.startsWith('.'))
    .sort()
    .map((name) => join(folder, name));
