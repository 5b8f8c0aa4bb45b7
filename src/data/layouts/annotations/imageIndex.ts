/**
 * @file Finds the image that an annotation means. Tools name images by paths and addresses of other machines, so no name is taken as a path: the images
 * below the folder are listed, and the one whose path ends like the name is it.
 */
import { dirname, relative, sep } from 'node:path';
import { DataError } from '../../../base/errors.ts';
import { listFolder } from '../pairing.ts';

/** The images below a folder by their names. */
export interface ImageIndex {
  /** All of them, sorted. */
  readonly files: readonly string[];
  /**
   * The image that a name means; undefined where there is none. Of several the one whose path agrees with most of the name, then the one nearest to
   * the annotation.
   * @throws DataError where two remain.
   */
  find(name: string, annotation: string): string | undefined;
}

/** Lists the images below a folder. */
export async function indexImages(root: string): Promise<ImageIndex> {
  const { images } = await listFolder(root);
  const byName = new Map<string, { file: string; parts: string[] }[]>();
  for (const file of images) {
    const parts = partsOf(relative(root, file).split(sep).join('/'));
    const name = parts.at(-1) as string;
    byName.set(name, [...(byName.get(name) ?? []), { file, parts }]);
  }
  return {
    files: images,
    find(name, annotation) {
      for (const wanted of namesOf(name)) {
        const parts = partsOf(wanted);
        const candidates = byName.get(parts.at(-1) ?? '') ?? [];
        if (candidates.length < 2) {
          if (candidates.length === 1) return candidates[0].file;
          continue;
        }
        const near = partsOf(relative(root, dirname(annotation)).split(sep).join('/'));
        const scores = candidates.map((one) => shared(one.parts, parts, -1) * 1000 + shared(one.parts, near, 1));
        const best = Math.max(...scores);
        const [first, second] = candidates.filter((_, i) => scores[i] === best);
        if (second !== undefined)
          throw new DataError(
            `${annotation}: ${wanted.slice(0, 100)} may be ${first.file} or ${second.file}`,
            'put the annotations beside their images, or give the images different names',
          );
        return first.file;
      }
      return undefined;
    },
  };
}

/** The names that an image may have: of an address its path, or what it asks for; of an upload to Label Studio also the name without its prefix. */
function namesOf(name: string): string[] {
  const path = /[?&]d=([^&]+)/.exec(name)?.[1] ?? name.replace(/^[a-z][a-z0-9+]*:\/\//i, '').replace(/[?#].*$/, '');
  let decoded = path;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    // It is no address: the name is as it stands.
  }
  const all = [...new Set([name, path, decoded])];
  return [...all, ...all.map((one) => one.replace(/(^|\/)[0-9a-f]{8}-([^/]+)$/, '$1$2'))];
}

const partsOf = (path: string): string[] =>
  path
    .replaceAll('\\', '/')
    .normalize('NFC')
    .split('/')
    .filter((part) => part !== '' && part !== '.' && part !== '..');

/** How many parts two paths share from their end (-1) or beginning (1) on. */
function shared(a: readonly string[], b: readonly string[], from: 1 | -1): number {
  const [left, right] = from === 1 ? [a, b] : [a.toReversed(), b.toReversed()];
  const differing = left.findIndex((part, i) => part !== right[i]);
  return differing === -1 ? left.length : differing;
}
