/**
 * @file What the fields of any genotype file are checked with. Knows no method.
 */
import { ArchitectureError } from '../base/errors.ts';
import { isPrototypeKey, parseJson as parseSafely } from '../base/json.ts';
import { showShort as show } from '../base/text.ts';

/** Throws an ArchitectureError that names the file. */
export type Fail = (problem: string, advice?: string) => never;

/** The value of a JSON text. @throws ArchitectureError naming `where` when it is none. */
export function parseJson(text: string, where: string): unknown {
  try {
    return parseSafely(text);
  } catch (error) {
    throw new ArchitectureError(`${where}: is no JSON (${(error as Error).message})`);
  }
}

/** The texts of a provenance, or undefined where there is none. */
export function parseProvenance(value: unknown, fail: Fail): Record<string, string> | undefined {
  if (value === undefined) return undefined;
  const record = asRecord(value) ?? fail(`provenance is ${show(value)}, expected an object of texts`);
  for (const [key, text] of Object.entries(record)) {
    if (isPrototypeKey(key)) fail(`provenance has the key ${show(key)}`, 'rename it');
    if (typeof text !== 'string') fail(`provenance.${key} is ${show(text)}, expected a string`);
  }
  return { ...record } as Record<string, string>;
}

/** The value as an object with fields, or undefined when it is none. */
export function asRecord(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

/** Whether the value is a whole number in `[low, high]`. */
export const isWhole = (value: unknown, low: number, high: number): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high;
