/**
 * @file A folder of YOLO segmentation: the text file of each image, and the names of its classes.
 */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DataError } from '../../../base/errors.ts';
import { appendAll } from '../../../base/lists.ts';
import { endingOf } from '../../images/endings.ts';
import type { Description } from '../description.ts';
import { filesBelow, listFolder, nameBelow } from '../pairing.ts';
import type { Folders } from '../structure.ts';
import { skip } from './annotated.ts';
import { CLASS_LIST, type FoundAnnotations, foldersOf } from './find.ts';
import { type LocatedAnnotations, type Part, readText } from './located.ts';
import { parseClassList, parseYolo } from './yolo.ts';

/** Reads the polygons of all images; the numbers of classes go by `data.yaml`, else by `classes.txt`. @throws DataError where there are boxes only */
export async function readYolo(
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
    appendAll(all.unpaired, texts.values());
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

async function loadClassList(folders: readonly string[]): Promise<string[] | undefined> {
  for (const folder of folders) {
    const text = await readFile(join(folder, CLASS_LIST), 'utf8').catch(() => undefined);
    if (text !== undefined) return parseClassList(text);
  }
  return undefined;
}
