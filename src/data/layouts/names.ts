/**
 * @file Class names that an annotation tool writes beside its masks: `labelmap.txt` of CVAT and `_classes.csv` of Roboflow.
 */
import { join } from 'node:path';
import { DataError } from '../../base/errors.ts';
import { showShort } from '../../base/text.ts';
import { linesOf, readTextFile } from '../../base/textFile.ts';
import type { Colour } from '../types.ts';
import { isFile } from './layout.ts';

/** A class as a description names it: the value that label files have for it, and the colour that they show. */
export interface NamedClass {
  value: number;
  name: string;
  colour?: Colour | undefined;
}

/** The file of CVAT that names the classes of a folder. */
export const LABEL_MAP = 'labelmap.txt';

/**
 * The classes of `labelmap.txt`, a line `name:red,green,blue:parts:actions` each; their values are their places. Undefined without the file.
 * @throws DataError that names the line.
 */
export async function loadLabelMapFile(root: string): Promise<NamedClass[] | undefined> {
  const file = join(root, LABEL_MAP);
  return (await isFile(file)) ? parseLabelMap(readTextFile(file), file) : undefined;
}

/** As {@link loadLabelMapFile}, from the text of the file. */
export function parseLabelMap(text: string, file: string): NamedClass[] {
  const classes: NamedClass[] = [];
  for (const [n, line] of linesOf(text, file).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [, name, ...numbers] = /^(.+?):(\d{1,3}),(\d{1,3}),(\d{1,3})(?::|$)/.exec(line.trim()) ?? [];
    const colour = numbers.map(Number) as Colour;
    if (name === undefined || colour.some((part) => part > 255)) {
      throw new DataError(
        `${file}:${n + 1}: expected name:red,green,blue:parts:actions, got ${showShort(line)}`,
        'export the masks again, or write a data.yaml',
      );
    }
    classes.push({ value: classes.length, name, colour });
    requireFew(classes, file);
  }
  requireDistinct(classes, file);
  return classes;
}

/** The file of Roboflow that names the classes of a split. */
export const CLASS_TABLE = '_classes.csv';

/** The classes of `_classes.csv`: a value and a name a line, below a header. Undefined without the file. */
export async function loadClassTable(folder: string): Promise<NamedClass[] | undefined> {
  const file = join(folder, CLASS_TABLE);
  return (await isFile(file)) ? parseClassTable(readTextFile(file), file) : undefined;
}

/** As {@link loadClassTable}, from the text of the file. */
export function parseClassTable(text: string, file: string): NamedClass[] {
  const classes: NamedClass[] = [];
  for (const [n, line] of linesOf(text, file).entries()) {
    if (n === 0 || line.trim() === '') continue;
    const [, value, name] = /^(\d{1,3})\s*,(.+)$/.exec(line.trim()) ?? [];
    if (value === undefined || Number(value) > 255) {
      throw new DataError(
        `${file}:${n + 1}: expected a value from 0 to 255 and a name, got ${showShort(line)}`,
        'export the masks again, or write a data.yaml',
      );
    }
    classes.push({ value: Number(value), name: name.trim() });
    requireFew(classes, file);
  }
  requireDistinct(classes, file);
  return classes;
}

/** Label files hold no more values. */
const MOST_CLASSES = 65_536;

/** @throws DataError for more classes than any label file tells apart. */
function requireFew({ length }: readonly NamedClass[], file: string): void {
  if (length > MOST_CLASSES)
    throw new DataError(
      `${file}: expected at most ${MOST_CLASSES} classes, got more`,
      'is it the file that was meant?',
    );
}

/** Names, values and colours tell classes apart. @throws DataError */
function requireDistinct(classes: readonly NamedClass[], file: string): void {
  if (classes.length === 0) throw new DataError(`${file}: names no classes`, 'write a data.yaml with the classes');
  for (const key of ['name', 'value', 'colour'] as const) {
    const seen = new Set<string>();
    for (const entry of classes) {
      if (entry[key] === undefined) continue;
      const text = String(entry[key]);
      if (seen.has(text))
        throw new DataError(`${file}: two classes have the ${key} ${text.slice(0, 60)}`, 'they must differ');
      seen.add(text);
    }
  }
}
