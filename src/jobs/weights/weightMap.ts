/**
 * @file How the weights of a foreign file are called here: a map of names by patterns, read from a YAML file or built in (`builtInMaps.ts`).
 *
 * A name is that of a module and, behind its last dot, that of a tensor of it. `modules` maps modules: in a pattern `{x}` stands for a part of a name, or for
 * its rest behind a word, as in `layer{s}.{b}.conv1`; on the right `{x}` is what it stood for, `{x+1}` and `{x-1}` the next number and the one before.
 */
import { z } from 'zod';
import { ConfigError } from '../../base/errors.ts';
import { showShort } from '../../base/text.ts';
import { readTextFile } from '../../base/textFile.ts';
import { parseConfigText } from '../../run/config/config.ts';

const texts = (most: number) => z.array(z.string().min(1).max(LONGEST)).max(most);
/** Characters of a pattern or name. */
const LONGEST = 300;
/** Rules of a map; that of a ResNet has ten. */
const MOST_RULES = 500;

const mapSchema = z.strictObject({
  modules: z
    .record(z.string().min(1).max(LONGEST), z.string().min(1).max(LONGEST))
    .refine((modules) => Object.keys(modules).length <= MOST_RULES),
  tensors: z.record(z.string(), z.string().min(1).max(LONGEST)).default({}),
  unused: texts(MOST_RULES).default([]),
  fresh: texts(MOST_RULES).default([]),
  classes: texts(256).optional(),
  colours: z
    .strictObject({
      mean: z.array(z.number()).min(1).max(256),
      deviation: z.array(z.number().positive()).min(1).max(256),
    })
    .refine(({ mean, deviation }) => mean.length === deviation.length)
    .optional(),
});

/** A map of names, checked. */
export interface WeightMap {
  /** What it is called in messages: the file, or the name of a built-in map. */
  readonly name: string;
  /** Patterns of modules of the file to modules of the network; the first that fits holds. */
  readonly modules: Readonly<Record<string, string>>;
  /** Names of tensors of a module, where they differ: `running_mean` to `runningMean`. */
  readonly tensors: Readonly<Record<string, string>>;
  /** Weights of the file that are left out; `*` stands for anything. */
  readonly unused: readonly string[];
  /** Weights of the network that the file need not have, and which then keep their first values; `*` stands for anything. */
  readonly fresh: readonly string[];
  /** The classes of the rows of the logits, where the map leads to them. */
  readonly classes?: readonly string[];
  /** How the file's network reads colours from 0 to 1: (colour - mean) / deviation, channel by channel. */
  readonly colours?: { readonly mean: readonly number[]; readonly deviation: readonly number[] };
}

/** The map of a file. @throws ConfigError that names the file and the entry. */
export function loadWeightMap(path: string): WeightMap {
  let text: string;
  try {
    text = readTextFile(path);
  } catch (error) {
    throw new ConfigError(
      `map: ${path}: cannot be read (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`,
    );
  }
  return parseWeightMap(text, path);
}

/** The map of a text; `file` is named in errors. */
export function parseWeightMap(text: string, file: string): WeightMap {
  const result = mapSchema.safeParse(parseConfigText(text, file));
  if (!result.success) {
    const [{ path, message }] = result.error.issues;
    throw new ConfigError(
      `${file}: ${path.map(String).join('.').slice(0, LONGEST) || 'the map'}: ${message.slice(0, LONGEST)}`,
      'a map has modules, and perhaps tensors, unused, fresh, classes and colours',
    );
  }
  const map = { name: file, ...result.data };
  for (const [pattern, target] of Object.entries(map.modules)) checkRule(pattern, target, file);
  return map;
}

/** A part of a pattern: a word, `{x}`, or both. */
const PART = /^([^{}]*)(?:\{([A-Za-z]+)\}([^{}]*))?$/;
/** What stands for something on the right. */
const REFERENCE = /\{([A-Za-z]+)([+-]\d{1,3})?\}/g;

function checkRule(pattern: string, target: string, file: string): void {
  const parts = pattern.split('.').map((part) => PART.exec(part));
  const wrong = parts.indexOf(null);
  const where = `${file}: modules: ${showShort(pattern)}`;
  if (wrong >= 0)
    throw new ConfigError(
      `${where}: expected words and at most one {x} between two dots, got ${showShort(pattern.split('.')[wrong])}`,
    );
  const known = parts.flatMap((part) => part?.[2] ?? []);
  const unknown = [...target.matchAll(REFERENCE)].find(([, name]) => !known.includes(name));
  if (unknown) throw new ConfigError(`${where}: ${unknown[0]} on the right stands for nothing on the left`);
  if (/[{}]/.test(target.replace(REFERENCE, '')))
    throw new ConfigError(`${where}: expected {x}, {x+1} or {x-1} on the right, got ${showShort(target)}`);
}

/** The name here of a weight of the file; undefined where no rule fits. */
export function mappedName(
  { modules, tensors }: Pick<WeightMap, 'modules' | 'tensors'>,
  name: string,
): string | undefined {
  const dot = name.lastIndexOf('.');
  const [module, tensor] = [name.slice(0, Math.max(0, dot)), name.slice(dot + 1)];
  for (const [pattern, target] of Object.entries(modules)) {
    const found = match(pattern, module);
    const mapped = found && fill(target, found);
    if (mapped !== undefined) return `${mapped}.${Object.hasOwn(tensors, tensor) ? tensors[tensor] : tensor}`;
  }
  return undefined;
}

/** What the `{x}` of a pattern stand for; undefined where the name does not fit. */
function match(pattern: string, name: string): ReadonlyMap<string, string> | undefined {
  const [patterns, parts] = [pattern.split('.'), name.split('.')];
  if (patterns.length !== parts.length) return undefined;
  const found = new Map<string, string>();
  for (const [i, part] of parts.entries()) {
    const [, before, reference, after = ''] = PART.exec(patterns[i]) ?? [];
    if (reference === undefined) {
      if (part !== before) return undefined;
      continue;
    }
    const value = part.slice(before.length, part.length - after.length);
    if (value === '' || part !== before + value + after) return undefined;
    if ((found.get(reference) ?? value) !== value) return undefined;
    found.set(reference, value);
  }
  return found;
}

/** The right side with what was found; undefined where something is counted that is no number. */
function fill(target: string, found: ReadonlyMap<string, string>): string | undefined {
  let counts = true;
  const filled = target.replace(REFERENCE, (_, name: string, step?: string) => {
    const value = found.get(name) as string;
    if (step === undefined) return value;
    if (!/^\d{1,6}$/.test(value)) counts = false;
    return String(Number(value) + Number(step));
  });
  return counts ? filled : undefined;
}

/** Whether a name fits one of the patterns, in which `*` stands for anything. */
export const fitsAny = (patterns: readonly string[], name: string): boolean =>
  patterns.some((pattern) => fits(pattern, name));

function fits(pattern: string, name: string): boolean {
  const pieces = pattern.split('*');
  if (pieces.length === 1) return pattern === name;
  const [first, last] = [pieces[0], pieces[pieces.length - 1]];
  if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last)) return false;
  let at = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = name.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return at <= name.length - last.length;
}
