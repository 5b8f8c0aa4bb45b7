/**
 * @file `dataset.json`, which the Medical Segmentation Decathlon and nnU-Net put beside their volumes, in the forms in which it is found:
 * keys that nobody reads (licence or license, release or relase) vary freely, labels go from id to name or from name to id.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { DataError } from '../../base/errors.ts';
import { parseJson } from '../../base/json.ts';
import { maybeTextFile, readTextFile } from '../../base/textFile.ts';
import type { Region, SegmentationClass } from '../types.ts';
import { parseLabels } from './labelValues.ts';

const names = z.union([z.array(z.string()), z.record(z.string(), z.string()), z.string()]);
/** A volume has a file for each channel. */
const MOST_CHANNELS = 256;
const files = z.union([z.string(), z.array(z.string()).min(1).max(MOST_CHANNELS)]);
const entry = z.union([z.string(), z.object({ image: files, label: z.string().optional() })]);

const schema = z.object({
  name: z.string().optional(),
  modality: names.optional(),
  channel_names: names.optional(),
  labels: z.record(z.string(), z.unknown()),
  regions_class_order: z
    .array(z.union([z.number(), z.string()]))
    .max(MOST_CHANNELS)
    .optional(),
  file_ending: z.string().optional(),
  training: z.array(entry).optional(),
  validation: z.array(entry).optional(),
});

/** A parsed `dataset.json`; `file` is its path. */
export interface DatasetJson {
  readonly file: string;
  readonly name?: string | undefined;
  /** One for each channel, in order. */
  readonly modalities: string[];
  readonly classes: SegmentationClass[];
  /** Where labels of several values are regions. */
  readonly regions?: Region[] | undefined;
  readonly labelMap: number[];
  /** See `VolumeSet`. */
  readonly ignoredLabels?: number[] | undefined;
  /** Ending of all files; nnU-Net states it. */
  readonly ending?: string | undefined;
  /** Listed volumes; image files are one with every channel, or one a channel. */
  readonly training?: readonly ListedVolume[] | undefined;
  readonly validation?: readonly ListedVolume[] | undefined;
}

/** An entry of a list, paths as written. */
export interface ListedVolume {
  readonly images: readonly string[];
  readonly label?: string | undefined;
}

/** Loads and parses `dataset.json` below a folder. Throws a `DataError` that names the file and the key. */
export async function loadDatasetJson(root: string): Promise<DatasetJson> {
  const file = join(root, 'dataset.json');
  let value: unknown;
  try {
    value = parseJson(readTextFile(file).replace(/^\ufeff/, ''));
  } catch (error) {
    throw new DataError(`${file}: no valid JSON (${(error as Error).message})`);
  }
  const result = schema.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw new DataError(
      `${file}: ${issue.path.join('.') || 'the file'}: ${issue.message}`,
      'write it as the Decathlon or nnU-Net do',
    );
  }
  const { name, labels, training, validation, file_ending: ending, regions_class_order: order } = result.data;
  const modalities = namesOf(result.data.channel_names ?? result.data.modality ?? ['unknown'], file);
  return {
    file,
    name,
    modalities,
    ...parseLabels(labels, file, order),
    ending,
    training: training?.map(toListed).filter(isVolume),
    validation: validation?.map(toListed).filter(isVolume),
  };
}

/** Whether `dataset.json` below a folder is one of nnU-Net v2; false too where there is none that can be read. */
export async function isNnunet(root: string): Promise<boolean> {
  const text = maybeTextFile(join(root, 'dataset.json')) ?? '';
  return /"(channel_names|file_ending)"\s*:/.test(text);
}

/** Names in the order of their keys "0", "1", ...: files of a channel carry its number. */
function namesOf(value: z.output<typeof names>, file: string): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value;
  const keys = Object.keys(value);
  return keys.map((_, channel) => {
    const name = value[String(channel)];
    if (name !== undefined) return name;
    throw new DataError(
      `${file}: channels are called ${keys.slice(0, 10).join(', ').slice(0, 200)}, and there is no ${channel}`,
      'number them from 0 without a gap, as {"0": "FLAIR", "1": "T1"}',
    );
  });
}

function toListed(value: z.output<typeof entry>): ListedVolume {
  return typeof value === 'string' ? { images: [value] } : { images: [value.image].flat(), label: value.label };
}

/** Lists made on macOS name the `._*` twins of files too. */
const isVolume = ({ images }: ListedVolume): boolean => !images[0].split(/[/\\]/).at(-1)!.startsWith('._');
