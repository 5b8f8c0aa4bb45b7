/**
 * @file `splits_final.json`, nnU-Net's own folds: a list of `{ "train": [cases], "val": [cases] }`, as it writes it beside its preprocessed data.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { ConfigError, DataError } from '../../base/errors.ts';
import { parseJson } from '../../base/json.ts';
import { maybeTextFile } from '../../base/textFile.ts';
import type { Sample } from '../types.ts';

const schema = z.array(z.object({ train: z.array(z.string()), val: z.array(z.string()) })).min(1);

/**
 * The samples of fold `fold` (from 0) by the file below `root`, or undefined where there is none; what no list names is left out.
 * Throws a `DataError` that names the file, or a `ConfigError` for a fold that it does not have.
 */
export async function readNnunetSplit(
  root: string,
  samples: readonly Sample[],
  fold: number,
): Promise<{ train: Sample[]; val: Sample[] } | undefined> {
  const file = join(root, 'splits_final.json');
  const text = maybeTextFile(file);
  if (text === undefined) return undefined;
  const split = parseSplits(text, file)[fold];
  if (split === undefined) throw new ConfigError(`fold ${fold}: ${file} has no such fold`, 'they count from 0');
  const held = new Set(split.val);
  const twice = split.train.find((id) => held.has(id));
  if (twice !== undefined) throw new DataError(`${file}: fold ${fold} has ${twice} in train and in val`);
  const byId = new Map(samples.map((sample) => [sample.id, sample]));
  const pick = (ids: readonly string[]) =>
    [...new Set(ids)].map((id) => {
      const sample = byId.get(id);
      if (sample === undefined)
        throw new DataError(
          `${file}: there is no case ${id} with images and labels`,
          'take it out of the file, or add it',
        );
      return sample;
    });
  return { train: pick(split.train), val: pick(split.val) };
}

function parseSplits(text: string, file: string): z.output<typeof schema> {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    throw new DataError(`${file}: no valid JSON (${(error as Error).message})`);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new DataError(`${file}: expected a list of folds, each with train and val`, 'write it as nnU-Net does');
}
