/**
 * @file COCO: one JSON with `images`, `categories` and `annotations`, whose areas are polygons or run lengths. Crowds are drawn beneath; of other
 * areas the smaller lies on top, since the format has no order.
 * @see https://cocodataset.org/#format-data
 */
import { z } from 'zod';
import { DataError } from '../../../base/errors.ts';
import type { Outline } from '../../outlines/shapes.ts';
import { EXPORT_AGAIN } from '../../outlines/spans.ts';
import { type AnnotatedImage, type Annotations, skip } from './annotated.ts';
import { numbers, parseForm, side } from './parse.ts';

const id = z.union([z.int(), z.string()]);
const runs = z.object({ counts: z.union([z.string(), numbers]), size: z.tuple([side, side]) });

const form = z.object({
  images: z.array(z.object({ id, file_name: z.string(), width: side.optional(), height: side.optional() })),
  categories: z.array(z.object({ id, name: z.string().min(1) })),
  annotations: z.array(
    z.object({
      image_id: id,
      category_id: id,
      iscrowd: z.union([z.int(), z.boolean()]).optional(),
      segmentation: z.union([z.array(numbers), runs, z.null()]).optional(),
    }),
  ),
});

/** What a COCO file says. @throws DataError */
export function parseCoco(text: string, file: string): Annotations {
  const { images, categories, annotations } = parseForm(text, form, file, 'COCO');
  const names = new Map(categories.map((category) => [category.id, category.name]));
  const found: Annotations = { images: [], labels: [...new Set(names.values())], top: 'smaller', skipped: {} };
  const byId = new Map<number | string, AnnotatedImage>();
  for (const { id: key, file_name: image, width, height } of images) {
    if (byId.has(key)) throw new DataError(`${file}: two images have the id ${key}`, EXPORT_AGAIN);
    const entry: AnnotatedImage = { image, shapes: [] };
    if (width !== undefined && height !== undefined) entry.size = [width, height];
    byId.set(key, entry);
    found.images.push(entry);
  }
  for (const { image_id: key, category_id: category, iscrowd, segmentation } of annotations) {
    const entry = byId.get(key);
    const label = names.get(category);
    if (entry === undefined)
      throw new DataError(`${file}: an annotation is of image ${key}, which is not listed`, EXPORT_AGAIN);
    if (label === undefined)
      throw new DataError(`${file}: an annotation has category ${category}, which is not listed`, EXPORT_AGAIN);
    const outline = outlineOf(segmentation, entry, file);
    if (outline === undefined) skip(found, 'boxes');
    else entry.shapes.push({ ...outline, label, ...(iscrowd ? { beneath: true } : {}) });
  }
  return found;
}

function outlineOf(
  segmentation: z.output<typeof form>['annotations'][number]['segmentation'],
  image: AnnotatedImage,
  file: string,
): Outline | undefined {
  if (!segmentation) return undefined;
  if (Array.isArray(segmentation)) {
    const odd = segmentation.find((ring) => ring.length % 2 === 1);
    if (odd !== undefined)
      throw new DataError(`${file}: expected polygons as x, y in turn, got ${odd.length} numbers`, EXPORT_AGAIN);
    // Two points have no area; the COCO API would take them for a box.
    const rings = segmentation.filter((ring) => ring.length >= 6);
    return rings.length === 0 ? undefined : { kind: 'polygons', rings };
  }
  const { counts, size } = segmentation;
  const [height, width] = size;
  image.size ??= [width, height];
  if (image.size[0] !== width || image.size[1] !== height)
    throw new DataError(
      `${file}: a mask of ${image.image.slice(0, 100)} has ${width}x${height} pixels, the image ${image.size.join('x')}`,
      EXPORT_AGAIN,
    );
  return { kind: 'columns', counts };
}
