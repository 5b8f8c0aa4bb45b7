/**
 * @file The edges of a cell: block i (from 0) reads i + 2 predecessors, 0 = H^{l-1}, 1 = H^{l-2}, then the earlier blocks. @paper auto-deeplab section 3.1
 */
import type { OperatorName } from './operators.ts';

/** One of the two inputs of a block: state `from` (0 = H^{l-1}, 1 = H^{l-2}, 2.. = earlier blocks) through an operator. */
export interface BlockInput {
  readonly from: number;
  readonly operator: OperatorName;
}

/** A block of a cell: the sum of two operators. */
export interface Block {
  /** From 1, as in the paper. */
  readonly block: number;
  readonly inputs: readonly [BlockInput, BlockInput];
}

/** Row of the alpha table of the edge from `predecessor` into `block` (from 0). */
export const edgeIndex = (block: number, predecessor: number): number => (block * (block + 3)) / 2 + predecessor;

/** Number of edges: 20 for 5 blocks. */
export const edgeCount = (blocks: number): number => edgeIndex(blocks, 0);

/** The number of blocks that have so many edges, or undefined when none has. */
export function blocksOf(edges: number): number | undefined {
  for (let blocks = 1; edgeCount(blocks) <= edges; blocks++) if (edgeCount(blocks) === edges) return blocks;
  return undefined;
}

/** Number of cell structures, `product over i = 1..B of (i + 1)^2 operators^2`: 556,627,761,561,600 at 5 blocks and 8 operators. */
export function cellStructureCount(blocks: number, operators: number): bigint {
  let count = 1n;
  for (let i = 1; i <= blocks; i++) count *= BigInt(i + 1) ** 2n * BigInt(operators) ** 2n;
  return count;
}
