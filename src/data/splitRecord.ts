/**
 * @file What a run keeps of its data: the names of its classes, and which samples were in which split. Later commands take the same sides.
 */
import { z } from 'zod';
import { DataError } from '../base/errors.ts';
import { parseJson } from '../base/json.ts';
import { showShort } from '../base/text.ts';
import { type MeasuredChannels, requireMeasured } from './channels/format.ts';
import { measuredChannelsSchema } from './channels/schema.ts';
import { type NamedRegion, namedRegions } from './regions/named.ts';
import { fileSizes } from './sampleFiles.ts';
import { type DataSet, type ImageSet, ownChannels } from './types.ts';

/** Samples by the name of their split, then by id: the bytes of their files. */
export type RecordedSplits = Readonly<Record<string, ReadonlyMap<string, number>>>;

/** The data of a run by name. */
export interface SplitRecord {
  /** In the order of their ids in the network. */
  readonly classes: readonly string[];
  /** Of volumes: the modalities in the order of the channels. */
  readonly modalities?: readonly string[];
  /** Where the network has regions: these, in the order of its outputs. */
  readonly regions?: readonly NamedRegion[];
  /** Of images that are not 8-bit RGB: their channels as they were measured. */
  readonly channels?: MeasuredChannels;
  readonly splits: RecordedSplits;
}

/** The record of a data set as it is now. */
export function recordOf(dataset: DataSet): SplitRecord {
  const all = Object.entries({ ...dataset.extra, ...dataset.splits });
  return {
    classes: dataset.classes.map(({ name }) => name),
    ...(dataset.rank === 3 ? { modalities: dataset.modalities } : measuredChannels(dataset)),
    ...(dataset.regions ? { regions: namedRegions(dataset) } : {}),
    splits: Object.fromEntries(
      all.map(([name, samples]) => [
        name,
        new Map(samples.map((sample) => [sample.id, fileSizes(sample).reduce((sum, bytes) => sum + bytes, 0)])),
      ]),
    ),
  };
}

function measuredChannels(dataset: ImageSet): Pick<SplitRecord, 'channels'> {
  const channels = ownChannels(dataset);
  return channels?.normalisation === undefined ? {} : { channels: requireMeasured(channels) };
}

/** What was recorded before, with the samples of now over it: a sample that is gone keeps its side, should it appear again. */
export function mergeRecords(before: SplitRecord, now: SplitRecord): SplitRecord {
  const current = new Set(Object.values(now.splits).flatMap((samples) => [...samples.keys()]));
  const names = new Set([...Object.keys(before.splits), ...Object.keys(now.splits)]);
  const merged = [...names].map((name) => {
    const gone = [...(before.splits[name] ?? [])].filter(([id]) => !current.has(id));
    return [name, new Map([...(now.splits[name] ?? []), ...gone])] as const;
  });
  return { ...now, splits: Object.fromEntries(merged) };
}

const schema = z.strictObject({
  version: z.literal(1),
  classes: z.array(z.string()),
  modalities: z.array(z.string()).optional(),
  regions: z.array(z.strictObject({ name: z.string(), classes: z.array(z.string()), written: z.string() })).optional(),
  channels: measuredChannelsSchema.optional(),
  splits: z.record(z.string(), z.array(z.tuple([z.string(), z.number().min(0)]))),
});

/** The text of `split.json`; ids are values, since as keys some names would mean something else. */
export function formatRecord({ splits, ...rest }: SplitRecord): string {
  const lists = Object.entries(splits).map(([name, samples]) => [name, [...samples]]);
  return `${JSON.stringify({ version: 1, ...rest, splits: Object.fromEntries(lists) })}\n`;
}

/** @throws DataError that names `file`. */
export function parseRecord(text: string, file: string): SplitRecord {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    throw new DataError(`${file}: no valid JSON (${(error as Error).message})`, FIX);
  }
  const result = schema.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw new DataError(`${file}: ${issue.path.join('.') || 'the file'}: ${issue.message.toLowerCase()}`, FIX);
  }
  const { classes, modalities, channels, regions, splits } = result.data;
  const known = new Set(classes);
  const stranger = regions?.flatMap((region) => [...region.classes, region.written]).find((name) => !known.has(name));
  if (stranger !== undefined)
    throw new DataError(`${file}: regions: expected names of its classes, got ${showShort(stranger)}`, FIX);
  return {
    classes,
    ...(modalities ? { modalities } : {}),
    ...(channels ? { channels } : {}),
    ...(regions ? { regions } : {}),
    splits: Object.fromEntries(Object.entries(splits).map(([name, samples]) => [name, new Map(samples)])),
  };
}

const FIX = 'remove the file to split the data anew, or take it from a copy of the run';
