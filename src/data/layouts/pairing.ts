/**
 * @file Images and their masks, listed and paired by name. Names are compared as text (Unicode in its composed form), an exact name
 * before one with an ending; a file is never its own partner, and no mask belongs to two images.
 */
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, isAbsolute, join, relative, sep } from 'node:path';
import { closest, distance } from 'fastest-levenshtein';
import { DataError } from '../../base/errors.ts';
import { countFiles, endingOf, IMAGE_ENDINGS, isImageName, UNREAD_ENDINGS } from '../images/endings.ts';
import type { Sample } from '../types.ts';
import { isFolder, type OpenOptions } from './layout.ts';

/** Images with their masks, and what was left without a partner. */
export interface Pairing {
  samples: Sample[];
  /** Images without a mask. */
  alone: string[];
  /** Masks without an image. */
  unused: string[];
  /** How masks are named, in words for errors; default as in {@link pairFolders}. */
  rule?: string;
  /** What was left aside, in words. */
  notes?: string[];
}

/** Masks may be GIF, too. */
const GIF = '.gif';

/** What lies below a folder. */
export interface Listing {
  /** Files that are read as images, sorted by path. */
  images: string[];
  /** How many other files there are of each ending. */
  others: Map<string, number>;
}

/** Endings that mask files may carry after the name of their image. */
export const MASK_ENDINGS: readonly string[] = ['_mask', '_masks', '_label', '_labels', '_gt', '_seg', '_L'];

/** Lists the files below a folder, of masks with those that are GIF; hidden ones (also `._*` of macOS) are passed over. @throws DataError where there is no such folder */
export async function listFolder(folder: string, { deep = true, ofMasks = false } = {}): Promise<Listing> {
  if (!(await isFolder(folder))) throw new DataError(`${folder}: no such folder`);
  const images: string[] = [];
  const others = new Map<string, number>();
  for (const path of await filesBelow(folder, { deep })) {
    if (isImageName(basename(path)) || (ofMasks && endingOf(path) === GIF)) images.push(path);
    else others.set(endingOf(path), (others.get(endingOf(path)) ?? 0) + 1);
  }
  return { images, others };
}

/** The files below a folder, sorted, without hidden ones; none where it is missing. */
export async function filesBelow(folder: string, { deep = true } = {}): Promise<string[]> {
  if (!(await isFolder(folder))) return [];
  const files: string[] = [];
  const walk = async (at: string): Promise<void> => {
    for (const entry of await readdir(at, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue;
      const path = join(at, entry.name);
      const kind = entry.isSymbolicLink() ? await stat(path).catch(() => undefined) : entry;
      if (kind?.isDirectory()) {
        if (deep) await walk(path);
      } else if (kind?.isFile()) files.push(path);
    }
  };
  await walk(folder);
  return files.sort();
}

/** How the mask of an image is named, both without extension; the default allows the endings of `MASK_ENDINGS`. */
export interface Naming {
  /** In words, for errors. */
  rule: string;
  /** Possible names of the mask of an image. */
  masksOf(image: string): string[];
  /** Whether a file in the mask folder is a mask at all. */
  isMask(name: string): boolean;
}

const SAME_NAME: Naming = {
  rule: `a mask has the name of its image, with or without one of ${MASK_ENDINGS.join(' ')}`,
  // DRIVE has 21_manual1.gif for 21_training.tif.
  masksOf: (image) => [
    ...['', ...MASK_ENDINGS].map((ending) => image + ending),
    ...(/_(training|test)$/.test(image) ? [image.replace(/_(training|test)$/, '_manual1')] : []),
  ],
  isMask: () => true,
};

/**
 * Pairs the images below one folder with the masks below another by path without extension; `prefix` comes before the ids. The folders may
 * be one, or lie in one another: then what carries a mask ending, or lies in the folder of the masks, is no image.
 */
export async function pairFolders(
  images: string,
  masks: string,
  prefix: string,
  naming: Naming = SAME_NAME,
): Promise<Pairing> {
  const own = await listFolder(images);
  const [imageRoot, maskRoot] = [await realpath(images), await realpath(masks).catch(() => '')];
  const sameFolder = imageRoot === maskRoot;
  const others = await listFolder(masks, { ofMasks: !sameFolder });
  // Of two folders in one another the inner one keeps its files.
  const outside = (files: readonly string[], from: string, root: string, inner: string): string[] =>
    isInside(inner, root) ? files.filter((file) => !isInside(join(root, relative(from, file)), inner)) : [...files];
  const pictures = byName(images, outside(own.images, images, imageRoot, maskRoot));
  const labels = byName(masks, outside(others.images, masks, maskRoot, imageRoot), naming.isMask);
  for (const name of maskNames(pictures, sameFolder ? undefined : labels)) pictures.delete(name);
  if (sameFolder) for (const name of pictures.keys()) labels.delete(name);
  if (pictures.size === 0) throw noImages(images, own);
  if (labels.size === 0) throw noMasks(masks, sameFolder ? own : others);
  const notes = sameFolder ? noteUnread(images, own) : [...noteUnread(images, own), ...noteUnread(masks, others)];
  return { ...pair(pictures, labels, prefix, naming), rule: naming.rule, ...(notes.length > 0 ? { notes } : {}) };
}

/** Files that may be meant as images or masks and are not read. */
function noteUnread(folder: string, { others }: Listing): string[] {
  const unread = countFiles(others, UNREAD_ENDINGS);
  return unread === '' ? [] : [`${folder}: ${unread} not read: images are ${IMAGE_ENDINGS.join(' ')}`];
}

/** The notes of several pairings. */
export const notesOf = (pairings: readonly Pairing[]): string[] => pairings.flatMap(({ notes = [] }) => notes);

/** Whether a real path lies below another. */
function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== '' && way.split(sep)[0] !== '..' && !isAbsolute(way);
}

