/**
 * @file What a relaxed architecture of Auto-DeepLab is expected to cost, differentiable in operators and moves. The expectation is over what decoding
 * chooses from: in every block two edges, each with an operator other than zero, and a path. A pair of edges is as probable as the product of what is
 * not zero on them, an operator as its share of that, a path as the product of its moves. One-hot tables give the sum of the parts of their genotype.
 */
import * as op from '../../engine/operators.ts';
import { fromArray, keepForever, type Tensor } from '../../engine/tensor.ts';
import { blocksOf, edgeIndex } from '../../space/cell.ts';
import { OPERATOR_NAMES } from '../../space/operators.ts';
import { LEVELS } from '../../space/trellis.ts';
import type { AutoDeepLabCosts } from './autoDeepLabCosts.ts';
import type { Shares } from './searchBudget.ts';

/** What the logits stand for. */
export interface CellProbabilities {
  /** `[edges, operators]` */
  readonly operators: Tensor;
  /** `[layers, level left, move]`; 0 where there is no edge. */
  readonly moves: Tensor;
  /** What the edges into a block count, `[edges]`, where a search has such. */
  readonly edges?: Tensor;
}

/** Costs as tensors. */
export interface CellCostTensors {
  /** `[limits, level before, level, operators]` of edges from the inputs of a cell, and `[limits, level, operators]` of the others. */
  readonly fromInputs: Tensor;
  readonly fromBlocks: Tensor;
  /** `[limits, two before, before, level]` of the first, the second, and later layers. */
  readonly cells: readonly [Tensor, Tensor, Tensor];
  /** `[limits, last level, whether a layer was at level 0]` */
  readonly ends: Tensor;
}

/** Moves costs to a device once; `dtype` is that of the probabilities. */
export function cellCostTensors(costs: AutoDeepLabCosts, device: string, dtype: 'float32' | 'float64' = 'float32') {
  const limits = costs.ends[0][0].length;
  const levels = Array.from({ length: LEVELS }, (_, level) => level);
  const tensor = (rows: readonly (Shares | undefined)[], sizes: readonly number[]): Tensor => {
    const values = Array.from({ length: limits }, (_, k) => rows.map((row) => row?.[k] ?? 0)).flat();
    return keepForever(op.toDevice(fromArray(values, [limits, ...sizes], dtype), device));
  };
  const strideOf = (from: number, to: number) => (to > from ? 2 : 1);
  return {
    fromInputs: tensor(
      levels.flatMap((from) => levels.flatMap((to) => costs.operators[to][strideOf(from, to) - 1])),
      [LEVELS, LEVELS, OPERATOR_NAMES.length],
    ),
    fromBlocks: tensor(
      levels.flatMap((to) => costs.operators[to][0]),
      [LEVELS, OPERATOR_NAMES.length],
    ),
    cells: [0, 1, 2].map((first) => tensor(costs.cells[first].flat(2), [LEVELS, LEVELS, LEVELS])) as unknown as [
      Tensor,
      Tensor,
      Tensor,
    ],
    ends: tensor(costs.ends.flat(), [LEVELS, 2]),
  } satisfies CellCostTensors;
}

