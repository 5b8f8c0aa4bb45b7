/**
 * @file The architecture parameters of Auto-DeepLab: alpha chooses operators inside the cell, beta moves between resolutions. One table of each, shared by the whole trellis.
 */
import { ConfigError } from '../base/errors.ts';
import { operator } from '../engine/call.ts';
import * as op from '../engine/operators.ts';
import { fromArray, keepForever, type Tensor } from '../engine/tensor.ts';
import { normal } from '../nn/initialisers.ts';
import type { Pass } from '../nn/layers.ts';
import type { Parameter, ParameterSet } from '../nn/parameters.ts';
import { edgeCount, edgeIndex } from '../space/cell.ts';
import type { AutoDeepLabGenotype } from '../space/genotype.ts';
import type { AutoDeepLabLogits, BetaNormalisation } from '../space/logits.ts';
import { OPERATOR_NAMES, type OperatorName } from '../space/operators.ts';
import { LEVELS, trellisEdges } from '../space/trellis.ts';
import { sampleOperators, strongestOperators, temperatureAt } from './sampledOperators.ts';

/** The probabilities of the operators by edge, which of them were drawn, and what edges count; the last two where a search has such. */
export interface EdgeProbabilities {
  /** `[edges, operators]` */
  readonly table: Tensor;
  /** Index of the operator of each edge. */
  readonly chosen?: readonly number[];
  /** `[edges]` */
  readonly predecessors?: Tensor;
}

/** Alpha and beta as tensors, and the probabilities they stand for. */
export interface RelaxedArchitecture {
  /** The logit tables, for their own optimiser. */
  readonly parameters: readonly Parameter[];
  /** Softmax of alpha over the operators, `[edges, operators]`. @paper auto-deeplab eq. 2-3 */
  operatorProbabilities(): Tensor;
  /**
   * What the cells of a pass compute with: all operators by their probabilities, or with sampling one an edge, drawn in training and the strongest
   * otherwise. With partial channels also what each edge counts: the softmax over the edges into its block. @paper pc-darts section 3.3
   * @throws ConfigError when there is to be drawn and the pass has no random numbers.
   */
  operators(pass: Pass): EdgeProbabilities;
  /** What the edges into a block count with partial channels, `[edges]`. */
  edgeShares(): Tensor | undefined;
  /** Probabilities of the moves, `[layers, levels left, moves]`; 0 where there is no edge. @paper auto-deeplab eq. 7 */
  moveProbabilities(): Tensor;
  /** The logits as plain numbers. */
  snapshot(): { readonly method: 'auto-deeplab' } & AutoDeepLabLogits;
}

/** Logits drawn as 0.001 times standard normal. */
export function createRelaxedArchitecture(
  set: ParameterSet,
  space: {
    layers: number;
    blocks: number;
    betaNormalisation?: BetaNormalisation;
    sampling?: { temperature: readonly [number, number] };
    partialChannels?: number;
  },
): RelaxedArchitecture {
  const { layers, blocks, betaNormalisation = 'outgoing', sampling, partialChannels = 1 } = space;
  const shape = [layers, LEVELS, MOVES];
  const alpha = set.weight('alpha', [edgeCount(blocks), OPERATOR_NAMES.length], normal(0.001));
  const beta = set.weight('beta', shape, normal(0.001));
  const predecessors = partialChannels > 1 ? set.weight('predecessors', [edgeCount(blocks)], normal(0.001)) : undefined;
  const constant = (values: ArrayLike<number>, dtype: 'float32' | 'int64') =>
    keepForever(op.toDevice(fromArray(Array.from(values), [values.length], dtype), set.origin.device));
  const present = edgePresence(layers);
  const exists = constant(present, 'float32');
  const mask = constant(
    present.map((there) => (there ? 0 : ABSENT)),
    'float32',
  );
  const turned = constant(turnedIndices(layers), 'int64');
  const turn = (table: Tensor) => operator('aten::index_select').one(table, 0, turned);
  const operatorProbabilities = () => op.softmax(alpha, 1);
  return {
    parameters: set.parameters(),
    operatorProbabilities,
    operators(pass) {
      const counts = predecessors ? { predecessors: normalisePredecessors(predecessors, blocks) } : {};
      return {
        ...(sampling ? sampled(alpha, sampling.temperature, pass) : { table: operatorProbabilities() }),
        ...counts,
      };
    },
    edgeShares: () => predecessors && normalisePredecessors(predecessors, blocks),
    moveProbabilities() {
      const logits = op.add(op.reshape(beta, [-1]), mask);
      const normalised = (table: Tensor) => op.reshape(op.softmax(op.reshape(table, [-1, MOVES]), 1), [-1]);
      const probabilities = betaNormalisation === 'outgoing' ? normalised(logits) : turn(normalised(turn(logits)));
      return op.reshape(op.multiply(probabilities, exists), shape);
    },
    snapshot() {
      const rows = (values: number[], width: number) =>
        Array.from({ length: values.length / width }, (_, i) => values.slice(i * width, (i + 1) * width));
      const betas = op
        .detach(beta)
        .numbers()
        .map((logit, i) => (present[i] ? logit : null));
      const moves = Array.from({ length: layers * LEVELS }, (_, i) => betas.slice(i * MOVES, (i + 1) * MOVES));
      return {
        method: 'auto-deeplab',
        alpha: rows(op.detach(alpha).numbers(), OPERATOR_NAMES.length),
        beta: Array.from({ length: layers }, (_, t) => moves.slice(t * LEVELS, (t + 1) * LEVELS)),
        ...(betaNormalisation === 'outgoing' ? {} : { betaNormalisation }),
        ...(predecessors ? { predecessors: op.detach(predecessors).numbers() } : {}),
      };
    },
  };
}

