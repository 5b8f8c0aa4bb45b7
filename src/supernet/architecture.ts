/**
 * @file The architecture parameters of Auto-DeepLab: alpha chooses operators inside the cell, beta moves between resolutions. One table of each, shared by the whole trellis.
 */
import * as op from '../engine/operators.ts';
import { fromArray, keepForever, type Tensor } from '../engine/tensor.ts';
import { normal } from '../nn/initialisers.ts';
import type { Parameter, ParameterSet } from '../nn/parameters.ts';
import { edgeCount } from '../space/cell.ts';
import { OPERATOR_NAMES } from '../space/operators.ts';
import { LEVELS, trellisEdges } from '../space/trellis.ts';

/** Raw logits as plain numbers: what is logged, stored and decoded. */
export interface ArchitectureSnapshot {
  readonly method: 'auto-deeplab';
  /** `[edges][operators]`. */
  readonly alpha: number[][];
  /** `[transitions][level left][move]`, null where there is no edge; moves are finer, same, coarser. */
  readonly beta: (number | null)[][][];
}

/** Alpha and beta as tensors, and the way to probabilities. */
export interface ArchitectureParameters {
  /** The two logit tables, for their own optimiser. */
  readonly parameters: readonly Parameter[];
  /** Softmax of alpha over the operators, `[edges, operators]`. @paper auto-deeplab eq. 2-3 */
  operatorProbabilities(): Tensor;
  /** Softmax of beta over the moves leaving each node, `[layers, levels, moves]`; 0 where there is no edge. @paper auto-deeplab eq. 7 */
  moveProbabilities(): Tensor;
  snapshot(): ArchitectureSnapshot;
}

/** Logits drawn as 0.001 times standard normal. */
export function createArchitectureParameters(
  set: ParameterSet,
  space: { layers: number; blocks: number },
): ArchitectureParameters {
  const { layers, blocks } = space;
  const alpha = set.weight('alpha', [edgeCount(blocks), OPERATOR_NAMES.length], normal(0.001));
  const beta = set.weight('beta', [layers, LEVELS, MOVES], normal(0.001));
  const mask = keepForever(op.toDevice(fromArray(edgeMask(layers), [layers, LEVELS, MOVES]), set.origin.device));
  const exists = keepForever(
    op.toDevice(
      fromArray(
        Float32Array.from(edgeMask(layers), (v) => (v === 0 ? 1 : 0)),
        [layers, LEVELS, MOVES],
      ),
      set.origin.device,
    ),
  );
  return {
    parameters: set.parameters(),
    operatorProbabilities: () => op.softmax(alpha, 1),
    moveProbabilities: () => op.multiply(op.softmax(op.add(beta, mask), 2), exists),
    snapshot() {
      const alphas = op.detach(alpha).numbers();
      const betas = op.detach(beta).numbers();
      const present = exists.numbers();
      const operators = OPERATOR_NAMES.length;
      return {
        method: 'auto-deeplab',
        alpha: Array.from({ length: edgeCount(blocks) }, (_, e) => alphas.slice(e * operators, (e + 1) * operators)),
        beta: Array.from({ length: layers }, (_, t) =>
          Array.from({ length: LEVELS }, (_, level) =>
            Array.from({ length: MOVES }, (_, move) => {
              const index = (t * LEVELS + level) * MOVES + move;
              return present[index] ? betas[index] : null;
            }),
          ),
        ),
      };
    },
  };
}

const MOVES = 3;
/** Added to the logits of moves that do not exist: their softmax is exactly 0 in float32, without the NaN of an all-infinite row. */
const ABSENT = -1e9;

function edgeMask(layers: number): Float32Array {
  const mask = new Float32Array(layers * LEVELS * MOVES).fill(ABSENT);
  for (const { layer, from, move } of trellisEdges(layers)) mask[(layer * LEVELS + from) * MOVES + move] = 0;
  return mask;
}
