/**
 * @file A plain folder of images and masks (`structure.ts`), split by its folders or, where they make no split, by hash (`folds.ts`). Classes come
 * from `data.yaml` (`description.ts`), from `_classes.csv`, or from the values that the masks hold.
 */
import { basename, dirname, join } from 'node:path';
import { DataError } from '../../base/errors.ts';
import { splitImages } from '../folds.ts';
import { loadLabels } from '../images/labels.ts';
import { type DataSet, IGNORE, type ImageSet, type Sample } from '../types.ts';
import { classFields } from './classes.ts';
import type { Description } from './description.ts';
import { readGroups } from './groups.ts';
import type { Layout, OpenOptions } from './layout.ts';
import { CLASS_TABLE, loadClassTable, type NamedClass } from './names.ts';
import { notesOf, type Pairing, pairFolders, unpairedOf } from './pairing.ts';
import { findStructure, STRUCTURES, type Structure } from './structure.ts';
import { testImages, testPart } from './testPart.ts';

/** Where nothing names the classes at most this many masks are read for their values. */
const MASKS_READ = 400;

/** Where classes come from when nothing names them. */
export const FROM_MASKS = 'the values of the masks';

/** The layout `folder`. */
export const folder: Layout = {
  name: 'folder',
  looksFor: `${STRUCTURES}; or a data.yaml`,
  matches: async (root) => (await findStructure(root)) !== undefined,
  open: (root, options) => openDescribed(root, {}, options),
};

/** Opens the folder that a description is about. */
export async function openDescribed(root: string, description: Description, options: OpenOptions): Promise<ImageSet> {
  const structure = await findStructure(root, description);
  if (structure === undefined) throw new DataError(`${root}: no images with masks`, `looked for ${STRUCTURES}`);
  const { pairings, ...split } = await findSplits(structure, description, options);
  const { splits } = split;
  const unpaired = unpairedOf(pairings, options);
  const groups = await readGroups(
    root,
    splits.train.map(({ id }) => id),
    description,
  );
  const { named, source, ...found } = await findClasses(structure, description, [...splits.train, ...splits.val]);
  const notes = [...notesOf(pairings), ...found.notes];
  if (description.valShare !== undefined && !('all' in structure))
    notes.push('`valShare` of data.yaml is not used: the folders make the split');
  return {
    name: description.name ?? basename(root),
    layout: 'folder',
    rank: 2,
    ...classFields(named, description.ignore, root),
    classesFrom: source,
    ignore: IGNORE,
    ...split,
    unpaired,
    ...(groups ? { groups } : {}),
    ...(notes.length > 0 ? { notes } : {}),
  };
}

async function findSplits(
  structure: Structure,
  description: Description,
  options: OpenOptions,
): Promise<{ pairings: Pairing[] } & Pick<DataSet, 'splits' | 'splitRule' | 'extra'>> {
  if ('all' in structure) {
    const all = await pairFolders(structure.all.images, structure.all.masks, '');
    // Files without a partner are the cause where too few samples are left to split.
    unpairedOf([all], options);
    return { pairings: [all], splits: splitImages(all.samples, { ...options, ...description }), splitRule: 'hash' };
  }
  const train = await pairFolders(structure.train.images, structure.train.masks, 'train/');
  const val = await pairFolders(structure.val.images, structure.val.masks, 'val/');
  const test = structure.test ? await testImages(structure.test.images, structure.test.masks) : [];
  return { pairings: [train, val], splits: { train: train.samples, val: val.samples }, ...testPart(test) };
}

/** The classes that a description or an export names, or those that the masks hold. */
async function findClasses(
  structure: Structure,
  description: Description,
  samples: readonly Sample[],
): Promise<{ named: NamedClass[]; source: string; notes: string[] }> {
  if (description.classes !== undefined) return { named: description.classes, source: 'data.yaml', notes: [] };
  const folders = 'all' in structure ? [structure.all] : [structure.train, structure.val];
  const beside = [...new Set(folders.flatMap(({ images }) => [images, dirname(images)]))];
  const tables = (await Promise.all(beside.map(loadClassTable))).filter((table) => table !== undefined);
  const [table, ...others] = tables;
  if (table !== undefined) {
    if (others.some((other) => JSON.stringify(other) !== JSON.stringify(table)))
      throw new DataError(
        `${beside.map((path) => join(path, CLASS_TABLE)).join(' and ')}: expected the same classes`,
        'export the splits together, or name the classes in data.yaml',
      );
    return { named: table, source: CLASS_TABLE, notes: [] };
  }
  return { ...(await classesOfMasks(samples, description.ignore ?? [])), source: FROM_MASKS };
}

/**
 * Classes 0..n of the values found in masks (evenly spread, at most `MASKS_READ`); 255 is ignored. Masks that hold 0 and 255 and nothing else
 * have two classes: with 255 ignored there would be one, and nothing to learn.
 */
async function classesOfMasks(
  samples: readonly Sample[],
  ignore: readonly number[],
): Promise<{ named: NamedClass[]; notes: string[] }> {
  const step = Math.max(1, samples.length / MASKS_READ);
  const found = new Map<number, string>();
  for (let i = 0; i < samples.length; i += step) {
    const { source } = samples[Math.floor(i)];
    if (source.kind !== 'files' || source.label === undefined) continue;
    const { channels, data } = await loadLabels(source.label);
    if (channels !== 1) {
      throw new DataError(
        `${source.label}: shows colours, and no data.yaml says of which classes`,
        'write data.yaml with `classes: [a, b]` and `colours: {a: [red, green, blue], b: [...]}`',
      );
    }
    for (const value of data) if (!found.has(value)) found.set(value, source.label);
  }
  const values = [...found.keys()].filter((value) => !ignore.includes(value)).sort((a, b) => a - b);
  if (values.join() === '0,255' && !ignore.includes(IGNORE)) {
    const named = [
      { value: 0, name: 'background' },
      { value: IGNORE, name: 'object' },
    ];
    const note = 'the masks hold 0 and 255 only: read as two classes, background and object; data.yaml may name them';
    return { named, notes: [note] };
  }
  const largest = values.filter((value) => value !== IGNORE).at(-1) ?? 0;
  if (largest > IGNORE) {
    throw new DataError(
      `${found.get(largest)}: label value ${largest} is above 254`,
      'these look like instances, not classes',
    );
  }
  const named = Array.from({ length: largest + 1 }, (_, value) => ({ value, name: `class ${value}` }));
  return { named: named.filter(({ value }) => !ignore.includes(value)), notes: [] };
}
