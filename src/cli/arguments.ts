/**
 * @file The words of a command line as settings: `key=value`, `--key=value`, `--key value` and `--flag`, nested by dots.
 *
 * Values are read as YAML scalars and flow lists. The module knows no schema: which keys are valid is for `run/config/config.ts`.
 */
import { parse } from 'yaml';
import { ConfigError } from '../base/errors.ts';
import { appendAll } from '../base/lists.ts';
import { suggest } from '../base/text.ts';

/** What a command line says. */
export interface Arguments {
  /** Nested plain objects; a later word wins. */
  readonly settings: Record<string, unknown>;
  /** Every flag of the list, in camel case: `--dry-run` is `dryRun`. */
  readonly flags: Record<string, boolean>;
  /** Words that are none of these, in order: files, folders. */
  readonly positionals: string[];
}

/** How words are read. */
export interface ArgumentOptions {
  /** Names that take no value, in kebab case without dashes. */
  readonly flags?: readonly string[];
  /** Dotted keys whose values stay texts whatever they look like: `name=007`. */
  readonly texts?: readonly string[];
}

/**
 * Parses the words after the command. Everything behind a lone `--` is positional.
 *
 * @throws ConfigError for a key without value, an unusable key, or a key that is both a value and a group.
 */
export function parseArguments(words: readonly string[], options: ArgumentOptions = {}): Arguments {
  const { flags: flagNames = [], texts = [] } = options;
  const settings: Record<string, unknown> = {};
  const flags = Object.fromEntries(flagNames.map((name) => [camelCase(name), false]));
  const positionals: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    if (word === '--') {
      appendAll(positionals, words.slice(i + 1));
      break;
    }
    const dashed = word.startsWith('--');
    const equals = word.indexOf('=');
    if (!dashed && !isAssignment(word)) {
      if (/^-[a-z]/i.test(word)) {
        throw new ConfigError(`expected key=value or --key value, got ${word}`, 'options have two dashes');
      }
      positionals.push(word);
      continue;
    }
    const written = word.slice(dashed ? 2 : 0, equals < 0 ? undefined : equals);
    const key = dashed ? camelCase(written) : written;
    if (Object.hasOwn(flags, key)) {
      flags[key] = equals < 0 ? true : parseFlag(written, word.slice(equals + 1));
      continue;
    }
    let text = word.slice(equals + 1);
    if (equals < 0) {
      const next = words[i + 1];
      if (next === undefined || next.startsWith('--')) {
        const valid = flagNames.length === 0 ? '' : `, or is a flag misspelt? ${suggest(written, flagNames)}`;
        throw new ConfigError(`${written}: expected a value, got none`, `write ${written}=value${valid}`);
      }
      text = next;
      i++;
    }
    setNested(settings, key, texts.includes(key) ? text : parseValue(text, key));
  }
  return { settings, flags, positionals };
}

/**
 * A value as YAML reads a scalar or a flow list: numbers, true, false, null, quoted texts, `[1, 2]`. All else is text as it stands, so
 * that paths and patterns (`*.png`, `a: b`, `#1`) need no quotes. `key` is named in errors.
 */
export function parseValue(text: string, key: string = 'value'): unknown {
  if (/^[['"]/.test(text)) {
    try {
      const value: unknown = parse(text, { schema: 'core', maxAliasCount: 0, logLevel: 'error' });
      if (isPlain(value)) return value;
    } catch {
      // Falls through to the error: an opening bracket or quote says what was meant.
    }
    throw new ConfigError(`${key}: expected a list such as [1, 2] or a quoted text, got ${text}`);
  }
  if (/^(true|false)$/i.test(text)) return text.toLowerCase() === 'true';
  if (/^(null|~)$/i.test(text)) return null;
  if (/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text)) return Number(text);
  return text;
}

/** `weights.learning-rate` as `weights.learningRate`. */
function camelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** A word is `key=value` when what stands before `=` looks like a key; a path with `=` in it is none. */
function isAssignment(word: string): boolean {
  return /^[A-Za-z_][\w.]*=/.test(word);
}

function parseFlag(name: string, text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  throw new ConfigError(`${name}: expected true or false, got ${JSON.stringify(text)}`);
}

/** Scalars and lists of them, nested; no maps. */
function isPlain(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isPlain);
  return value === null || typeof value !== 'object';
}

function setNested(target: Record<string, unknown>, key: string, value: unknown): void {
  const parts = key.split('.');
  const bad = parts.find((part) => !/^[A-Za-z_]\w*$/.test(part) || part in Object.prototype || part === 'prototype');
  if (bad !== undefined) throw new ConfigError(`expected a key such as weights.learningRate, got "${key}"`);
  let group = target;
  for (const [depth, part] of parts.slice(0, -1).entries()) {
    group[part] ??= {};
    const next = group[part];
    if (typeof next !== 'object' || Array.isArray(next)) {
      throw new ConfigError(`${key}: ${parts.slice(0, depth + 1).join('.')} has a value already, so it is no group`);
    }
    group = next as Record<string, unknown>;
  }
  const last = parts[parts.length - 1];
  const present = group[last];
  if (typeof present === 'object' && present !== null && !Array.isArray(present)) {
    throw new ConfigError(`${key}: it is a group already, so it takes no value`);
  }
  group[last] = value;
}
