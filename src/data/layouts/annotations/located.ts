/**
 * @file Annotated images at their places on the disk, and what the names of files and folders state about them.
 */
import { readFile } from 'node:fs/promises';
import { DataError } from '../../../base/errors.ts';
import type { AnnotatedImage, Annotations } from './annotated.ts';

/** The parts of a data set that the names of files and folders state. */
export type Part = 'train' | 'val' | 'test';

/** An annotated image on the disk. */
export interface LocatedImage extends AnnotatedImage {
  /** The file of the image. */
  path: string;
  /** The file of its annotations. */
  file: string;
  id: string;
  /** Undefined where nothing says. */
  part?: Part | undefined;
}

/** What a data set of annotations holds. */
export interface LocatedAnnotations extends Omit<Annotations, 'images'> {
  images: LocatedImage[];
  /** Files without a partner. */
  unpaired: string[];
  notes: string[];
}

/** The part that a path or a name names, such as `annotations/instances_train2017.json`. */
export function partOf(path: string): Part | undefined {
  for (const part of path.split(/[\\/]/).toReversed()) {
    const [, name] =
      /(?:^|[._-])(train|training|val|valid|validation|test|testing)(?:\d{4})?(?:[._-]|$)/i.exec(part) ?? [];
    if (name !== undefined) return /^tr/i.test(name) ? 'train' : /^v/i.test(name) ? 'val' : 'test';
  }
  return undefined;
}

/** The text of a file of annotations. @throws DataError that names it */
export async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new DataError(
      `${file}: cannot be read (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`,
      'files of more than half a GB have to be split',
    );
  }
}
