/**
 * @file CVAT for images 1.1: one XML with an element for each image. Shapes are drawn by their `z_order`, then in the order of the file.
 * @see https://docs.cvat.ai/docs/manual/advanced/xml_format/
 */
import { SaxesParser } from 'saxes';
import { DataError } from '../../../base/errors.ts';
import type { Outline } from '../../outlines/shapes.ts';
import { EXPORT_AGAIN } from '../../outlines/spans.ts';
import type { Colour } from '../../types.ts';
import { type AnnotatedImage, type Annotations, rectangle, skip } from './annotated.ts';

type Attributes = Readonly<Record<string, string>>;

/** Elements that are shapes. */
const SHAPES: readonly string[] = ['polygon', 'box', 'ellipse', 'mask', 'polyline', 'points', 'cuboid', 'skeleton'];

/** What a file of CVAT says. @throws DataError */
export function parseCvat(text: string, file: string): Annotations {
  const found: Annotations = { images: [], labels: [], colours: {}, top: 'later', skipped: {} };
  const open: string[] = [];
  let image: (AnnotatedImage & { depths: number[] }) | undefined;
  const fail = (message: string): never => {
    throw new DataError(`${file}: ${message}`, EXPORT_AGAIN);
  };
  const parser = new SaxesParser();
  parser.on('error', (error) => fail(`no valid XML (${error.message.slice(0, 150)})`));
  parser.on('doctype', () => fail('expected annotations of CVAT, got a document type'));
  parser.on('opentag', ({ name, attributes }) => {
    if (open.length === 0 && name !== 'annotations') fail(`expected annotations of CVAT, got <${name.slice(0, 60)}>`);
    if (open.length > 60) fail('expected annotations of CVAT, got elements nested too deep');
    open.push(name);
    if (open.length === 2 && name === 'track')
      throw new DataError(
        `${file}: holds tracks of a video`,
        'export as "CVAT for images 1.1", which has the shapes of each frame',
      );
    if (open.length === 2 && name === 'image') image = { ...imageOf(attributes, fail), depths: [] };
    if (open.length !== 3 || image === undefined || !SHAPES.includes(name)) return;
    const outline = outlineOf(name, attributes, fail);
    const { label } = attributes;
    if (outline === undefined) skip(found, `${name} shapes without an area`);
    else if (!label) fail(`a ${name} has no label`);
    else {
      image.shapes.push({ ...outline, label });
      image.depths.push(Number(attributes.z_order) || 0);
    }
  });
  const isIn = (...path: readonly string[]): boolean =>
    path.every((name, i) => open[open.length - path.length + i] === name);
  parser.on('text', (content) => {
    const value = content.trim();
    if (value === '') return;
    if (isIn('labels', 'label', 'name')) found.labels.push(value);
    const last = found.labels.at(-1);
    const colour = parseColour(value);
    if (isIn('labels', 'label', 'color') && last !== undefined && colour !== undefined && found.colours)
      found.colours = { ...found.colours, [last]: colour };
  });
  parser.on('closetag', ({ name }) => {
    open.pop();
    if (open.length !== 1 || name !== 'image' || image === undefined) return;
    const { depths, shapes, ...rest } = image;
    const order = shapes.map((_, i) => i).sort((a, b) => depths[a] - depths[b] || a - b);
    found.images.push({ ...rest, shapes: order.map((i) => shapes[i]) });
    image = undefined;
  });
  parser.write(text).close();
  found.labels = [...new Set(found.labels)];
  return found;
}

type Fail = (message: string) => never;

function imageOf({ name, width, height, subset }: Attributes, fail: Fail): AnnotatedImage {
  if (!name) fail('an image has no name');
  const size: [number, number] = [Number(width), Number(height)];
  if (!size.every((value) => Number.isInteger(value) && value >= 1))
    fail(`image ${name.slice(0, 100)} has no width and height`);
  return { image: name, size, ...(subset ? { subset } : {}), shapes: [] };
}

function outlineOf(kind: string, attributes: Attributes, fail: Fail): Outline | undefined {
  const number = (name: string, fallback?: number): number => {
    const text = attributes[name];
    const value = text === undefined || text.trim() === '' ? fallback : Number(text);
    if (value === undefined || !Number.isFinite(value)) fail(`a ${kind} has no ${name}`);
    return value as number;
  };
  if (kind === 'polygon') {
    const ring = (attributes.points ?? '').split(/[;,]/).map(Number);
    if (ring.length % 2 === 1 || !ring.every(Number.isFinite)) fail(`a polygon has points that are none`);
    return ring.length < 6 ? undefined : { kind: 'polygons', rings: [ring] };
  }
  if (kind === 'box') {
    const [left, top, right, bottom] = [number('xtl'), number('ytl'), number('xbr'), number('ybr')];
    const middle = [(left + right) / 2, (top + bottom) / 2] as const;
    return { kind: 'polygons', rings: [rectangle([left, top, right, bottom], number('rotation', 0), middle)] };
  }
  if (kind === 'ellipse')
    return {
      kind: 'ellipse',
      centre: [number('cx'), number('cy')],
      radii: [number('rx'), number('ry')],
      degrees: number('rotation', 0),
    };
  if (kind !== 'mask') return undefined;
  const counts = (attributes.rle ?? '').split(',').map(Number);
  const box: [number, number, number, number] = [number('left'), number('top'), number('width'), number('height')];
  if (!box.every(Number.isInteger)) fail(`a mask lies at ${box.join(', ')}`);
  return { kind: 'rows', counts, box };
}

/** `#rrggbb`. */
function parseColour(text: string): Colour | undefined {
  const match = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(text);
  return match === null ? undefined : ([1, 2, 3].map((i) => Number.parseInt(match[i], 16)) as Colour);
}
