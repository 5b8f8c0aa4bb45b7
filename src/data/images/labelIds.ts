/**
 * @file From what a label file shows to class ids: by the value (or palette index) of a pixel, or by its colour where the data set names the
 * colours of its classes. Whatever none of the classes explains is an error that says how to explain it.
 */
import { DataError } from '../../base/errors.ts';
import { type Colour, IGNORE, NOT_ALLOWED, type Raster, type SampleFormat } from '../types.ts';
import { paletteColour } from './visual.ts';

/** What reading labels takes of a data set. */
export type LabelFormat = Pick<SampleFormat, 'labelMap' | 'classes'> & { colourIds?: Record<string, number> };

/** Labels as class ids and `IGNORE`, and how they were read. */
export interface LabelIds {
  ids: Uint8Array;
  /** By value or palette index, or by colour. */
  by: 'value' | 'colour';
  /** The distinct values or palette indices, ascending; none when the file holds colours. */
  values: number[];
}

/** The key of a colour in `colourIds`. */
export const colourKey = ([red, green, blue]: Readonly<Colour>): string => `${red},${green},${blue}`;

/** What a mask of 0 and 255 needs. */
export const BINARY_FIX = 'for a mask of 0 and 255 write `classes: {0: background, 255: object}` in data.yaml';

/** What ids from 1 need. */
export const shiftedFix = (classes: number): string =>
  `these look like ids from 1: name the values in data.yaml, \`classes: {1: ..., ${classes}: ...}\` with \`ignore: 0\` where 0 is no class`;

/** Whether a mask holds 255 and otherwise 0 at most. */
export const looksBinary = ({ data, bitDepth }: Raster): boolean =>
  bitDepth === 8 && data.includes(IGNORE) && data.every((value) => value === 0 || value === IGNORE);

/**
 * Reads the labels of a file.
 *
 * Grey values are looked up in `labelMap`. Of an indexed file the colours decide where the data set names colours (`colourIds`) and they
 * are all known; without, the index is the value. A file of colours needs `colourIds`.
 * @throws DataError that names what no class explains.
 */
export function readLabelIds(raster: Raster, format: LabelFormat, file: string): LabelIds {
  if (raster.channels !== 1) return readColours(raster, format, file);
  const { data, palette } = raster;
  const values = distinct(data);
  const byValue = new Map(values.map((value) => [value, format.labelMap[value] ?? NOT_ALLOWED]));
  const byColour = palette === undefined ? undefined : paletteIds(values, palette, byValue, format, file);
  const table = byColour ?? byValue;
  const unknown = values.filter((value) => table.get(value) === NOT_ALLOWED);
  if (unknown.length > 0) throw unknownValues(raster, unknown, format, file);
  return { ids: lookUp(data, table), by: byColour ? 'colour' : 'value', values };
}

function lookUp(data: Raster['data'], table: ReadonlyMap<number, number>): Uint8Array {
  const ids = new Uint8Array(2 ** (8 * data.BYTES_PER_ELEMENT));
  for (const [value, id] of table) ids[value] = id;
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) out[i] = ids[data[i]];
  return out;
}

/** The distinct values, ascending. */
function distinct(data: Raster['data']): number[] {
  const seen = new Uint8Array(2 ** (8 * data.BYTES_PER_ELEMENT));
  for (let i = 0; i < data.length; i++) seen[data[i]] = 1;
  const values: number[] = [];
  for (let value = 0; value < seen.length; value++) if (seen[value] === 1) values.push(value);
  return values;
}

/** The colour of a palette index. */
export const colourAt = (palette: Uint8Array, index: number): Colour => [
  palette[3 * index],
  palette[3 * index + 1],
  palette[3 * index + 2],
];

/** Ids by the colours of a palette, undefined where its indices are the values. */
function paletteIds(
  values: readonly number[],
  palette: Uint8Array,
  byValue: ReadonlyMap<number, number>,
  format: LabelFormat,
  file: string,
): Map<number, number> | undefined {
  const beyond = values.find((value) => 3 * value >= palette.length);
  if (beyond !== undefined)
    throw new DataError(`${file}: palette index ${beyond} of ${palette.length / 3} colours`, 'write the file again');
  const { colourIds } = format;
  if (colourIds === undefined) return greyIds(values, palette, byValue, format, file);
  const known = new Map(
    values.map((value) => {
      const ignored = byValue.get(value) === IGNORE ? IGNORE : NOT_ALLOWED;
      return [value, colourIds[colourKey(colourAt(palette, value))] ?? ignored];
    }),
  );
  const unknown = values.filter((value) => known.get(value) === NOT_ALLOWED);
  if (unknown.length === 0) return known;
  // Colours that are for people only: no index may contradict them.
  const contradicted = values.find(
    (value) => known.get(value) !== NOT_ALLOWED && known.get(value) !== byValue.get(value),
  );
  if (contradicted === undefined) return undefined;
  throw new DataError(
    `${file}: its palette shows colours ${listColours(unknown.map((value) => colourAt(palette, value)))}, which are none of \`colours\`, and index ${contradicted} shows that of ${format.classes[known.get(contradicted) as number]?.name}`,
    'name the colour of every class in data.yaml, or write grey PNG whose value is the class',
  );
}

