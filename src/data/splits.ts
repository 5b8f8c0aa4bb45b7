/**
 * @file The samples of a data set by the name of their split, and its classes by the values that label files have for them.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import { suggest } from '../base/text.ts';
import type { DataSet, DataSetBase, Region, Sample, VolumeSet } from './types.ts';

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

/**
 * The data set with its classes in another order: those of label files go by their names.
 * @param names the order that is wanted
 * @param who whose order it is, for the error
 * @throws ConfigError that lists both where the names are not the same set.
 */
export function orderClasses<Of extends DataSet>(dataset: Of, names: readonly string[], who: string): Of {
  const own = dataset.classes.map(({ name }) => name);
  const places = permutation(own, names);
  if (places === null)
    throw new ConfigError(
      `${dataset.name} has the classes ${listNames(own)}, ${who} has ${listNames(names)}`,
      'give data with the same classes, under the same names',
    );
  if (places === undefined) return dataset;
  const classes = places.map((place) => dataset.classes[place]);
  const values = dataset.submissionValues;
  const moved = (id: number): number => (id >= 0 && id < own.length ? places.indexOf(id) : id);
  const colours = dataset.rank === 2 ? dataset.colourIds : undefined;
  return {
    ...dataset,
    classes,
    ...(dataset.regions ? { regions: movedRegions(dataset.regions, moved) } : {}),
    labelMap: dataset.labelMap.map(moved),
    ...(colours
      ? { colourIds: Object.fromEntries(Object.entries(colours).map(([colour, id]) => [colour, moved(id)])) }
      : {}),
    ...(values ? { submissionValues: places.map((place) => values[place]) } : {}),
  };
}

const movedRegions = (regions: readonly Region[], moved: (id: number) => number): Region[] =>
  regions.map((region) => ({
    ...region,
    classes: region.classes.map(moved).sort((a, b) => a - b),
    written: moved(region.written),
  }));

/**
 * Volumes with their modalities in another order, by their names.
 * @throws ConfigError where the names are not the same set, or where one file holds all channels in an order of its own.
 */
export function orderModalities<Of extends VolumeSet>(dataset: Of, names: readonly string[], who: string): Of {
  const { modalities, preparation, splits, extra } = dataset;
  const places = permutation(modalities, names);
  if (places === null)
    throw new ConfigError(
      `${dataset.name} has the modalities ${listNames(modalities)}, ${who} has ${listNames(names)}`,
      'give volumes with the same modalities, under the same names',
    );
  if (places === undefined) return dataset;
  const reorder = (samples: readonly Sample[]): Sample[] =>
    samples.map((sample) => {
      const { source } = sample;
      if (source.kind !== 'volume' || source.images.length !== places.length)
        throw new ConfigError(
          `${dataset.name} has its channels in the order ${listNames(modalities)}, ${who} has ${listNames(names)}`,
          'write one file for each channel, or the channels in that order',
        );
      return { ...sample, source: { ...source, images: places.map((place) => source.images[place]) } };
    });
  const lists = <Lists extends Record<string, Sample[]>>(all: Lists): Lists =>
    Object.fromEntries(Object.entries(all).map(([name, samples]) => [name, reorder(samples)])) as Lists;
  return {
    ...dataset,
    modalities: [...names],
    preparation: { ...preparation, normalisation: places.map((place) => preparation.normalisation[place]) },
    splits: lists(splits),
    ...(extra ? { extra: lists(extra) } : {}),
  };
}

/** For each wanted name its place among `own`; undefined where the order is the same, null where the names are not the same set. */
function permutation(own: readonly string[], wanted: readonly string[]): number[] | undefined | null {
  if (own.join('\n') === wanted.join('\n')) return undefined;
  const places = wanted.map((name) => own.indexOf(name));
  return own.length === wanted.length && new Set([...places, -1]).size === own.length + 1 ? places : null;
}

const MOST_NAMES = 30;

/** Names in a line, the first thirty of many. */
export const listNames = (names: readonly string[]): string =>
  names.length <= MOST_NAMES
    ? names.join(', ')
    : `${names.slice(0, MOST_NAMES).join(', ')}, ... (${names.length} in all)`;
