/**
 * @file The text of an annotation file as JSON of a known form; what is wrong with it names the file and the place.
 */
import { z } from 'zod';
import { DataError } from '../../../base/errors.ts';
import { parseJson } from '../../../base/json.ts';
import { EXPORT_AGAIN } from '../../outlines/spans.ts';

/** Parses JSON and checks its form; keys that the form does not name are left out. @throws DataError */
export function parseForm<Form extends z.ZodType>(
  text: string,
  form: Form,
  file: string,
  tool: string,
): z.output<Form> {
  let raw: unknown;
  try {
    raw = parseJson(text);
  } catch (error) {
    throw new DataError(`${file}: no valid JSON (${(error as Error).message.slice(0, 100)})`, EXPORT_AGAIN);
  }
  const result = form.safeParse(raw);
  if (result.success) return result.data;
  const [{ path, message }] = result.error.issues;
  const at = path.length === 0 ? '' : `, at ${path.map(String).join('.').slice(0, 100)}`;
  throw new DataError(
    `${file}: expected an export of ${tool}${at}: ${message.replace(/^[A-Z]/, (first) => first.toLowerCase()).slice(0, 200)}`,
    EXPORT_AGAIN,
  );
}

/** A number that is finite. */
export const coordinate = z.number();

/** A list of finite numbers; checked as a whole, since exports hold many millions of them. */
export const numbers = z.custom<number[]>(
  (value) => Array.isArray(value) && value.every(Number.isFinite),
  'expected a list of numbers',
);

/** Sides of an image. */
export const side = z
  .int()
  .min(1)
  .max(2 ** 28);
