/**
 * @file YAML from strangers: plain maps, lists and scalars of the core schema. Tags, aliases, duplicate keys and keys that reach prototypes are
 * refused, so that nothing in a file is code, and no small file is a large value.
 */
import { parseDocument } from 'yaml';
import { isPrototypeKey } from './json.ts';

/** Why a text is no plain YAML. */
export class YamlFault extends Error {
  /** Counted from 1, where it is known. */
  readonly line: number | undefined;

  constructor(message: string, line?: number) {
    super(message);
    this.line = line;
  }
}

/** Settings are written by people: a text above so many characters is none. */
const MOST_CHARACTERS = 2 ** 20;
/** Brackets and indents may nest so deep. */
const DEEPEST = 64;

/**
 * The value of a YAML (or JSON) text; undefined when it is empty.
 * @throws YamlFault
 */
export function parseYaml(text: string): unknown {
  if (text.length > MOST_CHARACTERS)
    throw new YamlFault(`expected at most ${MOST_CHARACTERS} characters, got ${text.length}`);
  refuseDepth(text);
  const document = parseDocument(text, { schema: 'core', merge: false, logLevel: 'silent' });
  const fault = document.errors[0] ?? document.warnings[0];
  if (fault) throw new YamlFault(fault.message.split('\n')[0], fault.linePos?.[0].line);
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 0 }) ?? undefined;
  } catch {
    throw new YamlFault('expected plain values, got aliases: write the values out');
  }
  refusePrototypeKeys(value);
  return value;
}

/** The parser calls itself for every level: a text of a million brackets would take minutes. */
function refuseDepth(text: string): void {
  let depth = 0;
  let line = 1;
  for (const [part] of text.matchAll(/[\n[{\]}]|(?:[-?:][ \t]+){2,}/g)) {
    if (part === '\n') line++;
    else if (part === '[' || part === '{') depth++;
    else if (part === ']' || part === '}') depth = Math.max(0, depth - 1);
    if (depth > DEEPEST || part.length > 2 * DEEPEST)
      throw new YamlFault(`expected at most ${DEEPEST} levels of lists and groups`, line);
  }
}

function refusePrototypeKeys(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    if (isPrototypeKey(key)) throw new YamlFault(`the key ${JSON.stringify(key)} is not allowed`);
    refusePrototypeKeys(inner);
  }
}
