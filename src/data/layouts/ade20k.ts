/**
 * @file ADE20K as the scene-parsing benchmark lays it out: `images/{training,validation}/`, `annotations/` alike. Value 0 is ignored,
 * value v is class v - 1; the 150 names come from `objectInfo150.txt`.
 */
import { basename, join } from 'node:path';
import { linesOf, maybeTextFile } from '../../base/textFile.ts';
import { paletteColour } from '../images/visual.ts';
import { createLabelMap, type DataSet, IGNORE, NOT_ALLOWED } from '../types.ts';
import { noteForeign } from './classes.ts';
import { isFolder, type Layout } from './layout.ts';
import { notesOf, pairFolders, unpairedOf } from './pairing.ts';
import { testImages, testPart } from './testPart.ts';

const CLASSES = 150;

/** The layout `ade20k`. */
export const ade20k: Layout = {
  name: 'ade20k',
  looksFor: 'images/training/ and annotations/training/, here or below ADEChallengeData2016/',
  matches: async (root) => (await findRoot(root)) !== undefined,
  open: async (path, options) => {
    const root = (await findRoot(path))!;
    const open = (split: string) =>
      pairFolders(join(root, 'images', split), join(root, 'annotations', split), `${split}/`);
    const [train, val] = [await open('training'), await open('validation')];
    const names = await loadNames(join(root, 'objectInfo150.txt'));
    const splits = { train: train.samples, val: val.samples };
    const unnamed = names.length === 0 ? ['objectInfo150.txt is not there: the classes are numbered'] : [];
    const notes = [...notesOf([train, val]), ...unnamed, ...noteForeign('ADE20K', /(^|\/)ADE_/, splits)];
    return {
      name: basename(root),
      layout: 'ade20k',
      rank: 2,
      classes: Array.from({ length: CLASSES }, (_, id) => ({
        name: names[id] ?? `class ${id + 1}`,
        colour: paletteColour(id + 1),
      })),
      ignore: IGNORE,
      labelMap: createLabelMap(0, [0]).map((id, value) =>
        value > 0 ? (value <= CLASSES ? value - 1 : NOT_ALLOWED) : id,
      ),
      splits,
      ...testPart(await testImages(join(root, 'images', 'testing'), join(root, 'annotations', 'testing'))),
      ...(notes.length > 0 ? { notes } : {}),
      unpaired: unpairedOf([train, val], options),
    } satisfies DataSet;
  },
};

async function findRoot(path: string): Promise<string | undefined> {
  for (const root of [path, join(path, 'ADEChallengeData2016')]) {
    if ((await isFolder(root, 'images', 'training')) && (await isFolder(root, 'annotations', 'training'))) return root;
  }
  return undefined;
}

/** The first of each row's synonyms; empty when there is no such file. */
async function loadNames(file: string): Promise<string[]> {
  return linesOf(maybeTextFile(file) ?? '', file)
    .slice(1)
    .map((line) => line.split('\t').at(-1)?.split(',')[0].trim() ?? '')
    .filter((name) => name !== '')
    .slice(0, CLASSES);
}
