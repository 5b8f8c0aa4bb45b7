/**
 * @file PASCAL VOC 2012: `JPEGImages/`, `SegmentationClass/` (indexed PNG: the index is the class) and lists of names in
 * `ImageSets/Segmentation/`. Where `trainaug.txt` (or `train_aug.txt`) and `SegmentationClassAug/` exist, train is the augmented set. With the
 * `labelmap.txt` of CVAT the folders are the same and the classes its own; a list that is neither of train nor of val is split.
 */
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DataError } from '../../base/errors.ts';
import { linesOf, readTextFile } from '../../base/textFile.ts';
import { splitImages } from '../folds.ts';
import { paletteColour } from '../images/visual.ts';
import { createLabelMap, type DataSet, IGNORE, type ImageSet, type Sample } from '../types.ts';
import { classFields, noteForeign } from './classes.ts';
import { isFolder, type Layout, type OpenOptions } from './layout.ts';
import { LABEL_MAP, loadLabelMapFile } from './names.ts';
import { byName, listFolder, type Pairing, requireEachOnce, unpairedOf } from './pairing.ts';
import { testPart } from './testPart.ts';

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
    const named = await loadLabelMapFile(root);
    const { pairings, ...split } = await findSplits(root, options);
    const notes = named === undefined ? noteForeign('PASCAL VOC', /^\d{4}_\d{6}/, split.splits) : [];
    return {
      name: basename(root),
      layout: 'voc',
      rank: 2,
      ...(named === undefined ? vocClasses() : { ...classFields(named, undefined, LABEL_MAP), classesFrom: LABEL_MAP }),
      ignore: IGNORE,
      ...split,
      ...(notes.length > 0 ? { notes } : {}),
      unpaired: unpairedOf(pairings, options),
    } satisfies DataSet;
  },
};

const vocClasses = (): Pick<ImageSet, 'classes' | 'labelMap'> => ({
  classes: VOC_CLASSES.map((name, id) => ({ name, colour: paletteColour(id) })),
  labelMap: createLabelMap(VOC_CLASSES.length),
});

async function findRoot(path: string): Promise<string | undefined> {
  for (const root of [path, join(path, 'VOC2012'), join(path, 'VOCdevkit', 'VOC2012')]) {
    const parts = ['JPEGImages', 'SegmentationClass', join('ImageSets', 'Segmentation')];
    if ((await Promise.all(parts.map((part) => isFolder(root, part)))).every(Boolean)) return root;
  }
  return undefined;
}

/** Names of the lists of the splits, the first that is there; in any case, as CVAT writes its subsets. */
const TRAIN_LISTS: readonly string[] = ['train'];
const VAL_LISTS: readonly string[] = ['val', 'valid', 'validation'];

async function findSplits(
  root: string,
  options: OpenOptions,
): Promise<{ pairings: Pairing[] } & Pick<DataSet, 'splits' | 'splitRule' | 'extra'>> {
  const folder = join(root, 'ImageSets', 'Segmentation');
  const lists = (await readdir(folder)).filter((name) => name.endsWith('.txt') && !name.startsWith('.')).sort();
  const find = (names: readonly string[]): string | undefined =>
    names.map((name) => lists.find((list) => list.toLowerCase() === `${name}.txt`)).find((list) => list !== undefined);
  const augmented = (await isFolder(root, 'SegmentationClassAug')) ? find(['trainaug', 'train_aug']) : undefined;
  const train = augmented ?? find(TRAIN_LISTS);
  const val = find(VAL_LISTS);
  const images = await filesOf(join(root, 'JPEGImages'));
  const open = async (list: string, masks: string): Promise<Pairing> =>
    pairList(join(folder, list), images, await filesOf(join(root, masks)), [
      join(root, 'JPEGImages'),
      join(root, masks),
    ]);
  if (train !== undefined && val !== undefined) {
    const pairings = [
      await open(train, augmented === undefined ? 'SegmentationClass' : 'SegmentationClassAug'),
      await open(val, 'SegmentationClass'),
    ];
    const masks = await filesOf(join(root, 'SegmentationClass'));
    const test = find(['test']);
    // The benchmark has a list of test images, and labels for none of them.
    const hasLabels = test !== undefined && (await readList(join(folder, test))).some((name) => masks.has(name));
    const samples = hasLabels ? (await open(test, 'SegmentationClass')).samples : [];
    return { pairings, splits: { train: pairings[0].samples, val: pairings[1].samples }, ...testPart(samples) };
  }
  // One list, which CVAT calls after its subset (`default.txt`), or one split of two.
  const single = train ?? val ?? (lists.length === 1 ? lists[0] : find(['default', 'trainval']));
  if (single === undefined || (train === undefined) !== (val === undefined)) {
    throw new DataError(
      `${folder}: expected train.txt and val.txt, or one list of all images, got ${lists.join(', ') || 'no list'}`,
      'a list names an image a line, without extension',
    );
  }
  const all = await open(single, 'SegmentationClass');
  unpairedOf([all], options);
  return { pairings: [all], splits: splitImages(all.samples, options), splitRule: 'hash' };
}

/** The images of a folder by their name below it. */
const filesOf = async (folder: string): Promise<Map<string, string>> =>
  byName(folder, (await listFolder(folder)).images);

/** The names of a list, one a line. */
const readList = async (list: string): Promise<string[]> =>
  linesOf(readTextFile(list), list)
    .map((line) => line.trim().normalize('NFC'))
    .filter((line) => line !== '');

async function pairList(
  list: string,
  images: ReadonlyMap<string, string>,
  masks: ReadonlyMap<string, string>,
  [imageFolder, maskFolder]: readonly [string, string],
): Promise<Pairing> {
  const names = await readList(list);
  if (names.length === 0) throw new DataError(`${list}: lists no images`);
  requireEachOnce(names, list);
  const samples: Sample[] = [];
  const alone: string[] = [];
  for (const id of names) {
    const image = images.get(id);
    const label = masks.get(id);
    if (image === undefined)
      throw new DataError(
        `${list}: names ${id.slice(0, 100)}, but there is no such image in ${imageFolder}`,
        `its mask would lie in ${maskFolder}`,
      );
    if (label === undefined) alone.push(image);
    else samples.push({ id, source: { kind: 'files', image, label } });
  }
  // What no list names belongs to another split: nothing is left over.
  return { samples, alone, unused: [], rule: 'SegmentationClass/ holds a PNG with the name of each image of a list' };
}
