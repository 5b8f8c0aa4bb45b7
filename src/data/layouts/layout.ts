/**
 * @file What a data-set layout is: a row of the table in `detect.ts`.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { DataSet } from '../types.ts';

/** Options of opening a data set. */
export interface OpenOptions {
  /** List files without a partner in `unpaired` instead of refusing the data set; for checks. */
  allowUnpaired?: boolean;
  /** For data without a split: another one is another split by hash; default 0. */
  splitSeed?: number;
  /** For data without a split, or with folds of their own: which fold is val, from 0; default 0. */
  fold?: number;
  /** For data without a split: number of folds; default 5. */
  folds?: number;
}

/** One way to lay out a data set on disk. */
export interface Layout {
  name: string;
  /** What a folder must hold to be of this layout, for the error message. */
  looksFor: string;
  /** Whether the folder is of this layout: looks at names and descriptions only. */
  matches(root: string): Promise<boolean>;
  /** Opens a folder that matches. */
  open(root: string, options: OpenOptions): Promise<DataSet>;
}

/** Whether the path is a folder. */
export async function isFolder(...path: string[]): Promise<boolean> {
  return (await stat(join(...path)).catch(() => undefined))?.isDirectory() ?? false;
}

/** Whether the path is a file. */
export async function isFile(...path: string[]): Promise<boolean> {
  return (await stat(join(...path)).catch(() => undefined))?.isFile() ?? false;
}

/** The folder inside `root` that has one of the names in any case, the first of the names that does; relative to `root`. */
export async function findFolder(root: string, names: readonly string[]): Promise<string | undefined> {
  const entries = await readdir(root).catch(() => []);
  for (const name of names) {
    // An exact name before one in other letters.
    for (const entry of [
      name,
      ...entries.filter((other) => other !== name && other.toLowerCase() === name.toLowerCase()),
    ]) {
      if (await isFolder(root, entry)) return entry;
    }
  }
  return undefined;
}
