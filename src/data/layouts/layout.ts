/**
 * @file What a data-set layout is, and how folders of pictures and masks are listed and paired. A layout is a row of the table in `detect.ts`.
 */
import { readdir, stat } from 'node:fs/promises';
import { join, parse, relative, sep } from 'node:path';
import { DataError } from '../../base/errors.ts';
import type { DataSet, Sample } from '../types.ts';

/** Options of opening a data set. */
export interface OpenOptions {
  /** List files without a partner in `unpaired` instead of refusing the data set; for checks. */
  allowUnpaired?: boolean;
  /** For data without a split: another one is another split by hash; default 0. */
  splitSeed?: number;
  /** For data without a split, or with folds of their own: which fold is val, from 0; default 0. */
  fold?: number;
  /** For data without a split: number of folds; default 5. */
  folds?: number;
}

/** One way to lay out a data set on disk. */
export interface Layout {
  name: string;
  /** What a folder must hold to be of this layout, for the error message. */
  looksFor: string;
  /** Whether the folder is of this layout: looks at names and descriptions only. */
  matches(root: string): Promise<boolean>;
  /** Opens a folder that matches. */
  open(root: string, options: OpenOptions): Promise<DataSet>;
}

/** Pictures with their masks, and who stayed alone. */
export interface Pairing {
  samples: Sample[];
  /** Pictures without a mask. */
  alone: string[];
  /** Masks without a picture. */
  unused: string[];
}

const PICTURES = new Set(['.png', '.jpg', '.jpeg', '.webp', '.tif', '.tiff', '.bmp']);

/** Endings that mask files may carry after the name of their picture. */
const MASK_ENDINGS = ['', '_mask', '_label', '_labels', '_gt', '_seg', '_L'];

/** Whether the path is a folder. */
export async function isFolder(...path: string[]): Promise<boolean> {
  return (await stat(join(...path)).catch(() => undefined))?.isDirectory() ?? false;
}

/** Whether the path is a file. */
export async function isFile(...path: string[]): Promise<boolean> {
  return (await stat(join(...path)).catch(() => undefined))?.isFile() ?? false;
}

/** The picture files below a folder, sorted by path; hidden files (also `._*` of macOS) are passed over. */
export async function listPictures(folder: string): Promise<string[]> {
  if (!(await isFolder(folder))) throw new DataError(`${folder}: no such folder`);
  const found: string[] = [];
  const walk = async (at: string): Promise<void> => {
    for (const entry of await readdir(at, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue;
      const path = join(at, entry.name);
      const kind = entry.isSymbolicLink() ? await stat(path).catch(() => undefined) : entry;
      if (kind?.isDirectory()) await walk(path);
      else if (kind?.isFile() && PICTURES.has(parse(entry.name).ext.toLowerCase())) found.push(path);
    }
  };
  await walk(folder);
  return found.sort();
}

/** How the mask of a picture is named, both without extension; the default allows the endings of `MASK_ENDINGS`. */
export interface Naming {
  /** Possible names of the mask of a picture, the best first. */
  masksOf(picture: string): string[];
  /** Whether a file in the mask folder is a mask at all. */
  isMask(name: string): boolean;
}

const SAME_NAME: Naming = {
  masksOf: (picture) => MASK_ENDINGS.map((ending) => picture + ending),
  isMask: () => true,
};

/** Pairs the pictures below one folder with the masks below another by path without extension; `prefix` comes before the ids. */
export async function pairFolders(
  images: string,
  masks: string,
  prefix: string,
  naming: Naming = SAME_NAME,
): Promise<Pairing> {
  const pictures = byStem(images, await listPictures(images));
  const labels = byStem(masks, await listPictures(masks), naming.isMask);
  if (pictures.size === 0) throw new DataError(`${images}: holds no pictures`, `known: ${[...PICTURES].join(' ')}`);
  const samples: Sample[] = [];
  const alone: string[] = [];
  const unused = new Set(labels.values());
  for (const [stem, image] of pictures) {
    const label = naming
      .masksOf(stem)
      .map((name) => labels.get(name))
      .find((file) => file !== undefined);
    if (label === undefined) {
      alone.push(image);
    } else {
      unused.delete(label);
      samples.push({ id: prefix + stem, source: { kind: 'files', image, label } });
    }
  }
  return { samples, alone, unused: [...unused] };
}

/** Files by their path without extension, which must tell them apart. */
function byStem(
  folder: string,
  files: readonly string[],
  accept: (stem: string) => boolean = () => true,
): Map<string, string> {
  const map = new Map<string, string>();
  for (const file of files) {
    const stem = stemOf(folder, file);
    if (!accept(stem)) continue;
    const other = map.get(stem);
    if (other !== undefined) throw new DataError(`${other} and ${file} have one name`, 'rename or remove one of them');
    map.set(stem, file);
  }
  return map;
}

/** The files of several pairings without a partner; throws when pictures lack masks, unless `allowUnpaired`. */
export function unpairedOf(pairings: readonly Pairing[], options: OpenOptions): string[] {
  const alone = pairings.flatMap((pairing) => pairing.alone);
  if (alone.length > 0 && !options.allowUnpaired) {
    const named = alone.slice(0, 5).join(', ') + (alone.length > 5 ? `, ... (${alone.length} in all)` : '');
    throw new DataError(`pictures without a mask: ${named}`, 'add their masks under the same name, or remove them');
  }
  return [...alone, ...pairings.flatMap((pairing) => pairing.unused)];
}

/** Path below `folder` without extension, with `/` on every system. */
function stemOf(folder: string, file: string): string {
  const path = relative(folder, file);
  return path
    .slice(0, path.length - parse(path).ext.length)
    .split(sep)
    .join('/');
}
