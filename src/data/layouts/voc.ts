/**
 * @file PASCAL VOC 2012: `JPEGImages/`, `SegmentationClass/` (indexed PNG: the index is the class) and lists of names in
 * `ImageSets/Segmentation/`. Where `trainaug.txt` (or `train_aug.txt`) and `SegmentationClassAug/` exist, train is the augmented set.
 */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DataError } from '../../base/errors.ts';
import { paletteColour } from '../images/visual.ts';
import { createLabelMap, type DataSet, IGNORE, type Sample } from '../types.ts';
import { isFile, isFolder, type Layout, type Pairing, unpairedOf } from './layout.ts';

/** The classes in the order of their ids. */
export const VOC_CLASSES = [
  'background',
  'aeroplane',
  'bicycle',
  'bird',
  'boat',
  'bottle',
  'bus',
  'car',
  'cat',
  'chair',
  'cow',
  'diningtable',
  'dog',
  'horse',
  'motorbike',
  'person',
  'pottedplant',
  'sheep',
  'sofa',
  'train',
  'tvmonitor',
] as const;

/** The layout `voc`. */
export const voc: Layout = {
  name: 'voc',
  looksFor: 'JPEGImages/, SegmentationClass/ and ImageSets/Segmentation/, here or below VOCdevkit/VOC2012/',
  matches: async (root) => (await findRoot(root)) !== undefined,
  open: async (path, options) => {
    const root = (await findRoot(path))!;
    const augmented = await firstFile(root, ['trainaug', 'train_aug']);
    const train =
      augmented !== undefined && (await isFolder(root, 'SegmentationClassAug'))
        ? await openList(root, augmented, 'SegmentationClassAug')
        : await openList(root, 'train', 'SegmentationClass');
    const val = await openList(root, 'val', 'SegmentationClass');
    return {
      name: basename(root),
      layout: 'voc',
      rank: 2,
      classes: VOC_CLASSES.map((name, id) => ({ name, colour: paletteColour(id) })),
      ignore: IGNORE,
      labelMap: createLabelMap(VOC_CLASSES.length),
      splits: { train: train.samples, val: val.samples },
      unpaired: unpairedOf([train, val], options),
    } satisfies DataSet;
  },
};

async function findRoot(path: string): Promise<string | undefined> {
  for (const root of [path, join(path, 'VOC2012'), join(path, 'VOCdevkit', 'VOC2012')]) {
    const parts = ['JPEGImages', 'SegmentationClass', join('ImageSets', 'Segmentation')];
    if ((await Promise.all(parts.map((part) => isFolder(root, part)))).every(Boolean)) return root;
  }
  return undefined;
}

async function firstFile(root: string, names: readonly string[]): Promise<string | undefined> {
  for (const name of names) if (await isFile(root, 'ImageSets', 'Segmentation', `${name}.txt`)) return name;
  return undefined;
}

async function openList(root: string, list: string, masks: string): Promise<Pairing> {
  const file = join(root, 'ImageSets', 'Segmentation', `${list}.txt`);
  if (!(await isFile(file))) throw new DataError(`${file}: no such list`, 'VOC names the pictures of a split in it');
  const ids = (await readFile(file, 'utf8')).split(/\s+/).filter((id) => id !== '');
  if (ids.length === 0) throw new DataError(`${file}: lists no pictures`);
  const samples: Sample[] = [];
  const alone: string[] = [];
  for (const id of ids) {
    const image = join(root, 'JPEGImages', `${id}.jpg`);
    const label = join(root, masks, `${id}.png`);
    if (!(await isFile(image))) throw new DataError(`${file}: names ${id}, but there is no ${image}`);
    if (await isFile(label)) samples.push({ id, source: { kind: 'files', image, label } });
    else alone.push(image);
  }
  return { samples, alone, unused: [] };
}
