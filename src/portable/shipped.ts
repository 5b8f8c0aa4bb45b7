/**
 * @file The networks that come with the package, by name: `networks/<name>.onnx`, with `<name>.json` (hash, data, licence, score) and `<name>.md` (the model
 * card) beside it. Knows Node, needs no libtorch.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { DataError } from '../base/errors.ts';
import { parseJson } from '../base/json.ts';

/** Where they lie: the same from `src/` and from `dist/`. */
const FOLDER = new URL('../../networks/', import.meta.url);

const text = z.string().min(1);
const share = z.number().min(0).max(1);

const FACTS = z.strictObject({
  name: text,
  /** What it segments, in a sentence. */
  summary: text,
  /** SHA-256 of the ONNX file, in hexadecimal. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.int().min(1),
  parameters: z.int().min(1),
  /** Of the weights. */
  license: text,
  data: z.strictObject({ name: text, license: text, source: text, training: z.int().min(1) }),
  /** Of this file, computed by onnxruntime: mean and IoU of every class over all pixels of a split that the training did not see. */
  score: z.strictObject({
    split: text,
    samples: z.int().min(1),
    miou: share,
    pixelAccuracy: share,
    iou: z.record(z.string(), share),
  }),
  /** What trained it. */
  command: text,
  /** Version of espalier that trained it. */
  version: text,
});

/** What is known of a network of the package. */
export type ShippedNetwork = z.output<typeof FACTS>;

/** The names of all networks of the package, in order. */
export const shippedNames = (): string[] =>
  (existsSync(FOLDER) ? readdirSync(FOLDER) : [])
    .filter((name) => name.endsWith('.onnx'))
    .map((name) => name.slice(0, -'.onnx'.length))
    .sort();

/** Whether the package has a network of this name. */
export const isShipped = (name: string): boolean => /^[a-z][a-z0-9-]*$/.test(name) && shippedNames().includes(name);

/** What is known of a network of the package. @throws DataError when its file of facts is damaged. */
export function describeShipped(name: string): ShippedNetwork {
  const facts = FACTS.safeParse(parseJson(readFileSync(new URL(`${name}.json`, FOLDER), 'utf8')));
  if (facts.success && facts.data.name === name) return facts.data;
  throw new DataError(`${fileOf(name, 'json')}: is not what the package holds`, 'install espalier again');
}

/** The bytes of the model. @throws DataError when they are not those that were published. */
export function readShipped(name: string): Uint8Array {
  const { sha256 } = describeShipped(name);
  const bytes = readFileSync(new URL(`${name}.onnx`, FOLDER));
  const got = createHash('sha256').update(bytes).digest('hex');
  if (got !== sha256)
    throw new DataError(
      `${fileOf(name, 'onnx')}: expected a file with the SHA-256 ${sha256}, got ${got}`,
      'the file is damaged or was changed: install espalier again',
    );
  return bytes;
}

/** Where the model of a network of the package lies. */
export const shippedFile = (name: string): string => fileOf(name, 'onnx');

const fileOf = (name: string, ending: string): string => fileURLToPath(new URL(`${name}.${ending}`, FOLDER));
