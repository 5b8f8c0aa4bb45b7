/**
 * @file `data.yaml`: what a plain folder cannot say itself. Classes by name (a list, or a map from label value to name), colours,
 * values to ignore, and the folders of the splits. The keys of Ultralytics' files are understood: `names` are classes, `nc` their number,
 * `masks_dir` the folder of the masks.
 */
import { isAbsolute, normalize, sep } from 'node:path';
import { z } from 'zod';
import { DataError } from '../../base/errors.ts';
import { showShort, suggest } from '../../base/text.ts';
import { readTextFile } from '../../base/textFile.ts';
import { parseYaml, type YamlFault } from '../../base/yaml.ts';
import { MAX_CHANNELS } from '../channels/format.ts';
import type { Colour } from '../types.ts';
import type { GroupTable } from './groups.ts';
import type { NamedClass } from './names.ts';
import { type GroupsOf, groupsBy } from './pattern.ts';
import type { RegionDescription } from './regions.ts';

/** A parsed `data.yaml`; folders are relative to the root of the data set. */
export interface Description {
  name?: string;
  /** The folder the description is about, relative to its own; default its own. */
  path?: string;
  classes?: NamedClass[];
  /** Raw label values that do not count. */
  ignore?: number[];
  train?: SplitFolders;
  val?: SplitFolders;
  /** Perhaps not there: many files name a test part that was never handed out. */
  test?: SplitFolders;
  /** The folder of all masks, or its name inside a split. */
  masks?: string;
  /** Share of the samples that go to val when the folders make no split; by default a fold of five. */
  valShare?: number;
  /** Which samples stay on one side, by their ids: where the folders make no split, and where training samples are held out. */
  groupsOf?: GroupsOf;
  /** A table that says so. */
  groupTable?: GroupTable;
  /** Sets of classes that networks find instead of classes. */
  regions?: RegionDescription;
  /** Names of the channels of the images in the order of the files; `rgb` reads whatever they hold as 8-bit RGB. */
  channels?: string[] | 'rgb';
}

/** The folders of a split; without `masks` they are sought beside the images. */
export interface SplitFolders {
  images: string;
  masks?: string | undefined;
}

const byte = z.int().min(0).max(255);
const colour = z.tuple([byte, byte, byte]);
const split = z.union([z.string(), z.strictObject({ images: z.string(), masks: z.string() })], {
  error: 'expected a folder of images, or {images: ..., masks: ...}',
});
const EXPECTED_NAMES = 'expected a list of names, or a map from label value to name';
const names = z.union(
  [z.array(z.string()).min(1, `${EXPECTED_NAMES}, got none`), z.record(z.string().regex(/^\d+$/), z.string())],
  {
    error: ({ input }) => explainNames(input),
  },
);

/** The name of a class, or its label value. */
const classRef = z.union([z.string(), z.number()]);
/** Longer lists are those of no data set. */
const MOST_REFS = 1000;
const EXPECTED_CHANNELS = `expected rgb, or the names of 1 to ${MAX_CHANNELS} channels in the order of the files, such as [red, green, blue, nir]`;
const channels = z
  .union([z.literal('rgb'), z.array(z.string().min(1).max(100)).min(1).max(MAX_CHANNELS)], { error: EXPECTED_CHANNELS })
  .refine(
    (value) => value === 'rgb' || new Set(value).size === value.length,
    'expected a name of its own for each channel',
  );

const schema = z.strictObject({
  name: z.string().optional(),
  path: z.string().optional(),
  classes: names.optional(),
  colours: z
    .union([z.array(colour), z.record(z.string(), colour)], {
      error: 'expected [red, green, blue] from 0 to 255 for each class, as a list or by name',
    })
    .optional(),
  regions: z
    .record(z.string(), z.union([classRef, z.array(classRef).max(MOST_REFS)]), {
      error: 'expected a map from the name of a region to its classes, such as {whole: [1, 2], core: [2]}',
    })
    .optional(),
  regions_class_order: z
    .array(classRef, { error: 'expected a list with a class for each region' })
    .max(MOST_REFS)
    .optional(),
  ignore: z.union([byte, z.array(byte)], { error: 'expected a value from 0 to 255, or a list of them' }).optional(),
  train: split.optional(),
  val: split.optional(),
  masks: z.string().optional(),
  names: names.optional(),
  nc: z.int().min(1).optional(),
  masks_dir: z.string().optional(),
  test: split.optional().catch(undefined),
  // Of no meaning here.
  download: z.unknown().optional(),
  roboflow: z.unknown().optional(),
  channels: channels.optional(),
  valShare: z.number().gt(0).lt(1).optional(),
  groups: z
    .union([z.string().min(1), z.strictObject({ csv: z.string(), column: z.string(), file: z.string().optional() })])
    .optional(),
});

