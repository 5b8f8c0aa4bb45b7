/**
 * @file Cityscapes: `leftImg8bit/{train,val}/<city>/` with `gtFine/{train,val}/<city>/`. Reads `_labelIds` (34 ids, 19 of them classes) or,
 * where a city has only those, `_labelTrainIds`; a data set must hold one of the two throughout. Where `gtCoarse/` is there, its
 * images (those of `train_extra` if it has them) are the split `coarse`.
 */
import { basename, join } from 'node:path';
import { createLabelMap, type DataSet, IGNORE, type SegmentationClass } from '../types.ts';
import { noteForeign } from './classes.ts';
import { isFolder, type Layout } from './layout.ts';
import { listFolder, type Naming, notesOf, type Pairing, pairFolders, unpairedOf } from './pairing.ts';

/** The 19 classes by train id, with their id in `_labelIds` files. */
export const CITYSCAPES_CLASSES: readonly (SegmentationClass & { id: number })[] = [
  { name: 'road', id: 7, colour: [128, 64, 128] },
  { name: 'sidewalk', id: 8, colour: [244, 35, 232] },
  { name: 'building', id: 11, colour: [70, 70, 70] },
  { name: 'wall', id: 12, colour: [102, 102, 156] },
  { name: 'fence', id: 13, colour: [190, 153, 153] },
  { name: 'pole', id: 17, colour: [153, 153, 153] },
  { name: 'traffic light', id: 19, colour: [250, 170, 30] },
  { name: 'traffic sign', id: 20, colour: [220, 220, 0] },
  { name: 'vegetation', id: 21, colour: [107, 142, 35] },
  { name: 'terrain', id: 22, colour: [152, 251, 152] },
  { name: 'sky', id: 23, colour: [70, 130, 180] },
  { name: 'person', id: 24, colour: [220, 20, 60] },
  { name: 'rider', id: 25, colour: [255, 0, 0] },
  { name: 'car', id: 26, colour: [0, 0, 142] },
  { name: 'truck', id: 27, colour: [0, 0, 70] },
  { name: 'bus', id: 28, colour: [0, 60, 100] },
  { name: 'train', id: 31, colour: [0, 80, 100] },
  { name: 'motorcycle', id: 32, colour: [0, 0, 230] },
  { name: 'bicycle', id: 33, colour: [119, 11, 32] },
];

/** Ids of `_labelIds` files run to here. */
const LAST_ID = 33;

/** The layout `cityscapes`. */
export const cityscapes: Layout = {
  name: 'cityscapes',
  looksFor: 'leftImg8bit/ and gtFine/',
  matches: async (root) => (await isFolder(root, 'leftImg8bit')) && (await isFolder(root, 'gtFine')),
  open: async (root, options) => {
    const masks = (await listFolder(join(root, 'gtFine', 'train'))).images;
    const byId = masks.some((file) => file.endsWith('_labelIds.png'));
    const open = (split: string, kind: 'gtFine' | 'gtCoarse') =>
      openSplit(root, split, kind, byId ? 'labelIds' : 'labelTrainIds');
    const [train, val] = [await open('train', 'gtFine'), await open('val', 'gtFine')];
    const coarse = (await isFolder(root, 'gtCoarse')) ? await open(await coarseSplit(root), 'gtCoarse') : undefined;
    const splits = { train: train.samples, val: val.samples };
    const pairings = [train, val, ...(coarse ? [coarse] : [])];
    const notes = [...notesOf(pairings), ...noteForeign('Cityscapes', /_\d{6}_\d{6}$/, splits)];
    return {
      name: basename(root),
      layout: 'cityscapes',
      rank: 2,
      classes: CITYSCAPES_CLASSES.map(({ name, colour }) => ({ name, colour })),
      ignore: IGNORE,
      labelMap: byId ? idMap() : createLabelMap(CITYSCAPES_CLASSES.length),
      splits,
      ...(notes.length > 0 ? { notes } : {}),
      ...(coarse ? { extra: { coarse: coarse.samples } } : {}),
      submissionValues: CITYSCAPES_CLASSES.map(({ id }) => id),
      unpaired: unpairedOf(pairings, options),
    } satisfies DataSet;
  },
};

/** The official coarse set has images of its own; a copy may hold coarse labels of the training images only. */
const coarseSplit = async (root: string): Promise<string> =>
  (await isFolder(root, 'gtCoarse', 'train_extra')) ? 'train_extra' : 'train';

async function openSplit(root: string, split: string, kind: string, labels: string): Promise<Pairing> {
  const ending = `_${kind}_${labels}`;
  const naming: Naming = {
    rule: `the mask of <name>_leftImg8bit.png is <name>${ending}.png, of one kind in all splits`,
    masksOf: (picture) => [picture.replace(/_leftImg8bit$/, '') + ending],
    isMask: (name) => name.endsWith(ending),
  };
  const pairing = await pairFolders(join(root, 'leftImg8bit', split), join(root, kind, split), `${split}/`, naming);
  for (const sample of pairing.samples) sample.id = sample.id.replace(/_leftImg8bit$/, '');
  return pairing;
}

/** From the ids of `_labelIds` files; what is no class of the benchmark is ignored, also 255, as which id -1 is stored. */
function idMap(): number[] {
  const map = createLabelMap(0);
  map.fill(IGNORE, 0, LAST_ID + 1);
  for (const [trainId, { id }] of CITYSCAPES_CLASSES.entries()) map[id] = trainId;
  return map;
}
