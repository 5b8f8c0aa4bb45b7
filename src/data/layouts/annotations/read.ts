/**
 * @file Reads what was found: every file by its tool, and every image at its place on the disk.
 */
import { readFile } from 'node:fs/promises';
import { basename, extname, join, relative } from 'node:path';
import { DataError } from '../../../base/errors.ts';
import { endingOf } from '../../images/endings.ts';
import type { Description } from '../description.ts';
import type { OpenOptions } from '../layout.ts';
import { filesBelow, listFolder, nameBelow } from '../pairing.ts';
import type { Folders } from '../structure.ts';
import { type AnnotatedImage, type Annotations, BACKGROUND, skip } from './annotated.ts';
import { parseCoco } from './coco.ts';
import { parseCvat } from './cvat.ts';
import { CLASS_LIST, type FileTool, type FoundAnnotations, foldersOf } from './find.ts';
import { indexImages } from './imageIndex.ts';
import { parseLabelme } from './labelme.ts';
import { parseLabelStudio } from './labelStudio.ts';
import { idOf } from './maskFolders.ts';
import { parseClassList, parseYolo } from './yolo.ts';

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

const PARSERS: Readonly<Record<FileTool, (text: string, file: string) => Annotations>> = {
  coco: parseCoco,
  cvat: parseCvat,
  'label-studio': parseLabelStudio,
  labelme: parseLabelme,
};

/** Reads all annotations. @throws DataError for a damaged file, and for images that are missing unless `allowUnpaired` */
export async function readAnnotations(
  found: FoundAnnotations,
  description: Description,
  options: OpenOptions,
): Promise<LocatedAnnotations> {
  if (found.tool === 'yolo') return readYolo(found, description);
  return found.tool === 'mask-folders' ? readMaskFolders(found, description) : readFiles(found, options);
}

