/**
 * @file JSON from strangers: as `JSON.parse`, but keys through which a merge would reach the prototype of every object are refused.
 */

/**
 * The value of a JSON text.
 * @throws SyntaxError when it is none, or holds the key `__proto__`, `constructor` or `prototype` at any depth.
 */
export function parseJson(text: string): unknown {
  // A reviver costs ten times the parse: it runs only where such a key may be, also written with escapes.
  if (!/__proto__|constructor|prototype|\\u/.test(text)) return JSON.parse(text);
  return JSON.parse(text, (key, value: unknown) => {
    if (isPrototypeKey(key)) throw new SyntaxError(`the key ${JSON.stringify(key)} is not allowed`);
    return value;
  });
}

/** Whether a key of an object from outside could change a prototype when it is merged. */
export const isPrototypeKey = (key: string): boolean =>
  key === '__proto__' || key === 'constructor' || key === 'prototype';
