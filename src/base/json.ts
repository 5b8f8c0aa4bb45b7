/**
 * @file JSON from strangers: as `JSON.parse`, but keys through which a merge would reach the prototype of every object are refused, and so is what
 * would take more than a second or 256 MiB: depth and the number of values are counted before anything is made of them.
 */

/** What a JSON text may hold at most. Objects with keys of their own are the dearest: 400,000 of them take 0.7 s and 110 MiB. */
export interface JsonLimits {
  /** Levels of lists and objects. */
  readonly depth: number;
  /** Keys of all objects. */
  readonly keys: number;
  /** Values of all lists and objects, and the lists and objects themselves. */
  readonly values: number;
}

/** More than any file of Espalier holds, and any list of a data set with fewer than 200,000 samples. */
export const JSON_LIMITS: JsonLimits = { depth: 64, keys: 400_000, values: 2_000_000 };

/** A text below so many characters reaches no limit that matters. */
const SHORT = 1024;

/**
 * The value of a JSON text.
 * @throws SyntaxError when it is none, exceeds the limits, or holds the key `__proto__`, `constructor` or `prototype` at any depth.
 */
export function parseJson(text: string, limits: JsonLimits = JSON_LIMITS): unknown {
  const value = parseAnyKeys(text, limits);
  // Walking through it costs as much as parsing: only where such a key may be, also written with escapes.
  if (/__proto__|constructor|prototype|\\u/.test(text)) refusePrototypeKeys(value);
  return value;
}

/** As {@link parseJson}, with any keys: for objects whose keys are names, and which are merged into nothing. */
export function parseAnyKeys(text: string, limits: JsonLimits = JSON_LIMITS): unknown {
  if (text.length > SHORT) refuseExcess(text, limits);
  return JSON.parse(text);
}

/** One pass over the text, without making anything of it. */
function refuseExcess(text: string, { depth: deepest, keys: mostKeys, values: mostValues }: JsonLimits): void {
  let [depth, keys, values, inText] = [0, 0, 0, false];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === BACKSLASH) i++;
    else if (code === QUOTE) inText = !inText;
    else if (inText) continue;
    else if (code === COMMA) values++;
    else if (code === COLON) keys++;
    else if (code === BRACE || code === BRACKET) {
      values++;
      if (++depth > deepest) throw new SyntaxError(`expected at most ${deepest} levels of lists and objects`);
    } else if (code === BRACE + 2 || code === BRACKET + 2) depth--;
  }
  if (keys > mostKeys) throw new SyntaxError(`expected at most ${mostKeys} keys, got ${keys}`);
  if (values > mostValues) throw new SyntaxError(`expected at most ${mostValues} values, got ${values}`);
}
const [QUOTE, BACKSLASH, BRACE, BRACKET, COMMA, COLON] = ['"', '\\', '{', '[', ',', ':'].map((sign) =>
  sign.charCodeAt(0),
);

/** @throws SyntaxError naming a key of the value, at any depth, through which a prototype could be changed. */
export function refusePrototypeKeys(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const inner of value) refusePrototypeKeys(inner);
    return;
  }
  for (const [key, inner] of Object.entries(value)) {
    if (isPrototypeKey(key)) throw new SyntaxError(`the key ${JSON.stringify(key)} is not allowed`);
    refusePrototypeKeys(inner);
  }
}

/** Whether a key of an object from outside could change a prototype when it is merged. */
export const isPrototypeKey = (key: string): boolean =>
  key === '__proto__' || key === 'constructor' || key === 'prototype';