/** Loads and parses a `data.yaml`. */
export async function loadDescription(file: string): Promise<Description> {
  let text: string;
  try {
    text = readTextFile(file);
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${file}: cannot be read`);
  }
  return parseDescription(text, file);
}

/** Parses the text of a `data.yaml`, or throws a `DataError` that names `file` and the key. */
export function parseDescription(text: string, file: string): Description {
  let raw: unknown;
  try {
    raw = parseYaml(text) ?? {};
  } catch (error) {
    const { line, message } = error as YamlFault;
    throw new DataError(`${file}${line === undefined ? '' : `, line ${line}`}: no valid YAML (${message})`);
  }
  const result = schema.safeParse(raw);
  if (!result.success) throw new DataError(`${file}: ${explain(result.error)}`);
  const {
    colours,
    ignore,
    train,
    val,
    test,
    names: named,
    nc,
    masks_dir: masksFolder,
    name,
    path,
    valShare,
    groups,
    regions,
    regions_class_order: order,
    channels,
  } = result.data;
  const { classes = named, masks = masksFolder } = result.data;
  if (named !== undefined && result.data.classes !== undefined)
    throw new DataError(`${file}: both \`names\` and \`classes\``, 'state one of them: they are the same');
  const count = classes === undefined ? undefined : Object.keys(classes).length;
  if (nc !== undefined && nc !== count)
    throw new DataError(`${file}: \`nc\` is ${nc}, but ${count ?? 'no'} classes are named`, 'leave `nc` out');
  const description: Description = { name, path, valShare };
  if (typeof groups === 'string') description.groupsOf = groupsBy(groups, file);
  else if (groups !== undefined) description.groupTable = groups;
  if (regions === undefined && order !== undefined)
    throw new DataError(`${file}: \`regions_class_order\` without \`regions\``, 'name the regions that it is about');
  if (regions !== undefined) {
    const named = Object.entries(regions).map(([name, given]) => ({ name, members: [given].flat() }));
    description.regions = { regions: named, order };
  }
  if (channels !== undefined) description.channels = channels;
  if (ignore !== undefined) description.ignore = [ignore].flat();
  if (train !== undefined) description.train = foldersOf(train);
  if (val !== undefined) description.val = foldersOf(val);
  if (test !== undefined) description.test = foldersOf(test);
  if (masks !== undefined) description.masks = masks;
  const tables = typeof groups === 'object' ? [groups.csv] : [];
  for (const folder of [
    masks ?? '.',
    ...tables,
    ...[description.train, description.val, description.test].flatMap((pair) => Object.values(pair ?? {})),
  ]) {
    if (isAbsolute(folder) || normalize(folder).split(sep)[0] === '..')
      throw new DataError(
        `${file}: "${folder}" leaves the folder of the data set`,
        'name folders inside it, or set `path`',
      );
  }
  if (val !== undefined && train === undefined) throw new DataError(`${file}: \`val\` without \`train\``, 'state both');
  if (classes === undefined) {
    if (colours !== undefined)
      throw new DataError(`${file}: \`colours\` without \`classes\``, 'name the classes they belong to');
    return description;
  }
  const kinds = Array.isArray(classes)
    ? classes.map((name, value) => ({ value, name }))
    : Object.entries(classes).map(([value, name]) => ({ value: Number(value), name }));
  kinds.sort((a, b) => a.value - b.value);
  const names = kinds.map((kind) => kind.name);
  const wrong = kinds.find(
    (kind, i) => kind.value > 255 || kind.value === kinds[i - 1]?.value || names.indexOf(kind.name) !== i,
  );
  if (wrong !== undefined) {
    throw new DataError(
      `${file}: class "${wrong.name}" (value ${wrong.value})`,
      'names and values differ, values are 0 to 255',
    );
  }
  if (Array.isArray(colours) && colours.length !== kinds.length) {
    throw new DataError(`${file}: ${colours.length} colours for ${kinds.length} classes`);
  }
  if (colours !== undefined && !Array.isArray(colours)) {
    const unknown = Object.keys(colours).find((name) => !names.includes(name));
    if (unknown !== undefined)
      throw new DataError(`${file}: colour of unknown class "${unknown}"`, suggest(unknown, names));
  }
  const colourOf = (name: string, i: number): Colour | undefined =>
    Array.isArray(colours) ? colours[i] : colours?.[name];
  return { ...description, classes: kinds.map((kind, i) => ({ ...kind, colour: colourOf(kind.name, i) })) };
}

/** Exports of Roboflow name the folder of a split as `../train/images`; it lies beside the file all the same. */
const foldersOf = (value: string | { images: string; masks: string }): SplitFolders =>
  typeof value === 'string' ? { images: value.replace(/^\.\.\/(?=(train|val|valid|test)\/)/, '') } : value;

/** What is wrong with the names of classes: mostly that YAML reads some as numbers or as true and false. */
function explainNames(input: unknown): string {
  const expected = EXPECTED_NAMES;
  if (typeof input !== 'object' || input === null) return `${expected}, got ${showShort(input)}`;
  const values: unknown[] = Array.isArray(input) ? input : Object.values(input);
  const wrong = values.find((value) => typeof value !== 'string');
  if (wrong === undefined) {
    const key = Object.keys(input).find((value) => !/^\d+$/.test(value)) ?? '';
    return `${expected}, got the value ${JSON.stringify(key)}; write the value first, {0: ${key}}`;
  }
  return `names are texts: quote them, got ${showShort(wrong)} (write ${JSON.stringify(String(wrong))})`;
}

function explain(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue.code === 'unrecognized_keys') {
    return `unknown key "${issue.keys[0]}"; ${suggest(issue.keys[0], Object.keys(schema.shape))}`;
  }
  return `${issue.path.length > 0 ? `\`${issue.path.join('.')}\`: ` : ''}${issue.message.replace(/^[A-Z]/, (first) => first.toLowerCase())}`;
}