/**
 * Names among images that are masks: with a mask ending after the name of another image, unless both have masks of their own below `labels`;
 * where masks lie beside their images (`labels` undefined) with a mask ending and no mask of their own.
 */
function maskNames(pictures: ReadonlyMap<string, string>, labels: ReadonlyMap<string, string> | undefined): string[] {
  return [...pictures.keys()].filter((name) => {
    const ending = MASK_ENDINGS.find(
      (end) => name.endsWith(end) && (!labels || pictures.has(name.slice(0, -end.length))),
    );
    if (ending === undefined) return false;
    if (labels === undefined) return !MASK_ENDINGS.some((end) => pictures.has(name + end));
    return !(labels.has(name) && labels.has(name.slice(0, -ending.length)));
  });
}

function pair(
  pictures: ReadonlyMap<string, string>,
  labels: ReadonlyMap<string, string>,
  prefix: string,
  naming: Naming,
): Pairing {
  const unused = new Map(labels);
  const partners = new Map<string, string>();
  const take = (name: string, candidates: readonly string[]): void => {
    const found = candidates.find((candidate) => unused.has(candidate));
    if (found === undefined || partners.has(name)) return;
    partners.set(name, unused.get(found) as string);
    unused.delete(found);
  };
  // An exact name first: a mask belongs to the image that has its name.
  for (const name of pictures.keys()) take(name, naming.masksOf(name).slice(0, 1));
  for (const name of pictures.keys()) take(name, naming.masksOf(name).slice(1));
  // x.jpg.png is the mask of x, whatever x has been converted to since.
  const whole = new Map([...unused.keys()].map((name) => [withoutImageEnding(name), name]));
  for (const name of pictures.keys())
    take(
      name,
      naming.masksOf(name).flatMap((mask) => whole.get(mask) ?? []),
    );
  const samples: Sample[] = [];
  const alone: string[] = [];
  for (const [name, image] of pictures) {
    const label = partners.get(name);
    if (label === undefined) alone.push(image);
    else samples.push({ id: prefix + name, source: { kind: 'files', image, label } });
  }
  return { samples, alone, unused: [...unused.values()] };
}

const withoutImageEnding = (name: string): string => {
  const ending = IMAGE_ENDINGS.find((end) => name.toLowerCase().endsWith(end));
  return ending === undefined ? name : name.slice(0, -ending.length);
};

/** Files by their path without extension, composed, which must tell them apart. @throws DataError for two of one name */
export function byName(
  folder: string,
  files: readonly string[],
  accept: (name: string) => boolean = () => true,
): Map<string, string> {
  const map = new Map<string, string>();
  for (const file of files) {
    const name = nameBelow(folder, file);
    if (!accept(name)) continue;
    const other = map.get(name);
    if (other !== undefined) {
      throw new DataError(
        `${other} and ${file} have one name`,
        `rename or remove one of them; a mask beside its image is named with one of ${MASK_ENDINGS.join(' ')}`,
      );
    }
    map.set(name, file);
  }
  return map;
}