/**
 * Ids by the greys of a palette, as lossless optimisers make one of grey files: undefined where the index is the value, or where the greys are
 * no classes.
 * @throws DataError where both are classes, and different ones.
 */
function greyIds(
  values: readonly number[],
  palette: Uint8Array,
  byValue: ReadonlyMap<number, number>,
  { labelMap, classes }: LabelFormat,
  file: string,
): Map<number, number> | undefined {
  const colours = values.map((value) => colourAt(palette, value));
  if (!colours.every(([red, green, blue]) => red === green && green === blue)) return undefined;
  const byGrey = new Map(values.map((value, i) => [value, labelMap[colours[i][0]] ?? NOT_ALLOWED]));
  const other = values.find((value) => byGrey.get(value) !== byValue.get(value));
  if (other === undefined || [...byGrey.values()].includes(NOT_ALLOWED)) return undefined;
  if ([...byValue.values()].includes(NOT_ALLOWED)) return byGrey;
  const [index, grey] = [byValue.get(other), byGrey.get(other)].map((id) => classes[id as number]?.name ?? 'ignored');
  if (grey === 'ignored') return undefined;
  const shown = colourAt(palette, other);
  throw new DataError(
    `${file}: index ${other} of its palette shows grey ${shown[0]}: by the index it is ${index}, by the grey ${grey}`,
    `write grey PNG whose value is the class, or name the colours in data.yaml, \`colours: {${grey}: [${shown.join(', ')}], ...}\``,
  );
}

function readColours(raster: Raster, format: LabelFormat, file: string): LabelIds {
  const { channels, bitDepth, data } = raster;
  const { colourIds } = format;
  if (colourIds === undefined || bitDepth !== 8) {
    throw new DataError(
      `${file}: expected a label file of one channel, got ${channels} channels`,
      isPaletteImage(raster)
        ? 'it was saved with the VOC palette applied: copy the original, or save the indices without converting to RGB'
        : 'it shows colours instead of class ids: name the colours of the classes in data.yaml (`colours: {class: [red, green, blue]}`), or write grey or indexed PNG whose value is the class',
    );
  }
  const table = new Map(Object.entries(colourIds).map(([key, id]) => [pack(key.split(',').map(Number)), id]));
  const ids = new Uint8Array(data.length / 3);
  const unknown = new Map<number, Colour>();
  for (let i = 0; i < ids.length; i++) {
    const packed = (data[3 * i] << 16) | (data[3 * i + 1] << 8) | data[3 * i + 2];
    const id = table.get(packed);
    if (id !== undefined) ids[i] = id;
    else if (unknown.size < MOST_COLOURS) unknown.set(packed, [data[3 * i], data[3 * i + 1], data[3 * i + 2]]);
  }
  if (unknown.size === 0) return { ids, by: 'colour', values: [] };
  throw new DataError(
    `${file}: colours ${listColours([...unknown.values()])} belong to none of the ${format.classes.length} classes`,
    unknown.size === MOST_COLOURS
      ? 'so many colours come of smoothed or JPEG-compressed masks: write the labels again without'
      : 'name the colour of every class under `colours` in data.yaml',
  );
}

/** So many unknown colours are kept for a message. */
const MOST_COLOURS = 64;

const pack = ([red, green, blue]: readonly number[]): number => (red << 16) | (green << 8) | blue;

const listColours = (colours: readonly Colour[]): string =>
  colours
    .slice(0, 4)
    .map((colour) => `[${colour.join(', ')}]`)
    .join(', ') + (colours.length > 4 ? ', ...' : '');

/** Whether every colour is one of the VOC palette, as after a program that applies palettes. */
function isPaletteImage({ channels, bitDepth, data }: Raster): boolean {
  if (channels < 3 || bitDepth !== 8) return false;
  const known = new Set(Array.from({ length: 256 }, (_, id) => pack(paletteColour(id))));
  for (let i = 0; i < data.length; i += channels)
    if (!known.has(pack([data[i], data[i + 1], data[i + 2]]))) return false;
  return true;
}

function unknownValues(raster: Raster, unknown: readonly number[], { classes }: LabelFormat, file: string): DataError {
  const shown = unknown.slice(0, 12).join(', ') + (unknown.length > 12 ? `, ... (${unknown.length} values)` : '');
  const count = classes.length;
  const { bitDepth, data } = raster;
  let fix = 'name them under `classes` or `ignore` in data.yaml';
  if (looksBinary(raster)) fix = BINARY_FIX;
  else if (bitDepth === 1 && unknown.includes(1))
    fix =
      'the file has one bit a pixel, so that white is the value 1: write `classes: {0: background, 1: object}` in data.yaml, or save the mask with 8 bits';
  else if (unknown.length === 1 && unknown[0] === count && !data.includes(0)) fix = shiftedFix(count);
  else if (bitDepth === 16) fix = 'these look like instance ids: labels hold one class id a pixel';
  else if (unknown.length > 12)
    fix = 'so many values come of smoothed or JPEG-compressed masks: write the labels again without';
  return new DataError(`${file}: label values ${shown} belong to none of the ${count} classes`, fix);
}
