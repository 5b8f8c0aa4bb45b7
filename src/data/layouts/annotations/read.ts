/**
 * @file Reads what was found: every file by its tool, and every image at its place on the disk.
 */
import { basename, extname, relative } from 'node:path';
import { DataError } from '../../../base/errors.ts';
import { endingOf } from '../../images/endings.ts';
import type { Description } from '../description.ts';
import type { OpenOptions } from '../layout.ts';
import { nameBelow } from '../pairing.ts';
import { type AnnotatedImage, type Annotations, BACKGROUND, skip } from './annotated.ts';
import { parseCoco } from './coco.ts';
import { parseCvat } from './cvat.ts';
import type { FileTool, FoundAnnotations } from './find.ts';
import { indexImages } from './imageIndex.ts';
import { parseLabelme } from './labelme.ts';
import { parseLabelStudio } from './labelStudio.ts';
import { type LocatedAnnotations, partOf, readText } from './located.ts';
import { idOf } from './maskFolders.ts';
import { readYolo } from './yoloFolder.ts';

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

function merge(all: LocatedAnnotations, { labels, colours, top, shares, skipped }: Annotations): void {
  all.labels = [...new Set([...all.labels, ...labels])];
  all.top = top;
  if (shares) all.shares = true;
  if (colours) all.colours = { ...all.colours, ...colours };
  for (const [what, count] of Object.entries(skipped)) skip(all, what, count);
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
