/**
 * @file A plain folder: `images/{train,val}/` with `masks/{train,val}/`, or `images/` with `masks/` and a seeded 80/20 split. The folders may
 * be called as in COCO (`train2017/`, `annotations/`) and elsewhere. Classes come from `data.yaml` (`description.ts`), or without one from
 * the values that the masks hold.
 */
import { basename, join } from 'node:path';
import { DataError } from '../../base/errors.ts';
import { createRandom, shuffled } from '../../base/random.ts';
import { loadLabelMap } from '../images/image.ts';
import { paletteColour } from '../images/visual.ts';
import { createLabelMap, type DataSet, IGNORE, NOT_ALLOWED, type Sample, type SplitName } from '../types.ts';
import { type Description, loadDescription } from './description.ts';
import { readGroups } from './groups.ts';
import { isFile, isFolder, type Layout, type OpenOptions, type Pairing, pairFolders, unpairedOf } from './layout.ts';

/** Names of the folder of the masks, and of the splits below it and below `images/`. */
const MASK_FOLDERS = ['masks', 'annotations', 'labels', 'stuffthingmaps'] as const;
const SPLIT_FOLDERS = {
  train: ['train', 'train2017', 'training'],
  val: ['val', 'val2017', 'validation', 'valid'],
} as const satisfies Record<SplitName, readonly string[]>;

/** Without a `data.yaml` at most this many masks are read for their values. */
const MASKS_READ = 400;

/** The layout `folder`. */
export const folder: Layout = {
  name: 'folder',
  looksFor: 'images/ and masks/, each with train/ and val/ or with the files; or a data.yaml',
  matches: async (root) =>
    (await isFile(root, 'data.yaml')) ||
    ((await isFolder(root, 'images')) && (await firstFolder(root, MASK_FOLDERS)) !== undefined),
  open: async (root, options) =>
    openDescribed(
      root,
      (await isFile(root, 'data.yaml')) ? await loadDescription(join(root, 'data.yaml')) : {},
      options,
    ),
};

/** Opens the folder that a description is about. */
export async function openDescribed(root: string, description: Description, options: OpenOptions): Promise<DataSet> {
  const { pairings, splits } = await findSplits(root, description, options);
  const unpaired = unpairedOf(pairings, options);
  const kinds = description.classes ?? (await classesOf([...splits.train, ...splits.val]));
  const values = kinds.map((kind) => kind.value);
  const ignored = description.ignore ?? (values.includes(IGNORE) ? [] : [IGNORE]);
  const labelMap = createLabelMap(0, ignored);
  for (let id = 0; id < values.length; id++) {
    if (labelMap[values[id]] !== NOT_ALLOWED) {
      throw new DataError(
        `${root}: label value ${values[id]} is both a class and ignored`,
        'state it once in data.yaml',
      );
    }
    labelMap[values[id]] = id;
  }
  const groups = await readGroups(
    root,
    splits.train.map(({ id }) => id),
    description.groups,
  );
  return {
    name: description.name ?? basename(root),
    layout: 'folder',
    rank: 2,
    classes: kinds.map(({ name, colour }, id) => ({ name, colour: colour ?? paletteColour(id) })),
    ignore: IGNORE,
    labelMap,
    splits,
    unpaired,
    ...(groups ? { groups } : {}),
  };
}

async function findSplits(
  root: string,
  description: Description,
  options: OpenOptions,
): Promise<{ pairings: Pairing[]; splits: DataSet['splits'] }> {
  if (description.train !== undefined && description.val !== undefined) {
    const train = await pairFolders(
      join(root, description.train.images),
      join(root, description.train.masks),
      'train/',
    );
    const val = await pairFolders(join(root, description.val.images), join(root, description.val.masks), 'val/');
    return { pairings: [train, val], splits: { train: train.samples, val: val.samples } };
  }
  const images = join(root, description.train?.images ?? 'images');
  const masks = join(root, description.train?.masks ?? (await firstFolder(root, MASK_FOLDERS)) ?? MASK_FOLDERS[0]);
  if ((await firstFolder(images, SPLIT_FOLDERS.train)) !== undefined) {
    const [train, val] = [
      await pairFolders(await splitFolder(images, 'train'), await splitFolder(masks, 'train'), 'train/'),
      await pairFolders(await splitFolder(images, 'val'), await splitFolder(masks, 'val'), 'val/'),
    ];
    return { pairings: [train, val], splits: { train: train.samples, val: val.samples } };
  }
  const all = await pairFolders(images, masks, '');
  return { pairings: [all], splits: splitSamples(all.samples, description.valShare ?? 0.2, options.seed ?? 0) };
}

async function firstFolder(root: string, names: readonly string[]): Promise<string | undefined> {
  for (const name of names) if (await isFolder(root, name)) return name;
  return undefined;
}

/** The folder of a split. */
async function splitFolder(parent: string, split: SplitName): Promise<string> {
  const name = await firstFolder(parent, SPLIT_FOLDERS[split]);
  if (name === undefined)
    throw new DataError(`${join(parent, split)}: no such folder`, 'pictures and masks have the same splits');
  return join(parent, name);
}

/** A random split: `valShare` of the samples, at least one of two or more, go to val. Each split keeps the order of the samples. */
export function splitSamples(samples: readonly Sample[], valShare: number, seed: number): DataSet['splits'] {
  if (samples.length < 2)
    throw new DataError(`cannot split ${samples.length} labelled picture into train and val`, 'add more');
  const order = shuffled([...samples.keys()], createRandom(seed, 0x5917));
  const count = Math.min(samples.length - 1, Math.max(1, Math.round(samples.length * valShare)));
  const chosen = new Set(order.slice(0, count));
  return {
    train: samples.filter((_, i) => !chosen.has(i)),
    val: samples.filter((_, i) => chosen.has(i)),
  };
}

/** Classes 0..n of the values found in masks (evenly spread, at most `MASKS_READ`); 255 is ignored. */
async function classesOf(samples: readonly Sample[]): Promise<NonNullable<Description['classes']>> {
  const step = Math.max(1, samples.length / MASKS_READ);
  let largest = 0;
  let sampleOfLargest = '';
  for (let i = 0; i < samples.length; i += step) {
    const { source } = samples[Math.floor(i)];
    if (source.kind !== 'files' || source.label === undefined) continue;
    for (const value of (await loadLabelMap(source.label)).data) {
      if (value > largest && value !== IGNORE) {
        largest = value;
        sampleOfLargest = source.label;
      }
    }
  }
  if (largest > IGNORE) {
    throw new DataError(
      `${sampleOfLargest}: label value ${largest} is above 254`,
      'these look like instances, not classes',
    );
  }
  return Array.from({ length: largest + 1 }, (_, value) => ({ value, name: `class ${value}` }));
}
