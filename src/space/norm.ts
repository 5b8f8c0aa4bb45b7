/**
 * @file What the norms of a network average over. Batch norm keeps statistics of the training set; instance norm takes those of each image, and therefore
 * sees a whole image differently than the crops it was trained on.
 */
import { showShort as show } from '../base/text.ts';
import type { Fail } from './genotypeFields.ts';

/** What the norms average over: the batch, or each image and channel by itself. */
export const NORMS = ['batch', 'instance'] as const;
export type NormOver = (typeof NORMS)[number];

/** The norms of the methods: of Auto-DeepLab batch norm, of DiNTS instance norm, as in the papers. */
export const STANDARD_NORM = { 'auto-deeplab': 'batch', dints: 'instance' } as const satisfies Record<string, NormOver>;

/** The field `norm` of a genotype file; undefined where it is the standard one of the method. */
export function parseNorm(value: unknown, standard: NormOver, fail: Fail): NormOver | undefined {
  if (value === undefined || value === standard) return undefined;
  return NORMS.find((name) => name === value) ?? fail(`norm is ${show(value)}, expected "batch" or "instance"`);
}
