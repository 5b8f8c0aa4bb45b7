/**
 * @file What a relaxed architecture of DiNTS is expected to cost, differentiable in edges and operators: the edges by their probabilities, the stems by the
 * levels that the patterns of the first layer read and the last one feeds. One-hot tables give the sum of the parts of their genotype.
 */
import * as op from '../../engine/operators.ts';
import { fromArray, keepForever, type Tensor } from '../../engine/tensor.ts';
import { layerEdges, layerPatterns, membersOf } from '../../space/dints/trellis.ts';
import type { ArchitectureProbabilities } from '../dintsObjective.ts';
import { coarsestFed, type DintsCosts } from './dintsCosts.ts';
import { addShares, type Shares } from './searchBudget.ts';

/** Costs as tensors. */
export interface EdgeCostTensors {
  /** `[edges, operators, limits]` */
  readonly edges: Tensor;
  /** `[patterns, limits]` of the stems that a first layer needs, and a last one. */
  readonly first: Tensor;
  readonly last: Tensor;
}

/** Moves costs to a device once; `dtype` is that of the probabilities. */
export function edgeCostTensors(
  costs: DintsCosts,
  levels: number,
  device: string,
  dtype: 'float32' | 'float64' = 'float32',
): EdgeCostTensors {
  const tensor = (rows: readonly Shares[], sizes: readonly number[]) =>
    keepForever(op.toDevice(fromArray(rows.flat(), [...sizes, rows[0].length], dtype), device));
  const patterns = layerPatterns(levels);
  const all = layerEdges(levels);
  return {
    edges: tensor(costs.edges.flat(), [costs.edges.length, costs.edges[0].length]),
    first: tensor(
      patterns.map(({ inputs }) => addShares(...membersOf(inputs).map((level) => costs.stemsIn[level]))),
      [patterns.length],
    ),
    last: tensor(
      patterns.map(({ edges }) => costs.stemsOut[coarsestFed(membersOf(edges).map((e) => all[e]))]),
      [patterns.length],
    ),
  };
}

/** Expected sums of parts, `[limits]`. */
export function expectedEdgeCosts(
  { logPatterns, edges, operators }: ArchitectureProbabilities,
  costs: EdgeCostTensors,
): Tensor {
  const [layers, width, depth] = operators.shape;
  const on = op.multiply(op.reshape(edges, [layers, width, 1]), operators);
  const counts = op.reshape(op.sumOver(on, [0]), [1, width * depth]);
  const ofEdges = op.matmul(counts, op.reshape(costs.edges, [width * depth, -1]));
  const patternsOf = (layer: number) => op.exp(op.slice(logPatterns, 0, layer, layer + 1));
  const ofStems = op.add(op.matmul(patternsOf(0), costs.first), op.matmul(patternsOf(layers - 1), costs.last));
  return op.reshape(op.add(ofEdges, ofStems), [-1]);
}