function sampled(
  alpha: Tensor,
  temperature: readonly [number, number],
  { training, random, progress = 0 }: Pass,
): EdgeProbabilities {
  if (!training) return strongestOperators(alpha);
  if (!random) throw new ConfigError('sampling operators needs random numbers in the pass');
  return sampleOperators(alpha, random, temperatureAt(temperature, progress));
}

/** Softmax over the edges into each block, `[edges]`. */
const normalisePredecessors = (logits: Tensor, blocks: number): Tensor =>
  op.concat(
    Array.from({ length: blocks }, (_, block) =>
      op.softmax(op.slice(logits, 0, edgeIndex(block, 0), edgeIndex(block + 1, 0)), 0),
    ),
    0,
  );

/** What the edges of a genotype count: those that it keeps fully, the others nothing, `[edges]`. */
export const keptPredecessors = (table: Tensor): Tensor =>
  op.addNumber(op.negate(op.select(table, 1, OPERATOR_NAMES.indexOf('zero'))), 1);

/** Probabilities of 1 for the operators that a genotype keeps, and for zero on every other edge, `[edges, operators]`. */
export function oneHotOperators({ blocks, cell }: AutoDeepLabGenotype, device = 'cpu'): Tensor {
  const chosen: OperatorName[] = Array(edgeCount(blocks)).fill('zero');
  for (const { block, inputs } of cell)
    for (const { from, operator } of inputs) chosen[edgeIndex(block - 1, from)] = operator;
  const rows = chosen.flatMap((name) => OPERATOR_NAMES.map((other) => (other === name ? 1 : 0)));
  return op.toDevice(fromArray(rows, [chosen.length, OPERATOR_NAMES.length]), device);
}

const MOVES = 3;
/** Added to the logits of moves that do not exist: their softmax is exactly 0 in float32, without the NaN of an all-infinite row. */
const ABSENT = -1e9;

const flatIndex = (layer: number, level: number, move: number) => (layer * LEVELS + level) * MOVES + move;

/** 1 where there is an edge, in the order of beta. */
function edgePresence(layers: number): number[] {
  const present = Array<number>(layers * LEVELS * MOVES).fill(0);
  for (const { layer, from, move } of trellisEdges(layers)) present[flatIndex(layer, from, move)] = 1;
  return present;
}

/**
 * For the table by node entered `[layer, level entered, origin: finer, same, coarser]` the place of each entry in the table by node left.
 * Its own inverse; entries that fall outside the trellis stand for each other.
 */
function turnedIndices(layers: number): number[] {
  const indices: number[] = [];
  for (let layer = 0; layer < layers; layer++) {
    for (let level = 0; level < LEVELS; level++) {
      for (let k = 0; k < MOVES; k++) {
        const other = level - 1 + k;
        const inside = other >= 0 && other < LEVELS;
        indices.push(inside ? flatIndex(layer, other, MOVES - 1 - k) : flatIndex(layer, level, k));
      }
    }
  }
  return indices;
}
