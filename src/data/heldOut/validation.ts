/**
 * @file Validation that can be trusted: a part of the training samples that resembles new data as much as possible. What belongs together (a group, a
 * sequence's neighbouring frames, a patient) stays on one side; the validation split that the data set has is left for the report.
 */
import { z } from 'zod';
import { ConfigError, DataError } from '../../base/errors.ts';
import { parseJson } from '../../base/json.ts';
import { readTextFile } from '../../base/textFile.ts';
import type { DataSet, Sample } from '../types.ts';
import { type FramesOf, sequencesOf, unitOf } from './stems.ts';

/** Training samples that are validated on, by id. */
export interface HeldOut {
  /** For each validated sample the group it belongs to: groups are what an interval draws from. */
  readonly validation: Readonly<Record<string, string>>;
  /** Neighbours of validated frames: neither trained nor validated on. */
  readonly leftOut: readonly string[];
  /** How they were chosen, in a sentence. */
  readonly how: string;
}

/** What is known about the samples beside their ids. */
export interface HoldOutOptions {
  /** Share of the samples to validate on; default 0.2. */
  readonly share?: number;
  /** Group of a sample by id, where the data set names groups. */
  readonly groups?: Readonly<Record<string, string>>;
  /** Frames of a sequence are neighbours; volumes with one prefix are not. */
  readonly rank: 2 | 3;
  /** Pairs that are nearly the same: both get one side. */
  readonly alike?: readonly (readonly [string, string])[];
}

/** Folders that differ in at least so many names are groups. */
const FEWEST_FOLDERS = 5;
/** Blocks of neighbouring frames a sequence, at most, and frames a block, at least. */
const MOST_BLOCKS = 3;
const FEWEST_FRAMES = 4;

/**
 * Chooses about `share` of the samples, the same ones whatever their order: whole groups where groups are named, else runs of neighbouring frames of
 * numbered sequences with a gap on both sides, else whole folders, patients or single samples by a hash of their name.
 * @throws DataError when fewer than two samples, or fewer than two groups, are left to divide.
 */
export function holdOut(ids: readonly string[], options: HoldOutOptions): HeldOut {
  const { share = 0.2, groups, rank, alike = [] } = options;
  if (ids.length < 2)
    throw new DataError(
      `${ids.length} training sample cannot be divided into training and validation`,
      'add labelled samples: at least two, better fifty',
    );
  const sorted = [...ids].sort();
  if (groups) {
    const named = (id: string) => groups[id] ?? `without group: ${id}`;
    return byUnits(sorted, named, share, alike, 'whole groups of the data set');
  }
  const folders = new Set(sorted.map(folderOf));
  if (folders.size >= FEWEST_FOLDERS) return byUnits(sorted, folderOf, share, alike, 'whole folders');
  const { sequences, single } = rank === 2 ? sequencesOf(sorted) : { sequences: [], single: sorted };
  if (sequences.length === 0) {
    const units = new Set(sorted.map(unitOf));
    const how =
      units.size === sorted.length ? 'single samples by a hash of their name' : 'samples whose names belong together';
    return byUnits(sorted, unitOf, share, alike, how);
  }
  const parts = sequences.map((sequence) => blocksOf(sequence, share));
  const rest = single.length >= 5 ? [byUnits(single, unitOf, share, [], '')] : [];
  const all = [...parts, ...rest];
  const chosen: HeldOut = {
    validation: Object.assign({}, ...all.map(({ validation }) => validation)),
    leftOut: all.flatMap(({ leftOut }) => leftOut),
    how: `runs of neighbouring frames of ${sequences.length} ${sequences.length === 1 ? 'sequence' : 'sequences'}, with a gap on both sides`,
  };
  return withoutAlike(chosen, alike);
}

/** The data set with the held-out samples as its validation split; its own is the split `reported`. @throws DataError for ids that it has not. */
export function withHeldOut(dataset: DataSet, { validation, leftOut }: HeldOut): DataSet {
  const { train, val } = dataset.splits;
  const known = new Set(train.map(({ id }) => id));
  const unknown = Object.keys(validation).find((id) => !known.has(id));
  if (unknown !== undefined)
    throw new DataError(`heldOut: ${dataset.name} has no training sample "${unknown}"`, 'write the file again');
  const gone = new Set(leftOut);
  const isHeld = ({ id }: Sample) => Object.hasOwn(validation, id);
  const kept = train.filter((sample) => !isHeld(sample) && !gone.has(sample.id));
  if (kept.length === 0) throw new DataError('heldOut: no training sample is left', 'hold fewer out');
  return {
    ...dataset,
    splits: { train: kept, val: train.filter(isHeld) },
    extra: { ...dataset.extra, reported: val },
  };
}

