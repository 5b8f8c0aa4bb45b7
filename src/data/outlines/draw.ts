/**
 * @file Draws labels that are kept as shapes: a value a pixel, as if a label file had been read. What it may cost is bounded before it is drawn.
 */
import { decode } from '@thi.ng/rle-pack';
import { DataError } from '../../base/errors.ts';
import { decodePng } from '../images/png.ts';
import { MAX_PIXELS, type Raster } from '../types.ts';
import { boundarySteps, polygonRuns } from './polygon.ts';
import type { LabelDrawing, LabelShape } from './shapes.ts';
import {
  countPixels,
  EXPORT_AGAIN,
  paintSpans,
  readCounts,
  type Spans,
  spansOfColumns,
  spansOfEllipse,
  spansOfMask,
  spansOfRows,
} from './spans.ts';

/** Steps along all boundaries of an image, about five a pixel of their length. */
const MOST_STEPS = 2 ** 27;

/** Pixels of all shapes of an image together, each counted as often as it is covered. */
const MOST_PAINTED = 2 ** 31;

/**
 * Draws the labels of an image.
 * @param image the size of the upright image; a drawing may have that of the stored image, with its sides swapped.
 * @param file the file of the annotations, for errors.
 * @param masks what is inside the mask files of the drawing, by their paths.
 * @throws DataError for another size than the image's, and for shapes that are damaged or cost too much to draw.
 */
export function drawLabels(
  drawing: LabelDrawing,
  image: { width: number; height: number },
  file: string,
  masks: ReadonlyMap<string, Spans> = new Map(),
): Raster {
  const { size, shares = false, background, top, shapes } = drawing;
  const [width, height] = size ?? [image.width, image.height];
  const isTurned = width === image.height && height === image.width;
  if (!isTurned && (width !== image.width || height !== image.height))
    throw new DataError(
      `${file}: is about an image of ${width}x${height}, the image has ${image.width}x${image.height}`,
      'shapes have the coordinates of their image: give the images that were annotated, or export again',
    );
  const scale: Scale = shares ? [width, height] : [1, 1];
  requireAffordable(shapes, scale, width * height, file);
  const drawn = shapes.map((shape) => ({
    shape,
    parts: shape.kind === 'file' ? [masks.get(shape.path) as Spans] : partsOf(shape, scale, width, height, file),
  }));
  const areas = new Map(drawn.map((entry) => [entry, entry.parts.reduce((sum, part) => sum + countPixels(part), 0)]));
  let painted = 0;
  for (const area of areas.values()) painted += area;
  if (painted > MOST_PAINTED)
    throw new DataError(`${file}: its shapes cover ${painted} pixels, more than ${MOST_PAINTED}`, EXPORT_AGAIN);
  if (top === 'smaller') drawn.sort((a, b) => (areas.get(b) as number) - (areas.get(a) as number));
  drawn.sort((a, b) => Number(b.shape.beneath ?? false) - Number(a.shape.beneath ?? false));
  const data = new Uint8Array(width * height).fill(background);
  for (const { shape, parts } of drawn) for (const part of parts) paintSpans(part, shape.value, data);
  return { width, height, channels: 1, bitDepth: 8, data };
}

/** Factors from the coordinates of a drawing to pixels. */
type Scale = readonly [x: number, y: number];

const scaled = (ring: readonly number[], scale: Scale): readonly number[] =>
  scale[0] === 1 && scale[1] === 1 ? ring : ring.map((value, i) => value * scale[i % 2]);

function requireAffordable(shapes: readonly LabelShape[], scale: Scale, pixels: number, file: string): void {
  let steps = 0;
  let decoded = 0;
  for (const shape of shapes) {
    if (shape.kind === 'brush') decoded += 4 * pixels;
    if (shape.kind !== 'polygons') continue;
    for (const ring of shape.rings) steps += boundarySteps(scaled(ring, scale));
  }
  if (!(steps <= MOST_STEPS))
    throw new DataError(
      `${file}: expected polygons near their image, got coordinates whose boundaries are ${steps} steps long`,
      EXPORT_AGAIN,
    );
  if (decoded > MOST_PAINTED)
    throw new DataError(`${file}: expected fewer brush masks, got ${decoded} bytes of them`, EXPORT_AGAIN);
}

function partsOf(
  shape: Exclude<LabelShape, { kind: 'file' }>,
  scale: Scale,
  width: number,
  height: number,
  file: string,
): Spans[] {
  const pixels = width * height;
  switch (shape.kind) {
    case 'polygons':
      return shape.rings.map((ring) => spansOfColumns(polygonRuns(scaled(ring, scale), width, height), width, height));
    case 'ellipse':
      return [spansOfEllipse(shape, width, height)];
    case 'columns':
      return [spansOfColumns(readCounts(shape.counts, pixels, file), width, height)];
    case 'rows': {
      const [, , across, down] = shape.box;
      if (!(across >= 1 && down >= 1 && across * down <= MAX_PIXELS))
        throw new DataError(
          `${file}: expected a mask of 1 to ${MAX_PIXELS} pixels, got ${across}x${down}`,
          EXPORT_AGAIN,
        );
      return [spansOfRows(readCounts(shape.counts, across * down, file), shape.box, width, height)];
    }
    case 'brush': {
      const alpha = decodeBrush(shape.bytes, pixels, file);
      const mask = { width, height, isInside: (pixel: number) => alpha[4 * pixel + 3] >= 128 };
      return [spansOfMask(mask, [0, 0], width, height)];
    }
    case 'png': {
      const bytes = Buffer.from(shape.base64, 'base64');
      requireWithin(bytes, width, height, file);
      const { data, channels, ...mask } = decodePng(bytes, file);
      const isInside = (pixel: number): boolean => data[pixel * channels] !== 0;
      return [spansOfMask({ ...mask, isInside }, shape.at, width, height)];
    }
  }
}

/** RGBA of the whole image. Its code states a length, of which nothing is made unless it is right. */
function decodeBrush(bytes: readonly number[], pixels: number, file: string): ArrayLike<number> {
  const source = Uint8Array.from(bytes);
  const stated = source.length < 5 ? 0 : new DataView(source.buffer).getUint32(0);
  // The five bits after the length are the bits of a sample, less one.
  if (stated !== 4 * pixels || source[4] >> 3 !== 7)
    throw new DataError(`${file}: expected a brush mask of ${4 * pixels} bytes, got ${stated}`, EXPORT_AGAIN);
  try {
    return decode(source);
  } catch (error) {
    throw new DataError(`${file}: a brush mask is damaged (${(error as Error).message.slice(0, 100)})`, EXPORT_AGAIN);
  }
}

/** The sides that the header of a PNG states, before anything of it is decoded. @throws DataError */
function requireWithin(bytes: Buffer, width: number, height: number, file: string): void {
  const [across, down] = bytes.length < 24 ? [0, 0] : [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  if (across < 1 || down < 1 || across > width || down > height)
    throw new DataError(
      `${file}: expected a mask within ${width}x${height} pixels, got ${across}x${down}`,
      EXPORT_AGAIN,
    );
}
