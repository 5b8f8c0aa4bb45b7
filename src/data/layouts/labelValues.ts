/**
 * @file The labels of a `dataset.json`: which value in a label file is which class, and which do not count. They go from name to value, as nnU-Net has
 * them, or from value to name, as the Decathlon does.
 */
import { DataError } from '../../base/errors.ts';
import { classColour } from '../images/visual.ts';
import { MOST_LABEL } from '../nifti/labels.ts';
import { createLabelMap, IGNORE, type SegmentationClass } from '../types.ts';

/** The classes of a data set, and its label values. */
export interface LabelValues {
  readonly classes: SegmentationClass[];
  readonly labelMap: number[];
  /** Values called `ignore` that are negative or NaN. */
  readonly ignoredLabels?: number[];
}

/**
 * Classes in the order of their values, the background (0) first. What is called `ignore` is ignored: one value or a list, also negative ones and
 * "NaN".
 * @throws DataError naming `file` and the label that is none.
 */
export function parseLabels(labels: Record<string, unknown>, file: string): LabelValues {
  const ignored: number[] = [];
  const kinds: { value: number; name: string }[] = [];
  for (const [key, content] of Object.entries(labels)) {
    const [name, given] =
      isValue(key) && typeof content === 'string' && !isValue(content) ? [content, [key]] : [key, [content].flat()];
    if (name === 'ignore') ignored.push(...given.map((value) => ignoredValue(value, file)));
    else kinds.push({ value: classValue(name, given, file), name });
  }
  kinds.sort((a, b) => a.value - b.value);
  const twice = kinds.find(({ value }, i) => i > 0 && kinds[i - 1].value === value);
  if (twice !== undefined)
    throw new DataError(`${file}: two labels have the value ${twice.value}`, 'state each value once');
  if (kinds[0]?.value !== 0)
    throw new DataError(`${file}: no label has the value 0`, 'name the background, as "0": "background"');
  const inMap = ignored.filter((value) => value >= 0);
  const labelMap = createLabelMap(0, inMap, Math.max(255, ...inMap, kinds[kinds.length - 1].value) + 1);
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

/** The value of a class; nnU-Net writes a region of one label as a list. */
function classValue(name: string, given: readonly unknown[], file: string): number {
  const [value] = given.map(toNumber);
  const isLabel = typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MOST_LABEL;
  if (given.length === 1 && isLabel) return value;
  const written = JSON.stringify(given.length === 1 ? given[0] : given);
  throw new DataError(
    `${file}: label "${name}" is ${written}`,
    given.length > 1
      ? 'regions of several labels are not read: give each label a name of its own'
      : `label values are whole numbers from 0 to ${MOST_LABEL}; what does not count is called "ignore", also -1 and "NaN"`,
  );
}

function ignoredValue(given: unknown, file: string): number {
  const value = toNumber(given);
  if (typeof value === 'number' && (Number.isNaN(value) || (Number.isInteger(value) && value <= MOST_LABEL)))
    return value;
  throw new DataError(
    `${file}: label "ignore" is ${JSON.stringify(given)}`,
    `give whole numbers up to ${MOST_LABEL}, or "NaN", such as "ignore": [-1, "NaN"]`,
  );
}