/** Expected sums of parts, `[limits]`. */
export function expectedCellCosts({ operators, moves, edges }: CellProbabilities, costs: CellCostTensors): Tensor {
  const kept = keptOperators(operators, edges);
  const like = { dtype: operators.dtype as 'float32' | 'float64', device: operators.device };
  const constant = (values: number[], sizes: number[]) =>
    op.toDevice(fromArray(values, sizes, like.dtype), like.device);
  const blocks = blocksOf(operators.shape[0]) as number;
  const isInput = Array.from({ length: blocks }, (_, block) =>
    Array.from({ length: block + 2 }, (_, from) => (from < 2 ? 1 : 0)),
  ).flat();
  // Over the edges: what each operator counts on edges from the inputs of a cell, and from blocks.
  const sums = op.matmul(constant([...isInput, ...isInput.map((one) => 1 - one)], [2, isInput.length]), kept);
  const weighed = (table: Tensor, row: number) =>
    op.sumOver(op.multiply(table, op.select(sums, 0, row)), [table.shape.length - 1]);
  const [limits] = costs.ends.shape;
  // [limits, before, level]
  const operatorCosts = op.add(
    weighed(costs.fromInputs, 0),
    op.reshape(weighed(costs.fromBlocks, 1), [limits, 1, LEVELS]),
  );
  const ofLayer = (layer: number) =>
    op.add(costs.cells[Math.min(layer, 2)], op.reshape(operatorCosts, [limits, 1, LEVELS, LEVELS]));
  const steps = levelMoves(moves, constant);
  // Whether a layer was at level 0 before, and is then.
  const flags = constant(
    [0, 1].flatMap((before) =>
      Array.from({ length: LEVELS }, (_, to) =>
        [0, 1].map((after) => (after === (to === 0 ? 1 : before) ? 1 : 0)),
      ).flat(),
    ),
    [2, LEVELS, 2],
  );
  // Weights [two before, before, flag] of all paths, and their costs so far [limits, ...].
  let weight = constant(startWeights(), [LEVELS, LEVELS, 2]);
  let cost = constant(Array<number>(limits * LEVELS * LEVELS * 2).fill(0), [limits, LEVELS, LEVELS, 2]);
  const [layers] = moves.shape;
  for (let layer = 0; layer < layers; layer++) {
    const step = op.reshape(op.select(steps, 0, layer), [1, LEVELS, 1, LEVELS]);
    // [two before, before, flag, level]
    const moved = op.multiply(op.reshape(weight, [LEVELS, LEVELS, 2, 1]), step);
    const added = op.multiply(moved, op.reshape(ofLayer(layer), [limits, LEVELS, LEVELS, 1, LEVELS]));
    const spent = op.add(op.multiply(op.reshape(cost, [limits, LEVELS, LEVELS, 2, 1]), step), added);
    weight = op.sumOver(op.multiply(op.reshape(op.sumOver(moved, [0]), [LEVELS, 2, LEVELS, 1]), flags), [1]);
    cost = op.sumOver(op.multiply(op.reshape(op.sumOver(spent, [1]), [limits, LEVELS, 2, LEVELS, 1]), flags), [2]);
  }
  const total = op.add(cost, op.multiply(weight, op.reshape(costs.ends, [limits, 1, LEVELS, 2])));
  return op.divide(op.sumOver(total, [1, 2, 3]), op.sum(weight));
}

/** How probable it is that decoding keeps each operator on each edge, `[edges, operators]`; 0 for zero. */
function keptOperators(operators: Tensor, shares: Tensor | undefined): Tensor {
  const depth = OPERATOR_NAMES.length;
  const zero = OPERATOR_NAMES.indexOf('zero');
  const like = (values: number[], sizes: number[]) =>
    op.toDevice(fromArray(values, sizes, operators.dtype as 'float32' | 'float64'), operators.device);
  const counted = op.multiply(
    operators,
    like(
      OPERATOR_NAMES.map((_, k) => (k === zero ? 0 : 1)),
      [depth],
    ),
  );
  const strengths = op.sumOver(counted, [1]);
  const own = shares ? op.multiply(strengths, shares) : strengths;
  const blocks = blocksOf(operators.shape[0]) as number;
  const factors = Array.from({ length: blocks }, (_, block) => {
    const part = op.slice(own, 0, edgeIndex(block, 0), edgeIndex(block + 1, 0));
    const sum = op.sum(part);
    const pairs = op.scale(op.subtract(op.multiply(sum, sum), op.sum(op.multiply(part, part))), 0.5);
    return op.divide(op.subtract(sum, part), op.clamp(pairs, TINY, null));
  });
  const factor = op.concat(factors, 0);
  return op.multiply(counted, op.reshape(shares ? op.multiply(factor, shares) : factor, [-1, 1]));
}

/** Below this no pair of edges is left. */
const TINY = 1e-20;

/** Moves `[layers, level left, move]` as `[layers, level left, level entered]`. */
function levelMoves(moves: Tensor, constant: (values: number[], sizes: number[]) => Tensor): Tensor {
  const table: number[] = [];
  for (let from = 0; from < LEVELS; from++)
    for (let move = 0; move < 3; move++)
      for (let left = 0; left < LEVELS; left++)
        for (let to = 0; to < LEVELS; to++) table.push(left === from && to === from + move - 1 ? 1 : 0);
  const flat = op.reshape(moves, [-1, 3 * LEVELS]);
  return op.reshape(op.matmul(flat, constant(table, [3 * LEVELS, LEVELS * LEVELS])), [-1, LEVELS, LEVELS]);
}

/** Everything is at the stem, which counts as level 0 and as no layer. */
const startWeights = (): number[] => Array.from({ length: LEVELS * LEVELS * 2 }, (_, i) => (i === 0 ? 1 : 0));
