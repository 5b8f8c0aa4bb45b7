/**
 * @file The classes of a data set of images from named ones: their order, the map from label values to ids, and the colours that masks show.
 */
import { DataError } from '../../base/errors.ts';
import { colourKey } from '../images/labelIds.ts';
import { classColour } from '../images/visual.ts';
import { createLabelMap, type DataSet, IGNORE, type ImageSet, NOT_ALLOWED } from '../types.ts';
import type { NamedClass } from './names.ts';

/** What named classes say of a data set. */
export type ClassFields = Pick<ImageSet, 'classes' | 'labelMap' | 'colourIds'>;

/**
 * Classes in the order given; label values go to their ids.
 * @param ignore raw values that do not count; default 255 where that is no class.
 * @param source the file that names them, for the error.
 */
export function classFields(
  named: readonly NamedClass[],
  ignore: readonly number[] | undefined,
  source: string,
): ClassFields {
  const values = named.map(({ value }) => value);
  const labelMap = createLabelMap(0, ignore ?? (values.includes(IGNORE) ? [] : [IGNORE]));
  for (const [id, value] of values.entries()) {
    if (labelMap[value] !== NOT_ALLOWED)
      throw new DataError(`${source}: label value ${value} is both a class and ignored`, 'state it once in data.yaml');
    labelMap[value] = id;
  }
  const colourIds: Record<string, number> = {};
  for (const [id, { colour }] of named.entries()) if (colour !== undefined) colourIds[colourKey(colour)] = id;
  return {
    classes: named.map(({ name, colour }, id) => ({ name, colour: colour ?? classColour(id, name) })),
    labelMap,
    ...(Object.keys(colourIds).length > 0 ? { colourIds } : {}),
  };
}

/** What is said of a data set of fewer than two classes. */
export const oneClass = ({ classes }: Pick<DataSet, 'classes'>): { message: string; fix: string } => ({
  message: `expected at least two classes, got ${classes.length === 0 ? 'none' : `one (${classes[0].name})`}`,
  fix: 'the masks hold one value only, or the description names one class: a background is a class, name it too',
});

/**
 * A note where a folder is laid out like a published data set but holds other images: its classes are then most likely not those.
 * @param names a pattern of the names that the images of the data set have.
 */
export function noteForeign(title: string, names: RegExp, splits: DataSet['splits']): string[] {
  const ids = [...splits.train, ...splits.val].map(({ id }) => id);
  if (ids.length === 0 || ids.some((id) => names.test(id))) return [];
  return [
    `the folders are those of ${title}, the names of the images (${ids[0]}) are not: its classes are used; write a data.yaml with \`classes\` if yours are others`,
  ];
}