/** The names of a list, which names each once. @throws DataError */
export function requireEachOnce(names: readonly string[], list: string): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw new DataError(`${list}: names ${name.slice(0, 100)} twice`, 'remove one of the lines');
    seen.add(name);
  }
}

/** Path below `folder` without extension, composed (NFC), with `/` on every system. */
export function nameBelow(folder: string, file: string): string {
  const path = relative(folder, file);
  return path
    .slice(0, path.length - endingOf(path).length)
    .split(sep)
    .join('/')
    .normalize('NFC');
}

function noImages(folder: string, { images, others }: Listing): DataError {
  if (images.length > 0)
    return new DataError(`${folder}: holds masks only`, 'the images lie beside them or in a folder of their own');
  const unread = countFiles(others, UNREAD_ENDINGS);
  return new DataError(
    `${folder}: holds no images${unread === '' ? '' : ` that are read, but ${unread}`}`,
    `images are ${IMAGE_ENDINGS.join(' ')}${unread === '' ? '' : ': convert the files, PNG keeps every pixel'}`,
  );
}

/** Endings of descriptions of polygons and boxes. */
const OUTLINES: readonly string[] = ['.json', '.txt', '.xml', '.csv'];

function noMasks(folder: string, { images, others }: Listing): DataError {
  const outlines = countFiles(others, OUTLINES);
  if (outlines !== '') {
    return new DataError(
      `${folder}: expected masks, got ${outlines}`,
      'polygons are read as COCO, CVAT for images, Label Studio, labelme and YOLO segmentation write them; boxes are no masks',
    );
  }
  const unread = countFiles(others, UNREAD_ENDINGS);
  return new DataError(
    `${folder}: holds no masks${unread === '' ? '' : ` that are read, but ${unread}`}`,
    images.length > 0
      ? `masks beside their images are named with one of ${MASK_ENDINGS.join(' ')}`
      : 'masks are PNG or TIFF without loss, with the names of the images',
  );
}

/**
 * The files of several pairings without a partner.
 * @throws DataError with an example where images lack masks, unless `allowUnpaired`; always where none has one.
 */
export function unpairedOf(pairings: readonly Pairing[], options: OpenOptions): string[] {
  const alone = pairings.flatMap((pairing) => pairing.alone);
  const unused = pairings.flatMap((pairing) => pairing.unused);
  const paired = pairings.reduce((sum, { samples }) => sum + samples.length, 0);
  if (alone.length > 0 && (!options.allowUnpaired || paired === 0)) {
    const count =
      paired === 0
        ? 'none of the images has a mask'
        : `${alone.length} of ${alone.length + paired} images have no mask`;
    throw new DataError(
      `${count}, such as ${alone[0]}${nearestPartner(alone[0], unused)}`,
      `${pairings.find((pairing) => pairing.alone.length > 0)?.rule ?? SAME_NAME.rule}: rename the masks, or remove images without one`,
    );
  }
  return [...alone, ...unused];
}

/** In words: which of the files may be the partner of another; empty when there is none. */
export function nearestPartner(file: string, others: readonly string[]): string {
  if (others.length === 0) return '';
  const nameOf = (path: string): string => nameBelow(join(path, '..'), path);
  const name = nameOf(file);
  const found = closest(name, others.map(nameOf));
  const partner = others.find((other) => nameOf(other) === found) as string;
  if (name.toLowerCase() === found.toLowerCase()) return ` (${partner} differs in upper and lower case)`;
  return distance(name, found) <= Math.max(name.length, found.length) / 2
    ? ` (the nearest name is ${partner})`
    : ` (a file without a partner is ${partner})`;
}

/** Whether a folder holds an image and, beside it, its mask: a file of the same name with a mask ending. `deep` looks into folders below, too. */
export async function holdsMasksBeside(folder: string, { deep = true } = {}): Promise<boolean> {
  const names = new Set((await listFolder(folder, { deep })).images.map((file) => nameBelow(folder, file)));
  return [...names].some((name) =>
    MASK_ENDINGS.some((end) => name.endsWith(end) && names.has(name.slice(0, -end.length))),
  );
}
