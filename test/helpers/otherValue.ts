/** @file Another value that a setting takes: what tests of all settings change them to. */
import type { z } from 'zod';

const CANDIDATES: readonly unknown[] = [
  true,
  false,
  3,
  2,
  1,
  0.5,
  0.25,
  [0.75, 1.25],
  [0.2, 0.6],
  [2, 1, 1],
  [1, 2, 3],
  [64, 64],
  ['coarse'],
  ['width'],
  ['a', 'b'],
  [{ kind: 'none' }],
  'auto',
  'cuda',
  '20steps',
  'other',
];

/** A valid value other than `current`, and than the default. @throws RangeError where the list of candidates holds none. */
export function otherValue(leaf: z.ZodType, current: unknown): unknown {
  const options = 'unwrap' in leaf ? enumOf(leaf) : [];
  const same = new Set([current, leaf.safeParse(undefined).data].map((value) => JSON.stringify(value)));
  const found = [...options, ...CANDIDATES].find((value) => {
    const result = leaf.safeParse(value);
    return result.success && !same.has(JSON.stringify(result.data));
  });
  if (found === undefined) throw new RangeError(`${leaf.meta()?.expected}: add a candidate for this kind of setting`);
  return found;
}

function enumOf(leaf: z.ZodType): readonly unknown[] {
  let inner: z.ZodType = leaf;
  while ('unwrap' in inner) inner = (inner as z.ZodOptional).unwrap() as z.ZodType;
  return 'options' in inner
    ? (inner as unknown as { options: unknown[] }).options.filter((option) => typeof option === 'string')
    : [];
}
