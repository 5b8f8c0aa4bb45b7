/**
 * @file Several masks for an image, one for each instance or class: a folder with `images/` and `masks/` for each image (Data Science Bowl 2018),
 * `masks/x/` with the masks of `x`, or `masks/road/` with a mask of that class for each image. What is not 0 in a mask is inside; of masks that overlap
 * the smaller one lies on top.
 */
import { readdir } from 'node:fs/promises';
import { basename, dirname, extname, join, relative } from 'node:path';
import { appendAll } from '../../../base/lists.ts';
import { isImageName } from '../../images/endings.ts';
import { isFolder } from '../layout.ts';
import { filesBelow, listFolder, nameBelow } from '../pairing.ts';
import type { Folders } from '../structure.ts';

/** An image and its masks; the label of a mask is undefined where its name is that of an instance. */
export interface MaskedImage {
  image: string;
  /** The folder of its masks. */
  folder: string;
  masks: { path: string; label?: string | undefined }[];
}

/** Folders are looked for so deep below the root. */
const DEEPEST = 2;

/** Finds images with a folder of masks each; undefined where there are none. */
export async function findMaskFolders(root: string, folders: readonly Folders[]): Promise<MaskedImage[] | undefined> {
  const found = folders.length === 0 ? await foldersOfImages(root) : await foldersOfMasks(folders);
  if (found === undefined || found.length === 0) return undefined;
  return nameMasks(found);
}

/** `<image>/images/x.png` with `<image>/masks/*.png`. */
async function foldersOfImages(root: string, depth = 0): Promise<MaskedImage[] | undefined> {
  const [images, masks] = [join(root, 'images'), join(root, 'masks')];
  if (depth > 0 && (await isFolder(images)) && (await isFolder(masks))) {
    const { images: own } = await listFolder(images);
    if (own.length !== 1) return undefined;
    return [{ image: own[0], folder: masks, masks: (await masksIn(masks)).map((path) => ({ path })) }];
  }
  if (depth >= DEEPEST) return undefined;
  const found: MaskedImage[] = [];
  for (const entry of (await readdir(root).catch(() => [])).sort()) {
    if (entry.startsWith('.') || !(await isFolder(root, entry))) continue;
    appendAll(found, (await foldersOfImages(join(root, entry), depth + 1)) ?? []);
    // Large folders of something else are not walked through.
    if (found.length === 0 && depth === 0 && entry.startsWith('images')) return undefined;
  }
  return found;
}

/** `masks/x/*.png` for `images/x.png`, or `masks/<class>/x.png`. */
async function foldersOfMasks(folders: readonly Folders[]): Promise<MaskedImage[] | undefined> {
  const found: MaskedImage[] = [];
  for (const { images, masks } of folders) {
    if (images === masks) return undefined;
    const parts = (await masksIn(masks)).map((path) => ({
      path,
      folder: nameBelow(masks, dirname(path)),
      name: nameBelow(dirname(path), path),
    }));
    if (parts.length === 0 || parts.some(({ folder }) => folder === '')) return undefined;
    const { images: files } = await listFolder(images);
    const byName = new Map(
      files.map((image) => [nameBelow(images, image), { image, folder: masks, masks: [] as MaskedImage['masks'] }]),
    );
    const ofImages = parts.every(({ folder }) => byName.has(folder));
    const ofClasses = !ofImages && parts.every(({ folder, name }) => !folder.includes('/') && byName.has(name));
    if (!ofImages && !ofClasses) return undefined;
    for (const { path, folder, name } of parts) {
      const entry = byName.get(ofImages ? folder : name);
      if (ofImages && entry !== undefined) entry.folder = join(masks, folder);
      entry?.masks.push(ofImages ? { path } : { path, label: folder });
    }
    appendAll(found, byName.values());
  }
  return found;
}

const masksIn = async (folder: string): Promise<string[]> =>
  (await filesBelow(folder)).filter((file) => isImageName(basename(file)) || extname(file).toLowerCase() === '.gif');

/** Masks whose names recur from image to image are of classes of these names; numbers, and names of their own, are instances. */
function nameMasks(found: MaskedImage[]): MaskedImage[] {
  const uses = new Map<string, number>();
  const nameOf = (image: string, mask: string): string => {
    const name = nameBelow(dirname(mask), mask);
    const own = nameBelow(dirname(image), image);
    return name.startsWith(own) && name.length > own.length ? name.slice(own.length).replace(/^[_.-]+/, '') : name;
  };
  for (const { image, masks } of found)
    for (const { path } of masks) uses.set(nameOf(image, path), (uses.get(nameOf(image, path)) ?? 0) + 1);
  const isClass = found.length > 1 && [...uses].every(([name, count]) => !/^\d*$/.test(name) && count > 1);
  if (!isClass) return found;
  return found.map(({ masks, ...rest }) => ({
    ...rest,
    masks: masks.map(({ path, label }) => ({ path, label: label ?? nameOf(rest.image, path) })),
  }));
}

/** The id of an image: the path below the root of the folder that is its own, or of itself below `images/`. */
export function idOf(root: string, { image, folder }: MaskedImage): string {
  const own = dirname(dirname(image));
  return dirname(folder) === own && relative(root, own) !== ''
    ? nameBelow(root, own + extname(own))
    : nameBelow(root, image).replace(/^images?\//i, '');
}