async function readFiles(
  { tool, root, files }: Extract<FoundAnnotations, { files: string[] }>,
  options: OpenOptions,
): Promise<LocatedAnnotations> {
  const index = await indexImages(root);
  const all: LocatedAnnotations = { images: [], labels: [], top: 'later', skipped: {}, unpaired: [], notes: [] };
  const owners = new Map<string, string>();
  let missing = 0;
  let example = '';
  for (const file of files) {
    const parsed = PARSERS[tool](await readText(file), file);
    const located = parsed.images.map((image) => ({ image, path: locate(image.image, file, index.find) }));
    const present = located.filter(({ path }) => path !== undefined);
    if (present.length === 0 && files.length > 1 && tool !== 'labelme') {
      all.notes.push(
        `${file}: none of its images is here, such as ${parsed.images[0]?.image.slice(0, 100)}: it is not used`,
      );
      continue;
    }
    missing += located.length - present.length;
    const lost = located.find(({ path }) => path === undefined);
    if (lost !== undefined) example ||= `${file} names ${lost.image.image.slice(0, 100)}`;
    for (const { image, path } of present as { image: AnnotatedImage; path: string }[]) {
      const other = owners.get(path);
      if (other !== undefined)
        throw new DataError(`${path}: is annotated twice, in ${other} and in ${file}`, 'keep one of them');
      owners.set(path, file);
      const part = partOf(image.subset ?? '') ?? partOf(relative(root, file)) ?? partOf(relative(root, path));
      all.images.push({ ...image, path, file, part, id: nameBelow(root, path).replace(/^images?\//i, '') });
    }
    merge(all, parsed);
  }
  if (missing > 0) {
    const message = `${missing} of ${missing + all.images.length} annotated images are not below ${root}, such as: ${example}`;
    if (!options.allowUnpaired || all.images.length === 0)
      throw new DataError(
        message,
        'put the images below the folder of the annotations, under the names that these have',
      );
    all.notes.push(message);
  }
  const unused = index.files.length - owners.size;
  if (unused > 0) all.notes.push(`${unused} image${unused === 1 ? ' has' : 's have'} no annotation and are not used`);
  return all;
}

function locate(
  name: string,
  file: string,
  find: (name: string, file: string) => string | undefined,
): string | undefined {
  const found = name === '' ? undefined : find(name, file);
  if (found !== undefined || endingOf(file) !== '.json') return found;
  // A file for each image has its name; what its path says may be from before a renaming.
  const stem = basename(file, extname(file));
  return ['.jpg', '.jpeg', '.png', '.tif', '.tiff', '.webp'].map((ending) => find(stem + ending, file)).find(Boolean);
}

async function readYolo(
  { root, structure }: Extract<FoundAnnotations, { tool: 'yolo' }>,
  { classes }: Description,
): Promise<LocatedAnnotations> {
  const all: LocatedAnnotations = {
    ...{ images: [], labels: [], top: 'smaller', shares: true, skipped: {}, unpaired: [], notes: [] },
  };
  const parts: readonly [Part | undefined, Folders][] =
    'all' in structure
      ? [[undefined, structure.all]]
      : (['train', 'val', 'test'] as const).flatMap((part) =>
          structure[part] ? [[part, structure[part]] as const] : [],
        );
  const listed = await loadClassList([root, ...foldersOf(structure).map(({ masks }) => masks)]);
  const names =
    classes === undefined
      ? listed
      : Object.assign([] as string[], Object.fromEntries(classes.map(({ value, name }) => [value, name])));
  const nameOf = (number: number, file: string): string => {
    if (names !== undefined && names[number] === undefined)
      throw new DataError(
        `${file}: class ${number} has no name, of ${names.length}`,
        'name it under `names` in data.yaml',
      );
    return names?.[number] ?? `class ${number}`;
  };
  let polygonCount = 0;
  let highest = -1;
  for (const [part, { images, masks }] of parts) {
    const texts = new Map(
      (await filesBelow(masks))
        .filter((file) => endingOf(file) === '.txt' && basename(file) !== CLASS_LIST)
        .map((file) => [nameBelow(masks, file), file]),
    );
    for (const path of (await listFolder(images)).images) {
      const name = nameBelow(images, path);
      const file = texts.get(name);
      texts.delete(name);
      const { polygons, boxes } =
        file === undefined ? { polygons: [], boxes: 0 } : parseYolo(await readText(file), file);
      if (boxes > 0) skip(all, 'boxes', boxes);
      polygonCount += polygons.length;
      for (const { number } of polygons) highest = Math.max(highest, number);
      all.images.push({
        ...{
          image: name,
          path,
          part,
          file: file ?? join(masks, `${name}.txt`),
          id: part === undefined ? name : `${part}/${name}`,
        },
        shapes: polygons.map(({ number, ring }) => ({
          kind: 'polygons',
          rings: [ring],
          label: nameOf(number, file as string),
        })),
      });
    }
    all.unpaired.push(...texts.values());
  }
  if (polygonCount === 0)
    throw new DataError(
      `${root}: expected polygons, got ${all.skipped.boxes ?? 0} boxes`,
      'boxes do not say which pixels belong to a class: export polygons ("YOLO segmentation")',
    );
  all.labels =
    names?.filter((name) => name !== undefined) ?? Array.from({ length: highest + 1 }, (_, n) => `class ${n}`);
  return all;
}

/** The class of masks whose names say nothing. */
const OBJECT = 'object';

/** Masks of instances are of the one class beside the background that a description names. */
function readMaskFolders(
  { root, images }: Extract<FoundAnnotations, { tool: 'mask-folders' }>,
  { classes = [] }: Description,
): LocatedAnnotations {
  const foreground = classes.map(({ name }) => name).filter((name) => !BACKGROUND.test(name));
  const needsName = images.some(({ masks }) => masks.some(({ label }) => label === undefined));
  if (needsName && foreground.length > 1)
    throw new DataError(
      `${images[0].folder}: its masks are of instances, and data.yaml names ${foreground.length} classes: ${foreground.slice(0, 8).join(', ')}`,
      'name the files by their classes, or name one class beside the background',
    );
  const object = foreground[0] ?? OBJECT;
  const all: LocatedAnnotations = { images: [], labels: [], top: 'smaller', skipped: {}, unpaired: [], notes: [] };
  for (const entry of images) {
    const { image, folder, masks } = entry;
    all.images.push({
      ...{ image, path: image, file: folder, id: idOf(root, entry), part: partOf(relative(root, image)) },
      shapes: masks.map(({ path, label = object }) => ({ kind: 'file', path, label })),
    });
  }
  return all;
}

async function loadClassList(folders: readonly string[]): Promise<string[] | undefined> {
  for (const folder of folders) {
    const text = await readFile(join(folder, CLASS_LIST), 'utf8').catch(() => undefined);
    if (text !== undefined) return parseClassList(text);
  }
  return undefined;
}

function merge(all: LocatedAnnotations, { labels, colours, top, shares, skipped }: Annotations): void {
  all.labels = [...new Set([...all.labels, ...labels])];
  all.top = top;
  if (shares) all.shares = true;
  if (colours) all.colours = { ...all.colours, ...colours };
  for (const [what, count] of Object.entries(skipped)) skip(all, what, count);
}

/** The part that a path or a name names, such as `annotations/instances_train2017.json`. */
function partOf(path: string): Part | undefined {
  for (const part of path.split(/[\\/]/).toReversed()) {
    const [, name] =
      /(?:^|[._-])(train|training|val|valid|validation|test|testing)(?:\d{4})?(?:[._-]|$)/i.exec(part) ?? [];
    if (name !== undefined) return /^tr/i.test(name) ? 'train' : /^v/i.test(name) ? 'val' : 'test';
  }
  return undefined;
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new DataError(
      `${file}: cannot be read (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`,
      'files of more than half a GB have to be split',
    );
  }
}
