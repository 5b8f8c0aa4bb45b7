/**
 * @file Writes that are whole or absent: a crash, a full disk or a kill never leaves half a file or half a checkpoint behind.
 */
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

/**
 * Writes a file through a temporary one in the same folder (which is created when it is missing), flushed to disk, then renamed.
 * A reader sees the old content or the new, never a part.
 */
export function writeAtomically(path: string, content: Uint8Array | string): void {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true });
  const temporary = join(folder, temporaryName(basename(path)));
  try {
    writeFlushed(temporary, content);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  flushFolder(folder);
}

/**
 * Replaces a folder by one with the given files. The previous folder is kept as `<path>.previous` until the new one is in place, where
 * {@link findFolder} finds it after a crash. One writer a folder: what an earlier one left unfinished is removed.
 */
export function writeFolderAtomically(path: string, files: Record<string, Uint8Array | string>): void {
  const parent = dirname(path);
  mkdirSync(parent, { recursive: true });
  settleFolder(path);
  removeAbandoned(path);
  const temporary = join(parent, temporaryName(basename(path)));
  try {
    mkdirSync(temporary);
    for (const [name, content] of Object.entries(files)) writeFlushed(join(temporary, name), content);
    flushFolder(temporary);
    if (existsSync(path)) renameSync(path, previousOf(path));
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    settleFolder(path);
    throw error;
  }
  flushFolder(parent);
  rmSync(previousOf(path), { recursive: true, force: true });
}

/** Where the content of a folder written by {@link writeFolderAtomically} is now; undefined when there is none. Changes nothing. */
export function findFolder(path: string): string | undefined {
  return [path, previousOf(path)].find((candidate) => existsSync(candidate));
}

/** Finishes what a crash left: the previous folder comes back, or goes when the new one is there. */
function settleFolder(path: string): void {
  const previous = previousOf(path);
  if (!existsSync(previous)) return;
  if (existsSync(path)) rmSync(previous, { recursive: true, force: true });
  else renameSync(previous, path);
}

/** Removes half-written folders of killed processes: checkpoints are large. */
function removeAbandoned(path: string): void {
  const parent = dirname(path);
  for (const name of readdirSync(parent)) {
    if (name.startsWith(`.${basename(path)}.`) && name.endsWith(temporarySuffix)) {
      rmSync(join(parent, name), { recursive: true, force: true });
    }
  }
}

function previousOf(path: string): string {
  return `${path}.previous`;
}

const temporarySuffix = '.tmp';

/** Hidden, and different for every write. */
function temporaryName(name: string): string {
  return `.${name}.${randomUUID()}${temporarySuffix}`;
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
