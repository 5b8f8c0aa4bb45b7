/**
 * @file Recognises annotations of tools in a folder: by the beginning of its JSON and XML files, or by text files where masks would lie. Masks that are
 * there as images come first.
 */
import { open, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { endingOf } from '../../images/endings.ts';
import type { Description } from '../description.ts';
import { filesBelow, listFolder } from '../pairing.ts';
import { type Folders, findStructure, type Structure } from '../structure.ts';
import { findMaskFolders, type MaskedImage } from './maskFolders.ts';

/** The tools that write JSON or XML, the more particular first. */
const FILE_TOOLS = ['coco', 'cvat', 'label-studio', 'labelme'] as const;

/** A tool that writes JSON or XML, by the name of its layout. */
export type FileTool = (typeof FILE_TOOLS)[number];

/** A tool, by the name of its layout. */
export type Tool = FileTool | 'yolo' | 'mask-folders';

/** What was found: files that hold the annotations of many images or of one, or folders with a text file an image. */
export type FoundAnnotations =
  | { tool: FileTool; root: string; files: string[] }
  | { tool: 'yolo'; root: string; structure: Structure }
  | { tool: 'mask-folders'; root: string; images: MaskedImage[] };

/** So many files are looked into; where each image has a file, the first ones show what they are. */
const MOST_LOOKED_INTO = 200;

/** So much of the beginning and of the end of a file is looked at, in bytes. */
const LOOKED_AT = 2 ** 16;

/** The annotations of a folder; undefined where there are none, or masks beside them. */
export async function findAnnotations(
  root: string,
  description: Description = {},
): Promise<FoundAnnotations | undefined> {
  const structure = await findStructure(root, description).catch(() => undefined);
  const folders = structure === undefined ? [] : foldersOf(structure);
  const masked = await findMaskFolders(root, folders);
  if (masked !== undefined) return { tool: 'mask-folders', root, images: masked };
  for (const { images, masks } of folders)
    if (images === masks || (await listFolder(masks, { ofMasks: true }).catch(() => undefined))?.images.length)
      return undefined;
  const files = (await filesBelow(root)).filter((file) => ['.json', '.xml'].includes(endingOf(file)));
  const kinds = await Promise.all(files.slice(0, MOST_LOOKED_INTO).map(toolOf));
  const tool = FILE_TOOLS.find((name) => kinds.includes(name));
  if (tool !== undefined) {
    const ofTool = files.filter((_, i) => (i < kinds.length ? kinds[i] === tool : tool === 'labelme'));
    return { tool, root, files: tool === 'coco' ? preferInstances(ofTool) : ofTool };
  }
  for (const { masks } of folders)
    if ((await filesBelow(masks)).some((file) => endingOf(file) === '.txt' && basename(file) !== CLASS_LIST))
      return { tool: 'yolo', root, structure: structure as Structure };
  return undefined;
}

/** The list of class names that tools write beside YOLO's files. */
export const CLASS_LIST = 'classes.txt';

/** The annotations of one file; undefined where it is of no known tool. Its images lie below its folder, or beside that where it is called `annotations`. */
export async function annotationsOfFile(file: string): Promise<FoundAnnotations | undefined> {
  const tool = await toolOf(file);
  const folder = dirname(file);
  return tool === undefined
    ? undefined
    : { tool, root: basename(folder).toLowerCase() === 'annotations' ? dirname(folder) : folder, files: [file] };
}

/** The folders of all parts of a data set. */
export const foldersOf = (structure: Structure): Folders[] =>
  'all' in structure ? [structure.all] : [structure.train, structure.val, ...(structure.test ? [structure.test] : [])];

/** COCO comes with key points and captions of the same images. */
function preferInstances(files: string[]): string[] {
  const instances = files.filter((file) => basename(file).startsWith('instances_'));
  return instances.length > 0 ? instances : files;
}

async function toolOf(file: string): Promise<FileTool | undefined> {
  const text = await outerText(file);
  const start = text.trimStart();
  const has = (key: string): boolean => new RegExp(`"${key}"\\s*:`).test(text);
  if (start.startsWith('<'))
    return /<annotations[\s>]/.test(text) && /<(image|meta|track)[\s>]/.test(text) ? 'cvat' : undefined;
  if (start.startsWith('['))
    return has('data') && (has('annotations') || has('completions')) ? 'label-studio' : undefined;
  if (!start.startsWith('{')) return undefined;
  if (has('shapes')) return 'labelme';
  return ['images', 'annotations', 'categories', 'file_name', 'image_id'].filter(has).length >= 2 ? 'coco' : undefined;
}

/** The beginning and the end of a file. */
async function outerText(path: string): Promise<string> {
  const { size } = await stat(path).catch(() => ({ size: 0 }));
  if (size === 0) return '';
  const file = await open(path);
  try {
    const head = Buffer.alloc(Math.min(size, LOOKED_AT));
    await file.read(head, 0, head.length, 0);
    const tail = Buffer.alloc(Math.min(size - head.length, LOOKED_AT));
    await file.read(tail, 0, tail.length, size - tail.length);
    return head.toString('utf8') + tail.toString('utf8');
  } finally {
    await file.close();
  }
}
