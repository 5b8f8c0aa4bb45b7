/**
 * @file Settings from layers to one trusted object: defaults < preset < file < command line. Every mistake names the key, what was
 * expected and what it got.
 */
import { stringify } from 'yaml';
import { z } from 'zod';
import { ConfigError } from '../../base/errors.ts';
import { suggest } from '../../base/text.ts';
import { parseYaml, type YamlFault } from '../../base/yaml.ts';

/** A nested plain object of settings, not yet trusted. */
export type Layer = Readonly<Record<string, unknown>>;

/** What a command can be set to. */
export interface Settings<Schema extends z.ZodObject = z.ZodObject> {
  readonly schema: Schema;
  readonly presets?: Readonly<Record<string, Layer>>;
  /** Settings below the preset that are no defaults of the schema, because `exclusive` may take them away. */
  readonly base?: Layer;
  /** Groups of keys of which exactly one holds: a layer that sets one takes the others of earlier layers away. */
  readonly exclusive?: readonly (readonly string[])[];
  /** Other settings that hold instead of these when the setting `key` names them; `key` is in every schema, this one's is its default. */
  readonly variants?: { readonly key: string; readonly others: Readonly<Record<string, Settings>> };
}

/** What settings are parsed to: that of one variant. */
export type ConfigOf<Of extends Settings> =
  | z.output<Of['schema']>
  | (Of extends { variants: { others: Record<string, infer Other extends Settings> } }
      ? z.output<Other['schema']>
      : never);

/**
 * Merges the layers, later ones first, over the preset they name and the defaults, and checks the result. Keys may be dotted; lists replace
 * lists; null takes a key back to its default.
 *
 * @throws ConfigError for an unknown key, a key of another variant, a value of the wrong kind or out of range, an unknown preset.
 */
export function parseConfig<Of extends Settings>(all: Of, layers: readonly Layer[]): ConfigOf<Of> {
  const expanded = layers.map((layer) => expandKeys(layer));
  const settings = chosenVariant(all, expanded);
  const keys = configKeys(settings.schema);
  const preset = findPreset(settings, expanded);
  const layered: Record<string, unknown> = {};
  const { exclusive = [] } = settings;
  for (const layer of [settings.base ?? {}, preset, ...expanded]) {
    for (const group of exclusive) {
      const rivals = group.filter((key) => layer[key] !== undefined && layer[key] !== null);
      if (rivals.length > 1) throw new ConfigError(`expected one of ${group.join(', ')}, got ${rivals.join(' and ')}`);
      if (rivals.length === 1) for (const key of group) delete layered[key];
    }
    mergeInto(layered, layer);
  }
  const merged = withoutNulls(layered);
  refuseOtherVariants(merged, all, settings);
  refuseUnknown(merged, settings.schema, [], keys);
  readLists(merged, settings.schema);
  for (const group of exclusive)
    if (!group.some((key) => key in merged)) throw new ConfigError(`expected one of ${group.join(', ')}, got none`);
  const result = settings.schema.safeParse(merged);
  if (!result.success) throw configErrorOf(result.error.issues[0], settings.schema, merged);
  return result.data as ConfigOf<Of>;
}

/** The settings and all their variants, by the value of the key that chooses; a single one under an empty name. */
export function variantsOf(settings: Settings): Readonly<Record<string, Settings>> {
  if (!settings.variants) return { '': settings };
  const { key, others } = settings.variants;
  return { [String(unwrapDefault(settings.schema, key))]: settings, ...others };
}

/** The dotted keys that layers hold and no later layer takes back with null. */
export function givenKeys(layers: readonly Layer[]): Set<string> {
  const merged: Record<string, unknown> = {};
  for (const layer of layers) mergeInto(merged, expandKeys(layer));
  const keysOf = (group: Layer, path: string): string[] =>
    Object.entries(group).flatMap(([key, value]) => (isGroup(value) ? keysOf(value, `${path}${key}.`) : [path + key]));
  return new Set(keysOf(withoutNulls(merged), ''));
}

/** The values of nested settings by their dotted keys. */
export function flatten(layer: Layer, path: string = ''): Map<string, unknown> {
  return new Map(
    Object.entries(layer).flatMap(([key, value]) =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? [...flatten(value as Layer, `${path}${key}.`)]
        : [[path + key, value] as const],
    ),
  );
}

/** Every dotted key of a schema, in its order. */
export function configKeys(schema: z.ZodObject): string[] {
  return settingsOf(schema).map(({ key }) => key);
}

/** The dotted keys whose values are texts: a command line must not read `name=007` as a number. */
export function textKeys(schema: z.ZodObject): string[] {
  return settingsOf(schema)
    .filter(({ leaf }) => unwrap(leaf) instanceof z.ZodString)
    .map(({ key }) => key);
}

