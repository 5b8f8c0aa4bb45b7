/**
 * @file The labels of a `dataset.json`: which value in a label file is which class, and which do not count. They go from name to value, as nnU-Net has
 * them, or from value to name, as the Decathlon does. Where a name has several values, all names but that of the background are regions of nnU-Net.
 */
import { DataError } from '../../base/errors.ts';
import { showShort } from '../../base/text.ts';
import { classColour } from '../images/visual.ts';
import { MOST_LABEL } from '../nifti/labels.ts';
import { createLabelMap, IGNORE, type Region, type SegmentationClass } from '../types.ts';
import { type ClassRef, type DescribedRegion, parseRegions } from './regions.ts';

/** The classes of a data set, and its label values. */
export interface LabelValues {
  readonly classes: SegmentationClass[];
  readonly regions?: Region[];
  readonly labelMap: number[];
  /** Values called `ignore` that are negative or NaN. */
  readonly ignoredLabels?: number[];
}

/** A name and the one value of its class. */
interface NamedValue {
  readonly value: number;
  readonly name: string;
}

/** More values than this have no place in a map of bytes. */
const MOST_VALUES = 255;

/**
 * Classes in the order of their values, the background (0) first. What is called `ignore` is ignored: one value or a list, also negative ones and
 * "NaN".
 * @param order nnU-Net's `regions_class_order`: for each region the value that predictions write; of no meaning without regions
 * @throws DataError naming `file` and the label that is none.
 */
export function parseLabels(labels: Record<string, unknown>, file: string, order?: readonly ClassRef[]): LabelValues {
  const ignored: number[] = [];
  const entries: { name: string; given: readonly unknown[] }[] = [];
  for (const [key, content] of Object.entries(labels)) {
    const [name, given] =
      isValue(key) && typeof content === 'string' && !isValue(content) ? [content, [key]] : [key, [content].flat()];
    if (name === 'ignore') for (const value of given) ignored.push(ignoredValue(value, file));
    else entries.push({ name, given });
  }
  if (!entries.some(({ given }) => given.length > 1))
    return labelValues(
      entries.map(({ name, given }) => ({ value: classValue(name, given, file), name })),
      ignored,
      file,
    );
  const described = entries.map(({ name, given }): DescribedRegion & { members: readonly number[] } => ({
    name,
    members: given.map((value) => classValue(name, [value], file)),
  }));
  const regions = described.filter(({ members }) => members.length !== 1 || members[0] !== 0);
  const found = labelValues(classesOf(described, ignored, file), ignored, file);
  return { ...found, regions: parseRegions({ regions, order }, { ...found, file }) };
}

/** Every value of a region as a class: by the name that it has alone, else by the value. */
function classesOf(
  described: readonly { readonly name: string; readonly members: readonly number[] }[],
  ignored: readonly number[],
  file: string,
): NamedValue[] {
  const names = new Map<number, string>();
  for (const { members } of described) for (const value of members) names.set(value, `label ${value}`);
  for (const { name, members } of described)
    if (members.length === 1 && !/^label \d+$/.test(name)) names.set(members[0], name);
  // Regions that hold an ignored value are refused by their names.
  for (const value of ignored) names.delete(value);
  if (names.size > MOST_VALUES)
    throw new DataError(`${file}: regions of ${names.size} label values`, `regions have at most ${MOST_VALUES}`);
  return [...names].map(([value, name]) => ({ value, name }));
}

function labelValues(given: readonly NamedValue[], ignored: readonly number[], file: string): LabelValues {
  const kinds = [...given].sort((a, b) => a.value - b.value);
  const twice = kinds.find(({ value }, i) => i > 0 && kinds[i - 1].value === value);
  if (twice !== undefined)
    throw new DataError(`${file}: two labels have the value ${twice.value}`, 'state each value once');
  if (kinds[0]?.value !== 0)
    throw new DataError(`${file}: no label has the value 0`, 'name the background, as "0": "background"');
  const inMap = ignored.filter((value) => value >= 0);
  const labelMap = createLabelMap(
    0,
    inMap,
    inMap.reduce((a, b) => Math.max(a, b), Math.max(255, kinds[kinds.length - 1].value)) + 1,
  );
  kinds.forEach(({ value }, id) => {
    labelMap[value] = id;
  });
  if (!kinds.some(({ value }) => value === IGNORE)) labelMap[IGNORE] = IGNORE;
  const outside = ignored.filter((value) => !(value >= 0));
  return {
    classes: kinds.map(({ name }, id) => ({ name, colour: classColour(id, name) })),
    labelMap,
    ...(outside.length > 0 ? { ignoredLabels: outside } : {}),
  };
}

/** Whether a key or an entry is a value and not a name. */
const isValue = (text: unknown): boolean => typeof text === 'string' && /^(-?\d+|nan)$/i.test(text.trim());

const toNumber = (value: unknown): unknown => (isValue(value) ? Number(value) : value);

/** The value of a class, which may be a list of one. */
function classValue(name: string, given: readonly unknown[], file: string): number {
  const [value] = given.map(toNumber);
  const isLabel = typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MOST_LABEL;
  if (given.length === 1 && isLabel) return value;
  const written = showShort(given.length === 1 ? given[0] : given);
  throw new DataError(
    `${file}: label ${showShort(name)} is ${written}`,
    given.length === 0
      ? 'give it a value, or take it out'
      : `label values are whole numbers from 0 to ${MOST_LABEL}; what does not count is called "ignore", also -1 and "NaN"`,
  );
}

function ignoredValue(given: unknown, file: string): number {
  const value = toNumber(given);
  if (typeof value === 'number' && (Number.isNaN(value) || (Number.isInteger(value) && value <= MOST_LABEL)))
    return value;
  throw new DataError(
    `${file}: label "ignore" is ${showShort(given)}`,
    `give whole numbers up to ${MOST_LABEL}, or "NaN", such as "ignore": [-1, "NaN"]`,
  );
}
