/**
 * @file Opens a data set by path: reads its `data.yaml`, recognises the layout of a folder, or makes the embedded scenes and phantoms by
 * their name.
 */
import { stat } from 'node:fs/promises';
import { dirname, extname, join, resolve } from 'node:path';
import { DataError } from '../base/errors.ts';
import { maybeTextFile } from '../base/textFile.ts';
import { withChannels } from './channels/derive.ts';
import { ade20k } from './layouts/ade20k.ts';
import { openAnnotations } from './layouts/annotations/assemble.ts';
import { annotationsOfFile, findAnnotations } from './layouts/annotations/find.ts';
import { ANNOTATION_LAYOUTS } from './layouts/annotations/layouts.ts';
import { camvid } from './layouts/camvid.ts';
import { cityscapes } from './layouts/cityscapes.ts';
import { classFields, oneClass } from './layouts/classes.ts';
import { decathlon } from './layouts/decathlon.ts';
import { type Description, loadDescription } from './layouts/description.ts';
import { folder, openDescribed } from './layouts/folder.ts';
import { isFile, isFolder, type Layout, type OpenOptions } from './layouts/layout.ts';
import { nnunet } from './layouts/nnunet.ts';
import { parseRegions } from './layouts/regions.ts';
import { findStructure } from './layouts/structure.ts';
import { voc } from './layouts/voc.ts';
import { createSceneSet, parseSceneName } from './scenes/sceneSet.ts';
import type { DataSet } from './types.ts';
import { createPhantomSet, parsePhantomName } from './volumes/phantomSet.ts';

/** The known layouts of images and of volumes in the order they are tried: the more particular first. */
export const LAYOUTS: readonly Layout[] = [
  ...[cityscapes, voc, ade20k, camvid, nnunet, decathlon],
  ...ANNOTATION_LAYOUTS,
  folder,
];

/** Published data sets of images: a `data.yaml` may name other classes for the same folders. */
const PUBLISHED: readonly Layout[] = [cityscapes, voc, ade20k, camvid];
const VOLUMES: readonly Layout[] = [nnunet, decathlon];

/**
 * Opens a data set: a folder, a `data.yaml` (of any name), `scenes` (`scenes:256x192` for another size), or `phantoms`
 * (`phantoms:48x48x32`). A `data.yaml` in the folder is read before any layout is looked for: given as a folder or as that file, it means the
 * same.
 * Reads names, lists and, where nothing names the classes, masks. Throws a `DataError` that says what was looked for, and for fewer than two
 * classes unless `allowUnpaired` asks for a data set to check.
 */
export async function openDataSet(path: string, options: OpenOptions = {}): Promise<DataSet> {
  const scenes = parseSceneName(path);
  if (scenes !== undefined) return createSceneSet(scenes);
  const phantoms = parsePhantomName(path);
  if (phantoms !== undefined) return createPhantomSet(phantoms);
  const opened = await openPath(path, options);
  requireOwnFiles(path, opened);
  const dataset = opened.rank === 2 && opened.channels === undefined ? await withChannels(opened) : opened;
  if (dataset.classes.length < 2 && !options.allowUnpaired) {
    const { message, fix } = oneClass(dataset);
    throw new DataError(`${path}: ${message}`, fix);
  }
  return dataset;
}

/** Whatever the layout: a file is not its own partner, a label file belongs to one sample, and ids tell samples apart. @throws DataError */
function requireOwnFiles(path: string, { splits, extra = {} }: DataSet): void {
  const owners = new Map<string, string>();
  for (const [split, samples] of Object.entries({ ...splits, ...extra })) {
    const ids = new Set<string>();
    for (const { id, source } of samples) {
      if (ids.has(id)) throw new DataError(`${path}: ${split} names ${id} twice`, 'remove one of them from the list');
      ids.add(id);
      if ((source.kind !== 'files' && source.kind !== 'volume') || source.label === undefined) continue;
      const images = source.kind === 'files' ? [source.image] : source.images;
      if (images.includes(source.label))
        throw new DataError(
          `${source.label}: expected a label file, got the image itself`,
          'name the file of its labels',
        );
      // One file may hold the shapes of many images.
      if (source.kind === 'files' && source.drawn !== undefined) continue;
      const owner = owners.get(source.label);
      const [image] = images;
      if (owner !== undefined && owner !== image)
        throw new DataError(
          `${source.label}: is the label file of ${owner} and of ${image}`,
          'each has a file of its own',
        );
      owners.set(source.label, image);
    }
  }
}

