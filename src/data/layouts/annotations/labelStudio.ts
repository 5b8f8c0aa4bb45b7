/**
 * @file Label Studio: one JSON with a list of tasks. Coordinates are percent of the sides; later regions cover earlier ones. Of several annotations of a
 * task the ground truth is taken, else the first that was not cancelled.
 * @see https://labelstud.io/guide/export.html#Label-Studio-JSON-format-of-annotated-tasks
 */
import { z } from 'zod';
import { DataError } from '../../../base/errors.ts';
import { endingOf, IMAGE_ENDINGS } from '../../images/endings.ts';
import type { Outline } from '../../outlines/shapes.ts';
import { EXPORT_AGAIN } from '../../outlines/spans.ts';
import { type AnnotatedImage, type Annotations, rectangle, skip } from './annotated.ts';
import { coordinate, numbers, parseForm, side } from './parse.ts';

const labels = z.array(z.string()).optional();
const region = z.object({
  id: z.string().optional(),
  type: z.string(),
  original_width: side.optional(),
  original_height: side.optional(),
  image_rotation: z.number().optional(),
  value: z.object({
    points: z.array(z.tuple([coordinate, coordinate])).optional(),
    x: coordinate.optional(),
    y: coordinate.optional(),
    width: coordinate.optional(),
    height: coordinate.optional(),
    radiusX: coordinate.optional(),
    radiusY: coordinate.optional(),
    rotation: coordinate.optional(),
    format: z.string().optional(),
    rle: numbers.optional(),
    polygonlabels: labels,
    brushlabels: labels,
    rectanglelabels: labels,
    ellipselabels: labels,
    labels,
  }),
});
type Region = z.output<typeof region>;

const annotation = z.object({
  was_cancelled: z.boolean().nullish(),
  ground_truth: z.boolean().nullish(),
  // Choices and texts about the whole image are results, too.
  result: z.array(z.union([region, z.unknown()])),
});

const form = z.array(
  z.object({
    id: z.union([z.int(), z.string()]).optional(),
    data: z.record(z.string(), z.unknown()),
    annotations: z.array(annotation).optional(),
    completions: z.array(annotation).optional(),
  }),
);

/** What an export of Label Studio says. @throws DataError */
export function parseLabelStudio(text: string, file: string): Annotations {
  const tasks = parseForm(text, form, file, 'Label Studio (JSON, not JSON-MIN)');
  const found: Annotations = { images: [], labels: [], top: 'later', skipped: {} };
  for (const { id, data, annotations, completions } of tasks) {
    const valid = (annotations ?? completions ?? []).filter((entry) => entry.was_cancelled !== true);
    const chosen = valid.find((entry) => entry.ground_truth === true) ?? valid[0];
    if (chosen === undefined) {
      skip(found, 'tasks without an annotation');
      continue;
    }
    if (valid.length > 1) skip(found, 'further annotations of a task', valid.length - 1);
    const image = imageOf(data);
    if (image === undefined) throw new DataError(`${file}: task ${id ?? ''} names no image`, EXPORT_AGAIN);
    found.images.push(readRegions(chosen.result, image, found, file));
  }
  return found;
}

/** The image of a task: what its data calls so, or the first text that ends like an image. */
function imageOf(data: Readonly<Record<string, unknown>>): string | undefined {
  const texts = Object.values(data).filter((value) => typeof value === 'string');
  return typeof data.image === 'string'
    ? data.image
    : texts.find((value) => IMAGE_ENDINGS.includes(endingOf(value.split('?')[0])) || /[?&]d=/.test(value));
}

function readRegions(results: readonly unknown[], image: string, found: Annotations, file: string): AnnotatedImage {
  const entry: AnnotatedImage = { image, shapes: [] };
  const regions = results.flatMap((result): Region[] => {
    const parsed = region.safeParse(result);
    return parsed.success ? [parsed.data] : [];
  });
  if (regions.length < results.length) skip(found, 'results that are no regions', results.length - regions.length);
  // A region and its label may be two results of one id.
  const labelOf = new Map(
    regions.flatMap((one) => (one.id && labelIn(one) ? [[one.id, labelIn(one)]] : [])) as [string, string][],
  );
  const drawn = new Set<string>();
  for (const one of regions) {
    const label = labelIn(one) ?? (one.id === undefined ? undefined : labelOf.get(one.id));
    const { original_width: width, original_height: height } = one;
    if (one.image_rotation)
      throw new DataError(
        `${file}: ${image.slice(0, 100)} was turned by ${one.image_rotation} degrees`,
        'turn the image itself, and annotate that',
      );
    if (width === undefined || height === undefined) {
      skip(found, 'results that are no regions');
      continue;
    }
    const outline = outlineOf(one, width, height);
    if (outline === undefined || label === undefined) {
      if (!one.id || !drawn.has(one.id))
        skip(
          found,
          label === undefined ? 'regions without a label' : `${one.type} regions without an area`.slice(0, 60),
        );
      continue;
    }
    // Of a region and its label in two results, one is drawn.
    if (one.id !== undefined && drawn.has(one.id)) continue;
    if (one.id !== undefined) drawn.add(one.id);
    entry.size ??= [width, height];
    entry.shapes.push({ ...outline, label });
  }
  return entry;
}

const labelIn = ({ value }: Region): string | undefined =>
  [value.polygonlabels, value.brushlabels, value.rectanglelabels, value.ellipselabels, value.labels].find(
    (list) => list !== undefined && list.length > 0,
  )?.[0];

function outlineOf({ value }: Region, width: number, height: number): Outline | undefined {
  const { points, x, y, radiusX, radiusY, rotation = 0, rle, format } = value;
  const [right, down] = [width / 100, height / 100];
  if (points !== undefined && points.length > 2)
    return { kind: 'polygons', rings: [points.flatMap(([px, py]) => [px * right, py * down])] };
  if (rle !== undefined && format === 'rle') return { kind: 'brush', bytes: rle };
  if (x === undefined || y === undefined) return undefined;
  if (radiusX !== undefined && radiusY !== undefined)
    return {
      kind: 'ellipse',
      centre: [x * right, y * down],
      radii: [radiusX * right, radiusY * down],
      degrees: rotation,
    };
  if (value.width === undefined || value.height === undefined) return undefined;
  const corners = [x * right, y * down, (x + value.width) * right, (y + value.height) * down] as const;
  return { kind: 'polygons', rings: [rectangle(corners, rotation)] };
}