/** Every key with what it expects, what it does and its default, for help. */
export function describeConfig(schema: z.ZodObject): {
  key: string;
  expected: string;
  description: string;
  default: unknown;
}[] {
  return settingsOf(schema).map(({ key, leaf }) => ({
    key,
    expected: expectedOf(leaf),
    description: leaf.meta()?.description ?? '',
    default: leaf instanceof z.ZodDefault ? leaf.parse(undefined) : undefined,
  }));
}

/** The settings as YAML, which {@link parseConfigText} and {@link parseConfig} take back to the same settings. */
export function formatConfig(config: Layer): string {
  return stringify(config, { schema: 'core', aliasDuplicateObjects: false, lineWidth: 0 });
}

/**
 * A YAML (or JSON) file of settings as a layer; `file` is named in errors. Tags, aliases and duplicate keys are refused.
 *
 * @throws ConfigError naming the file and the line.
 */
export function parseConfigText(text: string, file: string): Layer {
  let value: unknown;
  try {
    value = parseYaml(text) ?? {};
  } catch (error) {
    const { line, message } = error as YamlFault;
    throw new ConfigError(`${file}${line === undefined ? '' : `, line ${line}`}: ${message}`);
  }
  if (!isGroup(value)) throw new ConfigError(`${file}: expected settings "key: value", got ${show(value)}`);
  return value;
}

/** Commands for which a file of settings may hold a group of their own. */
const COMMANDS = ['search', 'train'] as const;

/**
 * The settings of a file for one command: those of its own group, as `search: {...}`, over the common ones; groups of other commands
 * are passed over, so that one file serves both.
 */
export function layerFor(command: string | undefined, layer: Layer): Layer {
  const common: Record<string, unknown> = { ...layer };
  for (const name of COMMANDS) if (isGroup(common[name])) delete common[name];
  const own = command === undefined ? undefined : layer[command];
  const result = expandKeys(common);
  if (isGroup(own)) mergeInto(result, expandKeys(own));
  return result;
}

/** The variant that the last layer which says so asks for; an unknown one is left to the check of the key. */
function chosenVariant(settings: Settings, layers: readonly Layer[]): Settings {
  const { variants } = settings;
  if (!variants) return settings;
  const wanted = layers.findLast((layer) => layer[variants.key] !== undefined && layer[variants.key] !== null);
  const name = wanted?.[variants.key];
  return typeof name === 'string' && Object.hasOwn(variants.others, name) ? variants.others[name] : settings;
}

/** A key that only other variants have is no mistake of spelling: the error says whose it is. */
function refuseOtherVariants(values: Layer, all: Settings, chosen: Settings): void {
  if (!all.variants) return;
  const { key } = all.variants;
  const own = new Set(configKeys(chosen.schema));
  for (const [name, { schema }] of Object.entries(variantsOf(all))) {
    const others = configKeys(schema).filter((other) => !own.has(other));
    const found = others.find((other) => other.split('.').reduce<unknown>(fieldOf, values) !== undefined);
    if (found === undefined) continue;
    const current = String(unwrapDefault(chosen.schema, key));
    throw new ConfigError(
      `"${found}" is a setting of ${key}=${name}, not of ${key}=${current}`,
      `leave it out or set ${key}=${name}`,
    );
  }
}

const fieldOf = (group: unknown, key: string): unknown => (isGroup(group) ? group[key] : undefined);

const unwrapDefault = (schema: z.ZodObject, key: string): unknown => {
  const leaf = schema.shape[key];
  return leaf instanceof z.ZodDefault ? leaf.parse(undefined) : undefined;
};

function findPreset(settings: Settings, layers: readonly Layer[]): Layer {
  const name = layers.findLast((layer) => layer.preset !== undefined)?.preset;
  if (name === undefined || name === null) return {};
  const presets = settings.presets ?? {};
  if (typeof name === 'string' && Object.hasOwn(presets, name)) return presets[name];
  throw new ConfigError(`preset: expected a preset, got ${show(name)}`, suggest(String(name), Object.keys(presets)));
}

/** A copy with dotted keys nested and unset ones left out. */
function expandKeys(layer: Layer, path: string = ''): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(layer)) {
    if (value === undefined) continue;
    const [first, ...rest] = key.split('.');
    const dotted = path + first;
    if (first in Object.prototype || first === 'prototype')
      throw new ConfigError(`expected a setting, got "${dotted}"`);
    const inner = rest.length > 0 ? { [rest.join('.')]: value } : value;
    mergeInto(result, { [first]: isGroup(inner) ? expandKeys(inner, `${dotted}.`) : inner });
  }
  return result;
}

