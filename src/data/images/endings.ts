/**
 * @file Which files are images, by the ending of their names: one list for training, checks and predictions.
 */
import { extname } from 'node:path';

/** Endings of the images that are read, in lower case. */
export const IMAGE_ENDINGS: readonly string[] = ['.png', '.jpg', '.jpeg', '.webp', '.tif', '.tiff'];

/** Endings of images that other programs write and that are not read here: they are reported, not passed over in silence. */
export const UNREAD_ENDINGS: readonly string[] = [
  ...['.bmp', '.gif', '.heic', '.heif', '.avif', '.jxl', '.jp2', '.j2k', '.ppm', '.pgm', '.pnm', '.pbm', '.tga'],
  ...['.exr', '.dng', '.cr2', '.nef', '.arw', '.raw', '.psd', '.svg', '.npy', '.npz', '.mat'],
];

/** The ending of a file name in lower case, with its dot. */
export const endingOf = (name: string): string => extname(name).toLowerCase();

/** Whether a file of this name is read as an image. Hidden files (also `._*` of macOS) are none. */
export const isImageName = (name: string): boolean => !name.startsWith('.') && IMAGE_ENDINGS.includes(endingOf(name));

/** In words, how many files there are of each of the endings: `12 .json files, 3 .txt files`; empty when there is none. */
export const countFiles = (counts: ReadonlyMap<string, number>, endings: readonly string[]): string =>
  endings
    .flatMap((ending) => {
      const count = counts.get(ending);
      return count === undefined ? [] : [`${count} ${ending} file${count === 1 ? '' : 's'}`];
    })
    .join(', ');

/** In words, how many of the names are images that are not read; empty when there is none. */
export function countUnread(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names)
    if (!name.startsWith('.')) counts.set(endingOf(name), (counts.get(endingOf(name)) ?? 0) + 1);
  return countFiles(counts, UNREAD_ENDINGS);
}
