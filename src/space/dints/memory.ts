/**
 * @file What the edges of DiNTS hold in memory: the tensors that training keeps of each, counted in elements. @paper dints section 4
 *
 * The unit of every cost is the tensor of the node that an edge feeds: `batch * channels * voxels` at the level that it leads to. One such tensor is the
 * edge's own term of the sum; the preprocessing and the operator add theirs. Stems and weights are not counted: no choice of edges changes them.
 */
import { DINTS_OPERATOR_NAMES, DINTS_OPERATORS, type DintsOperator } from './operators.ts';
import { type LayerEdge, layerEdges } from './trellis.ts';

/** Tensors of the output's size that an operator keeps: its ReLU, each convolution, its norm; none for the skip. */
export function operatorCost(operator: DintsOperator): number {
  const { kernels } = DINTS_OPERATORS[operator];
  return kernels.length === 0 ? 0 : 2 + kernels.length;
}

/**
 * Tensors of the output's size that the way to another level keeps. `ratio` is channels read over channels fed. Up: two of the input's channels at the
 * new size (doubled, ReLU) and two of the output's (1x1, norm). Down: the ReLU at the old size, and the halves, their concatenation and the norm.
 */
export function preprocessingCost({ from, to }: LayerEdge, rank: 2 | 3): number {
  const ratio = 2 ** (from - to);
  if (from === to) return 0;
  return from > to ? 2 + 2 * ratio : 3 + 2 ** rank * ratio;
}

/** Elements that each edge of a layer holds with each operator, `[edges][operators]`, for a batch of spatial `size`. */
export function edgeElements(
  space: { rank: 2 | 3; levels: number; filters: number },
  pass: { batch: number; size: readonly number[] },
): number[][] {
  const { rank, levels, filters } = space;
  return layerEdges(levels).map((edge) => {
    const stride = 2 ** (edge.to + 1);
    const voxels = pass.size.reduce((product, side) => product * (side / stride), 1);
    const output = pass.batch * filters * 2 ** edge.to * voxels;
    return DINTS_OPERATOR_NAMES[rank].map(
      (operator) => output * (1 + operatorCost(operator) + preprocessingCost(edge, rank)),
    );
  });
}
