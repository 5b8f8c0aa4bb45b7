/** @file The trellis: layers from 1 to L, levels 0 to 3 (strides 4 to 32), moves between neighbouring levels. @paper auto-deeplab section 3.2 */

/** Number of resolutions. */
export const LEVELS = 4;

/** A node of the trellis; `layer` from 1. */
export interface TrellisNode {
  readonly layer: number;
  readonly level: number;
}

/** A move; `layer` is the transition, 0 leaves the stem. */
export interface TrellisEdge {
  readonly layer: number;
  readonly from: number;
  readonly to: number;
  /** 0 finer, 1 same, 2 coarser. */
  readonly move: number;
}

/** All nodes by layer, then level: 45 at 12 layers. */
export function trellisNodes(layers: number): TrellisNode[] {
  const nodes: TrellisNode[] = [];
  for (let layer = 1; layer <= layers; layer++)
    for (let level = 0; level <= Math.min(layer, LEVELS - 1); level++) nodes.push({ layer, level });
  return nodes;
}

/** All moves by transition, level left, move: 105 at 12 layers. */
export function trellisEdges(layers: number): TrellisEdge[] {
  const edges: TrellisEdge[] = [];
  for (let layer = 0; layer < layers; layer++) {
    for (let from = 0; from <= Math.min(layer, LEVELS - 1); from++) {
      for (let move = 0; move < 3; move++) {
        const to = from + move - 1;
        if (to >= 0 && to < LEVELS) edges.push({ layer, from, to, move });
      }
    }
  }
  return edges;
}
