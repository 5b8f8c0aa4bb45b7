/**
 * @file Where the images and masks of a plain folder lie: `images/` and `masks/` with or without splits, splits with both inside, masks
 * beside their images. Names of folders count in any case.
 */
import { join } from 'node:path';
import { DataError } from '../../base/errors.ts';
import type { SplitName } from '../types.ts';
import type { Description, SplitFolders } from './description.ts';
import { findFolder, isFolder } from './layout.ts';
import { holdsMasksBeside, MASK_ENDINGS } from './pairing.ts';

/** Names of the folder of images, of that of masks, and of the splits. */
const IMAGE_FOLDERS: readonly string[] = ['images', 'image', 'imgs', 'img'];
// DRIVE has its field of view in mask/ and the vessels in 1st_manual/.
const MASK_FOLDERS: readonly string[] = [
  ...['1st_manual', 'masks', 'mask', 'annotations', 'labels', 'label', 'stuffthingmaps'],
];
const SPLIT_FOLDERS: Readonly<Record<SplitName | 'test', readonly string[]>> = {
  train: ['train', 'train2017', 'training'],
  val: ['val', 'val2017', 'validation', 'valid'],
  test: ['test', 'test2017', 'testing'],
};

/** Folders of images and of masks; one path twice where masks lie beside their images. */
export interface Folders {
  images: string;
  masks: string;
}

/** The folders of the splits, perhaps with those of a test part, or those of all samples, which are then split. */
export type Structure = (Record<SplitName, Folders> & { test?: Folders }) | { all: Folders };

/**
 * Finds the folders below `root`; undefined where there is no such structure. What the description states is looked for and nothing else.
 * @throws DataError for a folder that is stated, or implied by another one, and is not there.
 */
export async function findStructure(root: string, description: Description = {}): Promise<Structure | undefined> {
  const { train, val, test, masks } = description;
  if (train !== undefined && val !== undefined) {
    const hasTest = test !== undefined && (await isFolder(root, test.images));
    return {
      train: await statedFolders(root, train, masks),
      val: await statedFolders(root, val, masks),
      ...(hasTest ? { test: await statedFolders(root, test, masks) } : {}),
    };
  }
  if (train !== undefined) return splitInside(await statedFolders(root, train, masks));
  const images = await findFolder(root, IMAGE_FOLDERS);
  if (images !== undefined) {
    const found = await masksOf(root, masks);
    if (found !== undefined) return splitInside({ images: join(root, images), masks: join(root, found) });
    if (await holdsMasksBeside(join(root, images))) return splitInside(beside(join(root, images)));
    return undefined;
  }
  const [first, second] = [await findFolder(root, SPLIT_FOLDERS.train), await findFolder(root, SPLIT_FOLDERS.val)];
  const trainFolders = first === undefined ? undefined : await insideSplit(join(root, first), masks);
  if (trainFolders !== undefined) {
    const valFolders = second === undefined ? undefined : await insideSplit(join(root, second), masks);
    const third = await findFolder(root, SPLIT_FOLDERS.test);
    const test = third === undefined ? undefined : await insideSplit(join(root, third), masks);
    if (valFolders !== undefined) return { train: trainFolders, val: valFolders, ...(test ? { test } : {}) };
    if (second === undefined) return { all: trainFolders };
    throw new DataError(`${join(root, second)}: expected images and masks as in ${join(root, first as string)}`);
  }
  return masks === undefined && (await holdsMasksBeside(root, { deep: false })) ? { all: beside(root) } : undefined;
}

/** In words, for errors. */
export const STRUCTURES =
  'images/ and masks/, each with train/ and val/ or with the files; train/ and val/, each with images/ and masks/; masks x_mask.png beside their images';

const beside = (folder: string): Folders => ({ images: folder, masks: folder });

/** The folder of the masks below `root`: the one that is stated, or one of the usual names. */
const masksOf = (root: string, stated: string | undefined): Promise<string | undefined> =>
  findFolder(root, stated === undefined ? MASK_FOLDERS : [stated]);

/** The folders of a split that holds both, as `train/images` and `train/masks`, or images with their masks beside them. */
async function insideSplit(split: string, stated: string | undefined): Promise<Folders | undefined> {
  const [images, masks] = [await findFolder(split, IMAGE_FOLDERS), await masksOf(split, stated)];
  if (images !== undefined && masks !== undefined) return { images: join(split, images), masks: join(split, masks) };
  return (await holdsMasksBeside(split)) ? beside(split) : undefined;
}

/** The splits inside `images/` and `masks/`, if there are any. */
async function splitInside(folders: Folders): Promise<Structure> {
  if ((await findFolder(folders.images, SPLIT_FOLDERS.train)) === undefined) return { all: folders };
  const inside = async (split: SplitName): Promise<Folders> => ({
    images: await splitFolder(folders.images, split),
    masks: await splitFolder(folders.masks, split),
  });
  const [images, masks] = await Promise.all(
    [folders.images, folders.masks].map((parent) => findFolder(parent, SPLIT_FOLDERS.test)),
  );
  const hasTest = images !== undefined && masks !== undefined;
  return {
    train: await inside('train'),
    val: await inside('val'),
    ...(hasTest ? { test: { images: join(folders.images, images), masks: join(folders.masks, masks) } } : {}),
  };
}

async function splitFolder(parent: string, split: SplitName): Promise<string> {
  const name = await findFolder(parent, SPLIT_FOLDERS[split]);
  if (name === undefined)
    throw new DataError(`${join(parent, split)}: no such folder`, 'images and masks have the same splits');
  return join(parent, name);
}

/** The folders of a split that a description states. Without masks they lie where `images` in the path is `masks`, or beside the images. */
async function statedFolders(
  root: string,
  { images, masks }: SplitFolders,
  stated: string | undefined,
): Promise<Folders> {
  const folder = join(root, images);
  if (!(await isFolder(folder))) throw new DataError(`${folder}: no such folder`, 'data.yaml names it');
  if (masks !== undefined) return { images: folder, masks: join(root, masks) };
  const parts = images.split('/').filter((part) => part !== '' && part !== '.');
  const at = parts.findLastIndex((part) => IMAGE_FOLDERS.includes(part.toLowerCase()));
  if (at !== -1) {
    const parent = join(root, ...parts.slice(0, at));
    const found = await masksOf(parent, stated);
    if (found !== undefined) return { images: folder, masks: join(parent, found, ...parts.slice(at + 1)) };
  }
  if (await holdsMasksBeside(folder)) return beside(folder);
  throw new DataError(
    `data.yaml: where are the masks of "${images}"?`,
    `write {images: ${images}, masks: ...}, or name masks beside their images with one of ${MASK_ENDINGS.join(' ')}`,
  );
}
