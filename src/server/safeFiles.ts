/**
 * @file Files of a run folder that may come from a stranger: by plain names only, never through a link, never beyond the folder.
 */
import { constants, type Dirent } from 'node:fs';
import { type FileHandle, open, readdir, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MOST_TEXT_BYTES } from '../base/textFile.ts';

/** Larger documents and pictures are not served: nothing that Espalier writes comes near. */
export const MOST_BYTES = 64 * 2 ** 20;

/** Whether a text names one visible file of a folder. */
export const isPlainName = (name: string): boolean => /^[^./\\\p{Cc}][^/\\\p{Cc}]{0,254}$/u.test(name);

/**
 * Opens a regular file below a folder to read. No part of the way below `root` may be a link.
 *
 * @returns undefined when there is no such file, or it is none to give out. The caller closes it.
 */
export async function openInside(root: string, ...names: readonly string[]): Promise<FileHandle | undefined> {
  if (!names.every(isPlainName)) return undefined;
  const path = join(root, ...names);
  try {
    if ((await realpath(dirname(path))) !== join(await realpath(root), ...names.slice(0, -1))) return undefined;
    // Non-blocking, so that a named pipe cannot hold the server up.
    const file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
    if ((await file.stat()).isFile()) return file;
    await file.close();
    return undefined;
  } catch {
    return undefined;
  }
}

/** The whole content of a file as {@link openInside} finds it; undefined also above {@link MOST_BYTES}. */
export async function readInside(
  root: string,
  ...names: readonly string[]
): Promise<{ content: Buffer; modified: number } | undefined> {
  const file = await openInside(root, ...names);
  if (file === undefined) return undefined;
  try {
    const { size, mtimeMs } = await file.stat();
    return size > MOST_BYTES ? undefined : { content: await file.readFile(), modified: mtimeMs };
  } finally {
    await file.close();
  }
}

/** The text of a file as {@link openInside} finds it; undefined also above {@link MOST_TEXT_BYTES}. */
export const readTextInside = (root: string, ...names: readonly string[]): Promise<string | undefined> =>
  readShortTextInside(MOST_TEXT_BYTES, root, ...names);

/** The text of a file as {@link openInside} finds it; undefined also above `mostBytes`. */
export async function readShortTextInside(
  mostBytes: number,
  root: string,
  ...names: readonly string[]
): Promise<string | undefined> {
  const file = await openInside(root, ...names);
  if (file === undefined) return undefined;
  try {
    return (await file.stat()).size > mostBytes ? undefined : await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

/** Names without regard to case, numbers in them by their value. By keys that are made once: comparing by locale takes seconds for 100,000. */
export function inNaturalOrder(names: readonly string[]): string[] {
  // Before the only NUL of a key is what is compared, behind it the name: texts alone sort in half the time of pairs.
  const keys = names.map((name) => {
    const plain = name.toLowerCase().replaceAll('\0', '');
    return `${plain.replace(/\d+/g, (digits) => (PADDING[digits.length] ?? '') + digits)}\0${name}`;
  });
  return keys.sort().map((key) => key.slice(key.indexOf('\0') + 1));
}

/** Numbers of more digits come by their letters. */
const DIGITS = 16;
const PADDING = Array.from({ length: DIGITS + 1 }, (_, length) => '0'.repeat(DIGITS - length));

/** The plain names of the regular files, or of the folders, of a folder below `root`, in natural order; none when it is a link or not there. */
export async function listInside(root: string, name: string, what: 'files' | 'folders' = 'files'): Promise<string[]> {
  const path = join(root, name);
  try {
    if ((await realpath(path)) !== join(await realpath(root), name)) return [];
    const entries = await readdir(path, { withFileTypes: true });
    const isWanted = (entry: Dirent) => (what === 'files' ? entry.isFile() : entry.isDirectory());
    return inNaturalOrder(entries.flatMap((entry) => (isWanted(entry) && isPlainName(entry.name) ? [entry.name] : [])));
  } catch {
    return [];
  }
}
