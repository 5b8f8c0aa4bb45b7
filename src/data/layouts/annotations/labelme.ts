/**
 * @file labelme: a JSON for each image. Later shapes cover earlier ones, as labelme's own export draws them.
 * @see https://github.com/wkentaro/labelme
 */
import { z } from 'zod';
import { DataError } from '../../../base/errors.ts';
import type { Outline } from '../../outlines/shapes.ts';
import { EXPORT_AGAIN } from '../../outlines/spans.ts';
import { type Annotations, rectangle, skip } from './annotated.ts';
import { coordinate, parseForm, side } from './parse.ts';

const shape = z.object({
  label: z.string().min(1),
  points: z.array(z.tuple([coordinate, coordinate])),
  shape_type: z.string().nullish(),
  mask: z.string().nullish(),
});

const form = z.object({
  shapes: z.array(shape),
  imagePath: z.string().nullish(),
  imageWidth: side.nullish(),
  imageHeight: side.nullish(),
});

/** What a file of labelme says of its image. @throws DataError */
export function parseLabelme(text: string, file: string): Annotations {
  const { shapes, imagePath, imageWidth, imageHeight } = parseForm(text, form, file, 'labelme');
  const found: Annotations = { images: [], labels: [], top: 'later', skipped: {} };
  const size: [number, number] | undefined = imageWidth && imageHeight ? [imageWidth, imageHeight] : undefined;
  const entry = {
    image: imagePath ?? '',
    ...(size ? { size } : {}),
    shapes: [] as Annotations['images'][number]['shapes'],
  };
  for (const one of shapes) {
    const outline = outlineOf(one, file);
    if (outline === undefined) skip(found, `${one.shape_type ?? 'polygon'} shapes without an area`.slice(0, 60));
    else entry.shapes.push({ ...outline, label: one.label });
  }
  found.images.push(entry);
  return found;
}

function outlineOf({ points, shape_type, mask }: z.output<typeof shape>, file: string): Outline | undefined {
  const kind = shape_type ?? 'polygon';
  const [first, second] = points;
  if (kind === 'polygon') return points.length < 3 ? undefined : { kind: 'polygons', rings: [points.flat()] };
  if (kind !== 'rectangle' && kind !== 'circle' && kind !== 'mask') return undefined;
  if (first === undefined || second === undefined || (kind === 'mask' && !mask))
    throw new DataError(
      `${file}: a ${kind} has ${points.length} points${kind === 'mask' ? ' and no mask' : ''}`,
      EXPORT_AGAIN,
    );
  const [left, right] = [Math.min(first[0], second[0]), Math.max(first[0], second[0])];
  const [top, bottom] = [Math.min(first[1], second[1]), Math.max(first[1], second[1])];
  if (kind === 'rectangle') return { kind: 'polygons', rings: [rectangle([left, top, right, bottom])] };
  if (kind === 'mask') return { kind: 'png', base64: mask as string, at: [Math.round(left), Math.round(top)] };
  const radius = Math.hypot(second[0] - first[0], second[1] - first[1]);
  return { kind: 'ellipse', centre: first, radii: [radius, radius], degrees: 0 };
}
