/**
 * @file The samples of a data set by the name of their split, and its classes by the values that label files have for them.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import { suggest } from '../base/text.ts';
import type { DataSetBase, Sample } from './types.ts';

/** Every split that has a name: train, val, and further ones. */
export const splitNames = ({ splits, extra = {} }: Pick<DataSetBase, 'splits' | 'extra'>): string[] => [
  ...Object.keys(splits),
  ...Object.keys(extra),
];

/** The samples of a split. @throws ConfigError that names the splits there are. */
export function samplesOf(dataset: Pick<DataSetBase, 'splits' | 'extra'>, name: string): Sample[] {
  const names = splitNames(dataset);
  if (!names.includes(name)) throw new ConfigError(`no split "${name}"`, suggest(name, names));
  const { splits, extra = {} } = dataset;
  return Object.hasOwn(splits, name) ? splits[name as keyof typeof splits] : extra[name];
}

/** For each class the value in label files, or the one that the benchmark wants. */
export const submissionValues = ({
  submissionValues: wanted,
  classes,
  labelMap,
}: Pick<DataSetBase, 'submissionValues' | 'classes' | 'labelMap'>): number[] =>
  wanted ?? classes.map((_, id) => labelMap.indexOf(id));

/** Every file of a data set that was opened from `path`: the files of its samples, those without a partner, and those that describe it. */
export function filesOfDataSet({ splits, extra = {}, unpaired }: DataSetBase, path: string): string[] {
  const samples = [...Object.values(splits), ...Object.values(extra)].flat();
  const isFile = statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
  return [
    ...(isFile ? [path] : []),
    ...DESCRIPTIONS.map((name) => join(path, name)),
    ...unpaired,
    ...samples.flatMap(({ source }) => {
      const label = 'label' in source && source.label !== undefined ? [source.label] : [];
      if (source.kind === 'files') return [source.image, ...label];
      return source.kind === 'volume' ? [...source.images, ...label] : [];
    }),
  ];
}

/** Files that say what is in a folder. */
const DESCRIPTIONS = ['dataset.json', 'splits_final.json', 'data.yaml', 'data.yml'];