function mergeInto(target: Record<string, unknown>, layer: Layer): void {
  for (const [key, value] of Object.entries(layer)) {
    if (isGroup(value)) {
      const inner = isGroup(target[key]) ? { ...target[key] } : {};
      mergeInto(inner, value);
      target[key] = inner;
    } else target[key] = value;
  }
}

/** Null has taken earlier layers away by now; without it the schema fills in its default. */
function withoutNulls(values: Layer): Record<string, unknown> {
  const present = Object.entries(values).filter(([, value]) => value !== null);
  return Object.fromEntries(present.map(([key, value]) => [key, isGroup(value) ? withoutNulls(value) : value]));
}

function refuseUnknown(values: Layer, schema: z.ZodObject, path: string[], keys: string[]): void {
  for (const [key, value] of Object.entries(values)) {
    const dotted = [...path, key].join('.');
    if (!Object.hasOwn(schema.shape, key))
      throw new ConfigError(`unknown setting "${dotted.slice(0, LONGEST_SHOWN)}"`, suggest(dotted, keys));
    const inner = unwrap(schema.shape[key] as z.ZodType);
    if (!(inner instanceof z.ZodObject)) continue;
    if (!isGroup(value)) throw new ConfigError(`${dotted}: expected a group of settings, got ${show(value)}`);
    refuseUnknown(value, inner, [...path, key], keys);
  }
}

/** Texts such as `240x320`, `240,320` and `height,width` become lists, in place, where a setting takes a list and no text of this kind. */
function readLists(values: Record<string, unknown>, schema: z.ZodObject): void {
  for (const [key, value] of Object.entries(values)) {
    const leaf = unwrap(schema.shape[key] as z.ZodType);
    if (leaf instanceof z.ZodObject) readLists(values[key] as Record<string, unknown>, leaf);
    else if (typeof value === 'string') values[key] = listOf(value, leaf);
  }
}

const NUMBERS = /^\d+(\.\d+)?(e[-+]?\d+)?( *[,x×] *\d+(\.\d+)?(e[-+]?\d+)?)+$/i;

/** The list that a text stands for, or the text. */
function listOf(text: string, leaf: z.ZodType): unknown {
  const kinds = alternativesOf(leaf);
  if (kinds.some((kind) => kind instanceof z.ZodString || kind instanceof z.ZodPipe)) return text;
  const lists = kinds.filter((kind) => kind instanceof z.ZodArray || kind instanceof z.ZodTuple);
  if (lists.length === 0) return text;
  if (NUMBERS.test(text)) return text.split(/[,x×]/i).map(Number);
  const isOfTexts = lists.some((list) => {
    const element = list instanceof z.ZodArray ? unwrap(list.unwrap() as z.ZodType) : undefined;
    return element instanceof z.ZodString || element instanceof z.ZodEnum;
  });
  // A single word, too: `mirror=width`.
  return isOfTexts ? text.split(',').map((word) => word.trim()) : text;
}

const alternativesOf = (leaf: z.ZodType): readonly z.ZodType[] =>
  leaf instanceof z.ZodUnion ? (leaf.options as z.ZodType[]).flatMap((each) => alternativesOf(unwrap(each))) : [leaf];

function configErrorOf(issue: z.core.$ZodIssue, schema: z.ZodObject, values: Layer): ConfigError {
  const path = issue.path.map(String);
  // The issue may point into a list; the setting is its longest prefix in the schema.
  const found = settingsOf(schema).find(({ key }) => `${path.join('.')}.`.startsWith(`${key}.`));
  if (!found) return new ConfigError(`${path.join('.')}: ${issue.message}`);
  const value = found.key.split('.').reduce<unknown>(fieldOf, values);
  if (value === undefined) {
    return new ConfigError(`${found.key}: expected ${expectedOf(found.leaf)}, got nothing`, `add ${found.key}=...`);
  }
  return new ConfigError(`${found.key}: expected ${expectedOf(found.leaf)}, got ${show(value)}`);
}

/** Every leaf of a schema by its dotted key. */
export function settingsOf(schema: z.ZodObject, path: string = ''): { key: string; leaf: z.ZodType }[] {
  return Object.entries(schema.shape as Record<string, z.ZodType>).flatMap(([key, leaf]) => {
    const inner = unwrap(leaf);
    return inner instanceof z.ZodObject ? settingsOf(inner, `${path}${key}.`) : [{ key: path + key, leaf }];
  });
}

function expectedOf(leaf: z.ZodType): string {
  const expected = leaf.meta()?.expected;
  return typeof expected === 'string' ? expected : 'another value';
}

function unwrap(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional) {
    return unwrap(schema.unwrap() as z.ZodType);
  }
  return schema;
}

function isGroup(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function show(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}...` : text;
}

/** Characters of a value in an error. */
const LONGEST_SHOWN = 200;
