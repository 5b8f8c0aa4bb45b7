/**
 * @file The channels of a data set of images: those that `data.yaml` names, or those of its first image; and the same data set as a network reads it.
 */
import { basename } from 'node:path';
import { ConfigError, DataError } from '../../base/errors.ts';
import { readBytes } from '../images/image.ts';
import { type DataSet, type ImageSet, ownChannels } from '../types.ts';
import {
  describeChannels,
  type ImageChannels,
  isRgb,
  MAX_CHANNELS,
  type MeasuredChannels,
  SAMPLE_WORDS,
} from './format.ts';
import { readStoredChannels, type StoredChannels } from './header.ts';

/** What a file says about channels. */
export interface NamedChannels {
  /** For errors. */
  readonly file: string;
  readonly channels: readonly string[] | 'rgb';
}

/**
 * The data set with its channels. Grey and RGB of 8 bits stay without: they are read as 8-bit RGB. An image that cannot be read says nothing here; reading it
 * says why.
 * @throws DataError where other channels are named than the first image has
 */
export async function withChannels(dataset: ImageSet, named?: NamedChannels): Promise<ImageSet> {
  const { channels: _, ...plain } = dataset;
  if (named?.channels === 'rgb') return { ...plain, channels: 'rgb' };
  const first = firstImage(dataset);
  if (first === undefined) return plain;
  const stored = readStoredChannels(await readBytes(first).catch(() => new Uint8Array(0)));
  const channels = named
    ? namedChannels({ ...named, channels: named.channels }, first, stored ?? RGB)
    : derivedChannels(first, stored);
  return channels === undefined ? plain : { ...plain, channels };
}

/** What a file holds that does not say it. */
const RGB: StoredChannels = { channels: 3, hasAlpha: false, dtype: 'uint8', isColour: true };

/** Whether nothing is lost where an image is read as 8-bit RGB. */
const isByteRgb = ({ channels, hasAlpha, dtype, isColour }: StoredChannels): boolean =>
  dtype === 'uint8' && channels - Number(hasAlpha) === (isColour ? 3 : 1);

function firstImage({ splits, extra = {} }: ImageSet): string | undefined {
  for (const samples of [splits.train, splits.val, ...Object.values(extra)])
    for (const { source } of samples.slice(0, 1)) if (source.kind === 'files') return source.image;
  return undefined;
}

function namedChannels(
  { file, channels: names }: NamedChannels & { channels: readonly string[] },
  first: string,
  stored: StoredChannels,
): ImageChannels | undefined {
  const { channels, hasAlpha, dtype } = stored;
  const colours = channels - Number(hasAlpha);
  if (isRgb(names) && isByteRgb(stored)) return undefined;
  if (names.length !== channels && names.length !== colours)
    throw new DataError(
      `${file}: \`channels\` names ${names.length} (${names.join(', ').slice(0, 200)}), ${first} has ${colours} of ${SAMPLE_WORDS[dtype]}`,
      'name every channel of the images, in the order of the files',
    );
  return { names, dtype, from: basename(file) };
}

function derivedChannels(first: string, stored: StoredChannels | undefined): ImageChannels | undefined {
  if (stored === undefined || isByteRgb(stored)) return undefined;
  const { channels, hasAlpha, dtype, isColour } = stored;
  const colours = channels - Number(hasAlpha);
  if (channels > MAX_CHANNELS)
    throw new DataError(`${first}: expected at most ${MAX_CHANNELS} channels, got ${channels}`, 'write fewer channels');
  const known = isColour ? ['red', 'green', 'blue'] : colours === 1 ? ['grey'] : [];
  const names = Array.from({ length: colours }, (_, i) => known[i] ?? unnamed(i));
  return { names, dtype, from: first };
}

/**
 * A data set as a network reads it: with the channels and the normalisation of its training. `channels` are undefined for a network of 8-bit RGB, such as
 * every one of an earlier version.
 * @param who whose channels they are, for errors
 * @throws ConfigError where the data have other channels
 */
export function asNetworkReads(dataset: ImageSet, channels: MeasuredChannels | undefined, who: string): ImageSet;
export function asNetworkReads(dataset: DataSet, channels: MeasuredChannels | undefined, who: string): DataSet;
export function asNetworkReads(dataset: DataSet, channels: MeasuredChannels | undefined, who: string): DataSet {
  if (dataset.rank === 3) return dataset;
  const own = ownChannels(dataset);
  if (channels === undefined) return own === undefined ? dataset : { ...dataset, channels: 'rgb' };
  const isSame =
    own !== undefined &&
    own.dtype === channels.dtype &&
    own.names.length === channels.names.length &&
    // Names that nobody gave are no contradiction.
    (!/\.ya?ml$/.test(own.from) || own.names.every((name, i) => isSameName(name, channels.names[i], i)));
  if (isSame) return { ...dataset, channels: { ...channels, from: who } };
  const got = own === undefined ? '8-bit RGB' : describeChannels(own);
  throw new ConfigError(
    `${dataset.name} has images of ${got}, ${who} reads ${describeChannels(channels)}`,
    'give images with the same channels in the same order, under the same names in data.yaml',
  );
}

/** The name of a channel that has none. */
const unnamed = (place: number): string => `channel ${place + 1}`;

const isSameName = (a: string, b: string, place: number): boolean => a === b || [a, b].includes(unnamed(place));