const schema = z.strictObject({
  validation: z.record(z.string(), z.string()),
  leftOut: z.array(z.string()).default([]),
  how: z.string().default('as the file says'),
});

/** The file of a held-out part. @throws ConfigError when there is none or it is of another form. */
export function readHeldOut(file: string): HeldOut {
  let value: unknown;
  try {
    value = parseJson(readTextFile(file));
  } catch (error) {
    throw new ConfigError(`heldOut: ${file} cannot be read (${(error as Error).message})`, 'give a JSON file');
  }
  const result = schema.safeParse(value);
  if (!result.success)
    throw new ConfigError(
      `heldOut: ${file}: ${result.error.issues[0].message.toLowerCase()}`,
      'expected {"validation": {"<id>": "<group>", ...}, "leftOut": ["<id>", ...]}',
    );
  return result.data;
}

/** Whole units, in the order of a hash of their names, until the share is reached. */
function byUnits(
  ids: readonly string[],
  nameOf: (id: string) => string,
  share: number,
  alike: readonly (readonly [string, string])[],
  how: string,
): HeldOut {
  const units = joined(ids, nameOf, alike);
  if (units.length < 2)
    throw new DataError(
      `all ${ids.length} training samples belong to one group: nothing can be held out`,
      'name finer groups, or give the samples names that tell them apart',
    );
  const target = Math.max(1, share * ids.length);
  const ordered = [...units].sort((a, b) => hash(a.name) - hash(b.name) || (a.name < b.name ? -1 : 1));
  const validation: Record<string, string> = {};
  let count = 0;
  for (const { name, members } of ordered) {
    const isLast = count + members.length === ids.length;
    // The first one that fits; a unit that overshoots by more than it would lack is passed over.
    if (isLast || Math.abs(count + members.length - target) >= Math.abs(count - target)) continue;
    for (const id of members) validation[id] = name;
    count += members.length;
  }
  if (count === 0) {
    const [smallest] = [...units].sort((a, b) => a.members.length - b.members.length || (a.name < b.name ? -1 : 1));
    for (const id of smallest.members) validation[id] = smallest.name;
  }
  return { validation, leftOut: [], how };
}

/** Samples of one name, or alike to one of them, together. */
function joined(
  ids: readonly string[],
  nameOf: (id: string) => string,
  alike: readonly (readonly [string, string])[],
): { name: string; members: string[] }[] {
  const parents = new Map<string, string>();
  const root = (name: string): string => {
    const parent = parents.get(name);
    return parent === undefined ? name : root(parent);
  };
  const known = new Set(ids);
  for (const [a, b] of alike) {
    if (!known.has(a) || !known.has(b)) continue;
    const [low, high] = [root(nameOf(a)), root(nameOf(b))].sort();
    if (low !== high) parents.set(high, low);
  }
  const units = new Map<string, string[]>();
  for (const id of ids) units.set(root(nameOf(id)), [...(units.get(root(nameOf(id))) ?? []), id]);
  return [...units].map(([name, members]) => ({ name, members }));
}

/** Some blocks of neighbouring frames in the middle of equal parts of a sequence; the frames beside them are left out. */
function blocksOf({ name, ids }: FramesOf, share: number): HeldOut {
  const held = Math.max(1, Math.round(share * ids.length));
  const blocks = Math.max(1, Math.min(MOST_BLOCKS, Math.floor(held / FEWEST_FRAMES)));
  const gap = Math.max(1, Math.round(ids.length / 100));
  const validation: Record<string, string> = {};
  const leftOut: string[] = [];
  for (let block = 0; block < blocks; block++) {
    const [start, end] = [block, block + 1].map((i) => Math.round((i * ids.length) / blocks));
    const size = Math.round(((block + 1) * held) / blocks) - Math.round((block * held) / blocks);
    const first = start + Math.floor((end - start - size) / 2);
    for (let i = first - gap; i < first + size + gap; i++) {
      if (i < start || i >= end) continue;
      if (i < first || i >= first + size) leftOut.push(ids[i]);
      else validation[ids[i]] = `${name}${block + 1}`;
    }
  }
  return { validation, leftOut, how: '' };
}

/** Samples alike to a validated one are left out, so that none of them is trained on. */
function withoutAlike(held: HeldOut, alike: readonly (readonly [string, string])[]): HeldOut {
  const isHeld = (id: string) => Object.hasOwn(held.validation, id);
  const beside = alike.flatMap(([a, b]) => (isHeld(a) === isHeld(b) ? [] : [isHeld(a) ? b : a]));
  return { ...held, leftOut: [...new Set([...held.leftOut, ...beside])] };
}

const folderOf = (id: string): string => id.slice(0, Math.max(0, id.lastIndexOf('/')));

/** FNV-1a, 32 bits, with a final mix: names that differ in a digit lie far apart. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  return (value ^ (value >>> 13)) >>> 0;
}
