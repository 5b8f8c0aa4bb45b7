/**
 * @file The architecture parameters of DiNTS: whether each edge is on, and which operator it computes; own logits for every edge of every layer.
 * @paper dints section 3
 */
import * as op from '../../engine/operators.ts';
import { fromArray, keepForever, type Tensor } from '../../engine/tensor.ts';
import type { Initialiser } from '../../nn/initialisers.ts';
import type { Rank } from '../../nn/layers.ts';
import type { Parameter, ParameterSet } from '../../nn/parameters.ts';
import { DINTS_OPERATOR_NAMES } from '../../space/dints/operators.ts';
import { layerEdgeCount, layerPatterns } from '../../space/dints/trellis.ts';

/** Raw logits as plain numbers: what is logged, stored and decoded. */
export interface DintsSnapshot {
  readonly method: 'dints';
  /** `[layers][edges]`. */
  readonly edges: number[][];
  /** `[layers][edges][operators]`. */
  readonly ops: number[][][];
}

/** What the logits mean; every row is differentiable in them. */
export interface DintsProbabilities {
  /** `log eta` of every pattern, `[layers, patterns]`; pattern j + 1 at j. */
  readonly logPatterns: Tensor;
  /** That an edge is on, `[layers, edges]`: `p / (1 - prod (1 - p))` over the layer. */
  readonly edges: Tensor;
  /** Softmax over the operators of an edge, `[layers, edges, operators]`. */
  readonly operators: Tensor;
}

/** Edges and operators as tensors, and the way to probabilities. */
export interface DintsArchitecture {
  /** The two logit tables, for their own optimiser. */
  readonly parameters: readonly Parameter[];
  probabilities(): DintsProbabilities;
  snapshot(): DintsSnapshot;
}

/** Logits of edges drawn from N(0, 0.01), of operators from N(1, 0.01). */
export function createDintsArchitecture(
  set: ParameterSet,
  space: { rank: Rank; layers: number; levels: number },
): DintsArchitecture {
  const { rank, layers, levels } = space;
  const [width, depth] = [layerEdgeCount(levels), DINTS_OPERATOR_NAMES[rank].length];
  const edges = set.weight('edges', [layers, width], around(0), { decay: false });
  const ops = set.weight('ops', [layers, width, depth], around(1), { decay: false });
  const patterns = keepForever(op.toDevice(patternTable(levels), set.origin.device));
  return {
    parameters: set.parameters(),
    probabilities: () => dintsProbabilities(edges, ops, patterns),
    snapshot() {
      const rows = (values: number[], length: number) =>
        Array.from({ length: values.length / length }, (_, i) => values.slice(i * length, (i + 1) * length));
      const operators = rows(op.detach(ops).numbers(), depth);
      return {
        method: 'dints',
        edges: rows(op.detach(edges).numbers(), width),
        ops: Array.from({ length: layers }, (_, layer) => operators.slice(layer * width, (layer + 1) * width)),
      };
    },
  };
}

/**
 * Probabilities of logits `[layers, edges]` and `[layers, edges, operators]`. Edges are independent sigmoids without the empty pattern: the sum of the
 * logits that are on, softmax over the patterns, is that distribution, and stays finite where products of sigmoids do not.
 * @param patterns of `patternTable`
 */
export function dintsProbabilities(edges: Tensor, ops: Tensor, patterns: Tensor): DintsProbabilities {
  const logPatterns = op.logSoftmax(op.matmul(edges, op.permute(patterns, [1, 0])), 1);
  return { logPatterns, edges: op.matmul(op.exp(logPatterns), patterns), operators: op.softmax(ops, 2) };
}

/** Whether each edge is on in each pattern, `[patterns, edges]` of 0 and 1. */
export function patternTable(levels: number, dtype: 'float32' | 'float64' = 'float32'): Tensor {
  const width = layerEdgeCount(levels);
  const rows = layerPatterns(levels).flatMap(({ edges }) => Array.from({ length: width }, (_, e) => (edges >> e) & 1));
  return fromArray(rows, [rows.length / width, width], dtype);
}

const around =
  (mean: number): Initialiser =>
  (shape, generator) =>
    op.addNumber(op.scale(op.randn(shape, generator), 0.01), mean);
