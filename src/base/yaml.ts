/**
 * @file YAML from strangers: plain maps, lists and scalars of the core schema. Tags, aliases, duplicate keys and keys that reach prototypes are
 * refused, so that nothing in a file is code, and no small file is a large value.
 */
import { type Document, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import { refusePrototypeKeys } from './json.ts';
import { showShort } from './text.ts';

/** Why a text is no plain YAML. */
export class YamlFault extends Error {
  /** Counted from 1, where it is known. */
  readonly line: number | undefined;

  constructor(message: string, line?: number) {
    super(message);
    this.line = line;
  }
}

/** Settings are written by people: a text above so many characters is none. The slowest of this length takes half a second. */
const MOST_CHARACTERS = 40_000;
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
  // Both would take time in proportion to the square of the length: an excerpt for every error, and every key compared with all before it.
  const lines = new LineCounter();
  const options = { lineCounter: lines, prettyErrors: false, uniqueKeys: false } as const;
  const document = parseDocument(text, { schema: 'core', merge: false, logLevel: 'silent', ...options });
  const fault = document.errors[0] ?? document.warnings[0];
  if (fault) throw new YamlFault(fault.message.split('\n')[0].slice(0, 200), lines.linePos(fault.pos[0]).line);
  refuseRepeatedKeys(document, lines);
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 0 }) ?? undefined;
  } catch {
    throw new YamlFault('expected plain values, got aliases: write the values out');
  }
  try {
    refusePrototypeKeys(value);
  } catch (error) {
    throw new YamlFault((error as Error).message);
  }
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

function refuseRepeatedKeys(document: Document, lines: LineCounter): void {
  visit(document, {
    Map(_, { items }) {
      const seen = new Set<string>();
      for (const { key } of items) {
        const name = String(isScalar(key) ? key.value : key);
        if (seen.has(name))
          throw new YamlFault(
            `Map keys must be unique, got ${showShort(name)} twice`,
            lines.linePos((isScalar(key) && key.range?.[0]) || 0).line,
          );
        seen.add(name);
      }
    },
  });
}