async function openPath(path: string, options: OpenOptions): Promise<DataSet> {
  const root = resolve(path);
  const found = await stat(root).catch(() => undefined);
  if (found === undefined) {
    throw new DataError(
      `${path}: no such folder or file`,
      'give a folder, a data.yaml, or `scenes` or `phantoms` for the embedded data',
    );
  }
  if (found.isFile()) {
    if (['.yaml', '.yml'].includes(extname(root))) return openDescription(root, options);
    const annotations = await annotationsOfFile(root);
    if (annotations !== undefined) return openAnnotations(annotations, {}, options);
    throw new DataError(
      `${path}: expected a folder, a .yaml file or annotations of COCO, CVAT, Label Studio or labelme`,
      'give the folder that holds the images',
    );
  }
  const description = await findDescription(root);
  const volumes = await openVolumes(root, options);
  if (volumes !== undefined) return description === undefined ? volumes : describedVolumes(volumes, description);
  if (description !== undefined) return openDescription(description, options);
  for (const layout of PUBLISHED) if (await layout.matches(root)) return layout.open(root, options);
  // Asked once for all tools: every look lists the files.
  const annotations = await findAnnotations(root);
  if (annotations !== undefined) return openAnnotations(annotations, {}, options);
  if (await folder.matches(root)) return folder.open(root, options);
  const sought = LAYOUTS.map((layout) => `${layout.name} (${layout.looksFor})`).join('; ');
  throw new DataError(`${path}: no known layout`, `looked for ${sought}`);
}

/** The `data.yaml` of a folder. */
async function findDescription(root: string): Promise<string | undefined> {
  for (const name of ['data.yaml', 'data.yml']) if (await isFile(root, name)) return join(root, name);
  return undefined;
}

/** The volumes of a folder, if it holds any. */
async function openVolumes(root: string, options: OpenOptions): Promise<DataSet | undefined> {
  for (const layout of VOLUMES) if (await layout.matches(root)) return layout.open(root, options);
  return undefined;
}

/** Volumes beside a `data.yaml`, of which only `regions` is read. */
async function describedVolumes(dataset: DataSet, file: string): Promise<DataSet> {
  const { notes = [] } = dataset;
  // Any other file need not be one that can be parsed.
  if (!/^["']?regions["']?\s*:/m.test(maybeTextFile(file) ?? '')) {
    const note = 'data.yaml is not read: it describes images, and dataset.json describes these volumes';
    return { ...dataset, notes: [...notes, note] };
  }
  const { regions, name: _, path: __, ...others } = await loadDescription(file);
  const isAlone = Object.values(others).every((value) => value === undefined);
  const note = 'of data.yaml only `regions` is read: dataset.json describes these volumes';
  return withRegions(isAlone ? dataset : { ...dataset, notes: [...notes, note] }, { regions }, file);
}

/** A data set with the regions that a description names. @throws DataError where the data have regions of their own */
function withRegions(dataset: DataSet, { regions }: Pick<Description, 'regions'>, file: string): DataSet {
  if (regions === undefined) return dataset;
  if (dataset.regions !== undefined)
    throw new DataError(`${file}: \`regions\` where dataset.json has regions, too`, 'state them in one of the two');
  return { ...dataset, regions: parseRegions(regions, { ...dataset, file }) };
}

/** CVAT's exports for Ultralytics name lists of images instead of folders: the folders beside them say the same. */
function withoutLists(description: Description): Description {
  if (!description.train?.images.endsWith('.txt')) return description;
  const { train: _, val: __, test: ___, ...rest } = description;
  return rest;
}

/** Opens what a `data.yaml` is about, with the channels and the regions that it names. */
async function openDescription(file: string, options: OpenOptions): Promise<DataSet> {
  const description = withoutLists(await loadDescription(file));
  const dataset = withRegions(await openDescribedData(file, description, options), description, file);
  const { channels } = description;
  return dataset.rank === 3 || channels === undefined ? dataset : withChannels(dataset, { file, channels });
}

/** A plain folder, the folders of a published data set with its own classes, or annotated images. */
async function openDescribedData(file: string, description: Description, options: OpenOptions): Promise<DataSet> {
  const { classes, ignore, name, path, train } = description;
  const root = resolve(dirname(file), path ?? '.');
  if (!(await isFolder(root))) {
    throw new DataError(
      `${file}: \`path\` is ${path}, but there is no folder ${root}`,
      'it is relative to the file: leave it out where the images lie beside the file',
    );
  }
  if (train === undefined && (await findStructure(root, description)) === undefined) {
    const volumes = description.regions ? await openVolumes(root, options) : undefined;
    if (volumes !== undefined) return volumes;
    for (const layout of PUBLISHED) {
      if (!(await layout.matches(root))) continue;
      const dataset = await layout.open(root, options);
      if (classes === undefined && ignore !== undefined)
        throw new DataError(`${file}: \`ignore\` without \`classes\``, `${layout.name} has label values of its own`);
      const named = classes === undefined ? {} : { ...classFields(classes, ignore, file), classesFrom: 'data.yaml' };
      const { submissionValues: _, ...rest } = dataset;
      return { ...(classes === undefined ? dataset : rest), ...named, name: name ?? dataset.name } as DataSet;
    }
  }
  const annotations = await findAnnotations(root, description);
  return annotations === undefined
    ? openDescribed(root, description, options)
    : openAnnotations(annotations, description, options);
}
