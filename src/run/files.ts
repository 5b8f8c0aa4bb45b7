/**
 * @file Writes that are whole or absent: a crash, a full disk or a kill never leaves half a file or half a checkpoint behind.
 */
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { DataError } from '../base/errors.ts';

/**
 * Writes a file through a temporary one in the same folder (which is created when it is missing), flushed to disk, then renamed.
 * A reader sees the old content or the new, never a part. The first write to a folder removes temporary files in it that are older than an hour.
 *
 * @throws DataError when the disk is full or the folder may not be written to.
 */
export function writeAtomically(path: string, content: Uint8Array | string): void {
  const folder = dirname(path);
  const temporary = join(folder, temporaryName(basename(path)));
  onDisk(path, () => {
    mkdirSync(folder, { recursive: true });
    removeOld(resolve(folder));
    try {
      writeFlushed(temporary, content);
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
  });
  flushFolder(folder);
}

/**
 * Replaces a folder by one with the given files, and keeps the one before as {@link previousOf}. Whenever this is cut off, at least one of
 * the two is whole. One writer a folder: what an earlier one left unfinished is removed.
 *
 * @throws DataError when the disk is full or the folder may not be written to; both folders are then as before.
 */
export function writeFolderAtomically(path: string, files: Record<string, Uint8Array | string>): void {
  const parent = dirname(path);
  const previous = previousOf(path);
  const temporary = join(parent, temporaryName(basename(path)));
  onDisk(path, () => {
    mkdirSync(parent, { recursive: true });
    removeTemporaries(parent, (name) => name === basename(path));
    try {
      mkdirSync(temporary);
      for (const [name, content] of Object.entries(files)) writeFlushed(join(temporary, name), content);
      flushFolder(temporary);
      if (existsSync(path)) {
        rmSync(previous, { recursive: true, force: true });
        renameSync(path, previous);
      }
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { recursive: true, force: true });
      if (!existsSync(path) && existsSync(previous)) renameSync(previous, path);
      throw error;
    }
  });
  flushFolder(parent);
}

/** Where {@link writeFolderAtomically} keeps the folder that it replaced. */
export const previousOf = (path: string): string => `${path}.previous`;

/** Takes a damaged folder out of the way, under another name, so that the next write cannot push out the good one before it. */
export function setAside(path: string): void {
  if (!existsSync(path)) return;
  onDisk(path, () => {
    rmSync(`${path}.damaged`, { recursive: true, force: true });
    renameSync(path, `${path}.damaged`);
  });
}

/**
 * Runs `work`, which writes to `path`.
 * @throws DataError where the system refuses, naming the path, the reason and what helps.
 */
export function onDisk<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined || !(code in REASONS)) throw error;
    const [reason, advice] = REASONS[code];
    throw new DataError(`${path}: cannot be written, ${reason} (${code})`, advice);
  }
}

const FULL = 'free some space and continue with --resume: everything written before is intact';
const FORBIDDEN = 'take another folder with runs=<folder>, or change its permissions';
const REASONS: Record<string, readonly [reason: string, advice: string]> = {
  ENOSPC: ['the disk is full', FULL],
  EDQUOT: ['the quota of this user is used up', FULL],
  EFBIG: ['the file would be larger than the system allows', FULL],
  EIO: ['the disk fails', 'check the disk; what was written before may be copied away'],
  EROFS: ['the disk is read-only', FORBIDDEN],
  EACCES: ['it may not be written to', FORBIDDEN],
  EPERM: ['it may not be written to', FORBIDDEN],
  // What Node says of a folder that is to be made on a read-only disk.
  ENOENT: ['a folder of the path is missing or the disk is read-only', FORBIDDEN],
  ENOTDIR: ['a part of the path is a file', FORBIDDEN],
};

/** A hidden name beside `name`, different for every write; where its process is killed, it stays until {@link removeTemporaries}. */
export const temporaryName = (name: string): string => `.${name}.${randomUUID()}.tmp`;

/** What {@link temporaryName} was given; undefined for any other name. */
const writtenAs = (name: string): string | undefined =>
  /^\.(.+)\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp$/.exec(name)?.[1];

/**
 * Removes temporary files and folders that lie directly in `folder`, for names that `isAbandoned`. What cannot be removed stays: it is in nobody's
 * way.
 */
export function removeTemporaries(folder: string, isAbandoned: (name: string, path: string) => boolean): void {
  try {
    for (const entry of readdirSync(folder)) {
      const [name, path] = [writtenAs(entry), join(folder, entry)];
      if (name !== undefined && isAbandoned(name, path)) rmSync(path, { recursive: true, force: true });
    }
  } catch {
    // See above.
  }
}

/** Longer than any write takes, in milliseconds: what has not changed for so long belongs to a process that was killed. */
const ABANDONED_AFTER = 3_600_000;
/** Folders that this process has written to: they are looked through once. */
const seen = new Set<string>();

function removeOld(folder: string): void {
  if (seen.has(folder)) return;
  seen.add(folder);
  const before = Date.now() - ABANDONED_AFTER;
  removeTemporaries(folder, (_, path) => (lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? before) < before);
}

function writeFlushed(path: string, content: Uint8Array | string): void {
  const file = openSync(path, 'wx');
  try {
    writeFileSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Flushes the entry of a renamed file; systems that cannot open a folder (Windows) go without. */
function flushFolder(path: string): void {
  try {
    const folder = openSync(path, 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch {
    // The rename itself was atomic; only its durability after a power cut is weaker here.
  }
}

/** Appends all of the bytes or, on a full disk, none: half a record would run into the next one. */
export function appendWhole(file: number, bytes: Buffer): void {
  const { size } = fstatSync(file);
  try {
    for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
  } catch (error) {
    ftruncateSync(file, size);
    throw error;
  }
}
