/**
 * @file A command line that a person can type: settings as words of a shell, no more of them than it takes.
 */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { flatten, type Layer, parseConfig, type Settings, settingsOf, variantsOf } from './config.ts';

/** A word that a shell reads as it stands. */
export const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

/** `espalier <command> <words>`, each word quoted where a shell needs it. */
export const commandLine = (command: string, words: readonly string[]): string =>
  ['espalier', command, ...words].map(shellWord).join(' ');

/** Keys as words, such as `data=street` and `crop=240,320`; those without a value are left out. */
export const settingWords = (layer: Layer): string[] =>
  [...flatten(layer)].filter(([, value]) => value !== undefined).map(([key, value]) => `${key}=${textOf(value)}`);

/**
 * The fewest words that give these settings: what must be given, the preset, and what differs from it.
 * @param config trusted settings, as `parseConfig` returns them
 */
export function wordsOf(settings: Settings, config: Layer): string[] {
  const variant = String(config[settings.variants?.key ?? ''] ?? '');
  const { schema } = variantsOf(settings)[variant] ?? settings;
  const { preset } = config;
  const needed = settingsOf(schema).filter(({ leaf }) => !isOptional(leaf));
  const base: Record<string, unknown> = Object.fromEntries(needed.map(({ key }) => [key, config[key]]));
  if (schema !== settings.schema && settings.variants) base[settings.variants.key] = variant;
  if (preset !== undefined) base.preset = preset;
  const start = flatten(parseConfig(settings, [base]) as Layer);
  const wanted = flatten(config);
  const others = settingsOf(schema).filter(
    ({ key }) => !(key in base) && !isDeepStrictEqual(valueAt(start, key), valueAt(wanted, key)),
  );
  // Taking a default away is only for rivals, which go when another one is set.
  const changed = others.filter(({ key }) => valueAt(wanted, key) !== undefined);
  return settingWords({ ...base, ...Object.fromEntries(changed.map(({ key }) => [key, valueAt(wanted, key)])) });
}

const isOptional = (leaf: z.ZodType): boolean => leaf instanceof z.ZodDefault || leaf instanceof z.ZodOptional;

/** The value of a key, also of one that is a group without fixed keys. */
function valueAt(values: ReadonlyMap<string, unknown>, key: string): unknown {
  if (values.has(key)) return values.get(key);
  const inner = [...values].filter(([other]) => other.startsWith(`${key}.`));
  return inner.length === 0
    ? undefined
    : Object.fromEntries(inner.map(([other, value]) => [other.slice(key.length + 1), value]));
}

/** A value as `parseArguments` reads it. */
function textOf(value: unknown): string {
  if (!Array.isArray(value)) return String(value);
  const isPlain = value.length > 1 && value.every((one) => ['number', 'string'].includes(typeof one));
  return isPlain ? value.join(',') : JSON.stringify(value);
}
