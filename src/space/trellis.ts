/**
 * @file The trellis: layers from 1 to L, levels 0 to 3 (strides 4 to 32), moves between neighbouring levels. @paper auto-deeplab section 3.2
 */
import type { Random } from '../base/random.ts';

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
  /** 0 to the finer, 1 to the same, 2 to the coarser level. */
  readonly move: number;
}

/** Pixels of the input per pixel at a level. */
export const strideOf = (level: number): number => 4 * 2 ** level;

/** The coarsest level that exists after a layer; layer 0 is the stem. */
export const coarsestLevel = (layer: number): number => Math.min(layer, LEVELS - 1);

/** All nodes by layer, then level: 45 at 12 layers. */
export function trellisNodes(layers: number): TrellisNode[] {
  const nodes: TrellisNode[] = [];
  for (let layer = 1; layer <= layers; layer++) {
    for (let level = 0; level <= coarsestLevel(layer); level++) nodes.push({ layer, level });
  }
  return nodes;
}

/** All moves by transition, level left, move: 105 at 12 layers. */
export function trellisEdges(layers: number): TrellisEdge[] {
  const edges: TrellisEdge[] = [];
  for (let layer = 0; layer < layers; layer++) {
    for (let from = 0; from <= coarsestLevel(layer); from++) {
      for (let move = 0; move < 3; move++) {
        const to = from + move - 1;
        if (to >= 0 && to < LEVELS) edges.push({ layer, from, to, move });
      }
    }
  }
  return edges;
}

/**
 * For every layer from 1 (index 0) and level the number of paths from there to the last layer.
 * `relative` divides each layer by its largest count, for trellises whose counts no number can hold.
 */
function pathsFrom(layers: number, relative = false): number[][] {
  const rows = [Array<number>(LEVELS).fill(1)];
  for (let layer = layers - 1; layer >= 1; layer--) {
    const after = rows[rows.length - 1];
    const counts = after.map((_, level) => (after[level - 1] ?? 0) + after[level] + (after[level + 1] ?? 0));
    const unit = relative ? Math.max(...counts) : 1;
    rows.push(counts.map((count) => count / unit));
  }
  return rows.reverse();
}

/** Number of paths whose first layer lies at one of `firstLevels`: 28,657 at 12 layers from stride 4, 75,025 from stride 4 or 8; exact up to 38 layers. */
export const countPaths = (layers: number, firstLevels: readonly number[]): number => {
  const [first] = pathsFrom(layers);
  return firstLevels.reduce((total, level) => total + first[level], 0);
};

/** A path drawn uniformly from all paths that leave the stem: each move is weighted by the number of paths behind it. */
export function randomPath(layers: number, random: Random): number[] {
  const weights = pathsFrom(layers, true);
  const path: number[] = [];
  for (const weight of weights) {
    const before = path.at(-1) ?? 0;
    const options = [before - 1, before, before + 1].filter((level) => level >= 0 && level < LEVELS);
    const total = options.reduce((sum, level) => sum + weight[level], 0);
    let ticket = random.uniform() * total;
    const chosen = options.find((level) => {
      ticket -= weight[level];
      return ticket < 0;
    });
    path.push(chosen ?? options[options.length - 1]);
  }
  return path;
}

/** Hand-made networks inside the trellis, as paths of 12 layers. @paper auto-deeplab figure 2 */
export const NAMED_PATHS = {
  'deeplabv3-path': [0, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2],
  'conv-deconv-path': [0, 0, 1, 1, 2, 3, 3, 2, 1, 1, 0, 0],
  'stacked-hourglass-path': [1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0],
} as const satisfies Record<string, readonly number[]>;

/**
 * The path of a U: down to `deepest` and back up to the finest level, evenly over the layers. 12 layers: 0 1 1 2 2 3 3 2 2 1 1 0. Layers that are too few
 * for `deepest` reach as far as one level a layer goes.
 */
export function uPath(layers: number, deepest: number = LEVELS - 1): number[] {
  const half = Math.floor((layers - 1) / 2);
  const bottom = Math.min(deepest, half);
  return Array.from({ length: layers }, (_, layer) => {
    const inwards = Math.min(layer, layers - 1 - layer);
    return half === 0 ? 0 : Math.round((inwards * bottom) / half);
  });
}

/** Size of the features at a level: each halving rounds up, so 321 gives 81, 41, 21, 11. */
export const featureSize = (inputSize: number, level: number): number => {
  let size = inputSize;
  for (let stride = strideOf(level); stride > 1; stride /= 2) size = Math.ceil(size / 2);
  return size;
};

/** Whether going down and up again gives the same size at every level: sizes of the form 32 m + 1. */
export const isValidCrop = (size: number): boolean => Number.isInteger(size) && size > 32 && (size - 1) % 32 === 0;

/** The smallest valid crop that is not below `size`. */
export const nextValidCrop = (size: number): number => Math.max(33, Math.ceil((size - 1) / 32) * 32 + 1);
