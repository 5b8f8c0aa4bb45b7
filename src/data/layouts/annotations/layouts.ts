/**
 * @file Annotations of tools as layouts, a row each, and folders of several masks for an image. They are drawn when a sample is loaded; `espalier data convert` writes masks instead.
 */
import type { Layout } from '../layout.ts';
import { openAnnotations } from './assemble.ts';
import { findAnnotations, type Tool } from './find.ts';

const LOOKS_FOR: Readonly<Record<Tool, string>> = {
  coco: 'a JSON with images, categories and annotations',
  cvat: 'annotations.xml of "CVAT for images 1.1"',
  'label-studio': 'a JSON with a list of tasks',
  labelme: 'a JSON with shapes for each image',
  'mask-folders':
    'images/x.png with masks/x/*.png or masks/<class>/x.png; a folder for each image, with images/ and masks/',
  yolo: 'images/ with labels/ that holds a text file for each image',
};

/** The layouts `coco`, `cvat`, `label-studio`, `labelme`, `mask-folders` and `yolo`. */
export const ANNOTATION_LAYOUTS: readonly Layout[] = Object.entries(LOOKS_FOR).map(([name, looksFor]) => ({
  name,
  looksFor,
  matches: async (root) => (await findAnnotations(root))?.tool === name,
  open: async (root, options) => {
    const found = await findAnnotations(root);
    if (found === undefined) throw new Error(`${root} does not match`);
    return openAnnotations(found, {}, options);
  },
}));
