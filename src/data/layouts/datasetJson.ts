/**
 * @file `dataset.json`, which the Medical Segmentation Decathlon and nnU-Net put beside their volumes, in the forms in which it is found:
 * keys that nobody reads (licence or license, release or relase) vary freely, labels go from id to name or from name to id.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { DataError } from '../../base/errors.ts';
import { parseJson } from '../../base/json.ts';
import { paletteColour } from '../images/visual.ts';
import { createLabelMap, IGNORE, type SegmentationClass } from '../types.ts';

const names = z.union([z.array(z.string()), z.record(z.string(), z.string()), z.string()]);
const files = z.union([z.string(), z.array(z.string()).min(1)]);
const entry = z.union([z.string(), z.object({ image: files, label: z.string().optional() })]);

const schema = z.object({
  name: z.string().optional(),
  modality: names.optional(),
  channel_names: names.optional(),
  labels: z.record(z.string(), z.unknown()),
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
  readonly labelMap: number[];
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
    value = parseJson((await readFile(file, 'utf8')).replace(/^\ufeff/, ''));
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
  const { name, labels, training, validation, file_ending: ending } = result.data;
  const modalities = namesOf(result.data.channel_names ?? result.data.modality ?? ['unknown']);
  return {
    file,
    name,
    modalities,
    ...parseLabels(labels, file),
    ending,
    training: training?.map(toListed).filter(isVolume),
    validation: validation?.map(toListed).filter(isVolume),
  };
}

/** Whether `dataset.json` below a folder is one of nnU-Net v2; false too where there is none that can be read. */
export async function isNnunet(root: string): Promise<boolean> {
  const text = await readFile(join(root, 'dataset.json'), 'utf8').catch(() => '');
  return /"(channel_names|file_ending)"\s*:/.test(text);
}

/** Names in the order of their keys "0", "1", ... */
function namesOf(value: z.output<typeof names>): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value;
  return Object.entries(value)
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, name]) => name);
}

function toListed(value: z.output<typeof entry>): ListedVolume {
  return typeof value === 'string' ? { images: [value] } : { images: [value.image].flat(), label: value.label };
}

/** Lists made on macOS name the `._*` twins of files too. */
const isVolume = ({ images }: ListedVolume): boolean => !images[0].split(/[/\\]/).at(-1)!.startsWith('._');

/** Classes in the order of their values, the background (0) first; nnU-Net's label `ignore` is ignored. */
function parseLabels(
  labels: Record<string, unknown>,
  file: string,
): { classes: SegmentationClass[]; labelMap: number[] } {
  const pairs = Object.entries(labels).map(([key, value]): [number, string] => {
    const [id, name] =
      /^\d+$/.test(key) && typeof value === 'string' && !/^\d+$/.test(value) ? [key, value] : [value, key];
    const number = typeof id === 'string' && id !== '' ? Number(id) : id;
    if (typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= 255) return [number, name];
    throw new DataError(
      `${file}: label "${key}" is ${JSON.stringify(value)}`,
      Array.isArray(value)
        ? 'regions of several labels are not read: state plain classes'
        : 'label values are whole numbers from 0 to 255',
    );
  });
  pairs.sort(([a], [b]) => a - b);
  const ignored = pairs.filter(([, name]) => name === 'ignore').map(([value]) => value);
  const kinds = pairs.filter(([, name]) => name !== 'ignore');
  const twice = kinds.find(([value], i) => i > 0 && kinds[i - 1][0] === value);
  if (twice !== undefined)
    throw new DataError(`${file}: two labels have the value ${twice[0]}`, 'state each value once');
  if (kinds[0]?.[0] !== 0)
    throw new DataError(`${file}: no label has the value 0`, 'name the background, as "0": "background"');
  const labelMap = createLabelMap(0, ignored);
  kinds.forEach(([value], id) => {
    labelMap[value] = id;
  });
  if (!kinds.some(([value]) => value === IGNORE)) labelMap[IGNORE] = IGNORE;
  return { classes: kinds.map(([, name], id) => ({ name, colour: paletteColour(id) })), labelMap };
}
