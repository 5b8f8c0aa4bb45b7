/**
 * @file Whether a path stays in its folder: a copied run may hold symbolic links, and what they point to is not part of it.
 */
import { lstatSync, realpathSync } from 'node:fs';
import { dirname, relative, resolve, sep } from 'node:path';
import { DataError } from '../base/errors.ts';

/** Whether `path`, or where it does not exist the folder it would be made in, lies in `folder` with every symbolic link followed. */
export function isInside(folder: string, path: string): boolean {
  const root = resolve(folder);
  let place = resolve(path);
  while (place !== root && lstatSync(place, { throwIfNoEntry: false }) === undefined) {
    if (dirname(place) === place) return false;
    place = dirname(place);
  }
  try {
    const way = relative(realpathSync(root), realpathSync(place));
    return way !== '..' && !way.startsWith(`..${sep}`) && resolve(way) !== way;
  } catch {
    return false; // A link to nothing: writing through it would make a file elsewhere.
  }
}

/** @throws DataError when `path` leads out of `folder`. */
export function requireInside(folder: string, path: string): void {
  if (isInside(folder, path)) return;
  throw new DataError(
    `${path}: expected a path in ${folder}, got one that leads out of it`,
    'replace the symbolic link by what it points to',
  );
}
