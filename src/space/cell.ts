/** @file The edges of a cell: block i (from 0) reads i + 2 predecessors, 0 = H^{l-1}, 1 = H^{l-2}, then the earlier blocks. */

/** Row of the alpha table of the edge from `predecessor` into `block`. */
export const edgeIndex = (block: number, predecessor: number): number => (block * (block + 3)) / 2 + predecessor;

/** Number of edges, 20 for 5 blocks. */
export const edgeCount = (blocks: number): number => edgeIndex(blocks, 0);
