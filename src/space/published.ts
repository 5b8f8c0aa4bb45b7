/**
 * @file The architecture that the paper's search found on Cityscapes, as data. @paper auto-deeplab figure 3
 */
import type { BlockInput } from './cell.ts';
import { type AutoDeepLabGenotype, createGenotype } from './genotype.ts';
import type { OperatorName } from './operators.ts';

const input = (operator: OperatorName, from: number): BlockInput => ({ operator, from });

const CELL: readonly [BlockInput, BlockInput][] = [
  [input('atrous5x5', 1), input('sep3x3', 0)],
  [input('sep3x3', 1), input('atrous3x3', 0)],
  [input('sep3x3', 3), input('sep3x3', 1)],
  [input('sep5x5', 4), input('sep5x5', 2)],
  [input('sep5x5', 3), input('atrous5x5', 5)],
];

/** Filters of the published sizes. */
export const PUBLISHED_FILTERS = { s: 20, m: 32, l: 48 } as const;

/** The published genotype at a number of filters. */
export const publishedGenotype = (filters: number): AutoDeepLabGenotype =>
  createGenotype({
    rank: 2,
    filters,
    atrous: 'dense',
    path: [0, 0, 0, 1, 2, 1, 2, 2, 3, 3, 2, 1],
    cell: CELL,
    provenance: { origin: 'Liu et al. 2019, arXiv 1901.02985, found on Cityscapes' },
  });
