/**
 * @file Which files are images, by the ending of their names: one list for training, checks and predictions.
 */
import { extname } from 'node:path';

/** Endings of the images that are read, in lower case. */
export const IMAGE_ENDINGS: readonly string[] = ['.png', '.jpg', '.jpeg', '.webp', '.tif', '.tiff'];

/** Endings of images that other programs write and that are not read here: they are reported, not passed over in silence. */
export const UNREAD_ENDINGS: readonly string[] = [
  ...['.bmp', '.gif', '.heic', '.heif', '.avif', '.jxl', '.jp2', '.j2k', '.ppm', '.pgm', '.pnm', '.pbm', '.tga'],
  ...['.exr', '.hdr', '.dng', '.cr2', '.nef', '.arw', '.raw', '.psd', '.svg', '.npy', '.npz', '.mat'],
];

/** The ending of a file name in lower case, with its dot. */
export const endingOf = (name: string): string => extname(name).toLowerCase();

/** Whether a file of this name is read as an image. Hidden files (also `._*` of macOS) are none. */
export const isImageName = (name: string): boolean => !name.startsWith('.') && IMAGE_ENDINGS.includes(endingOf(name));
