/**
 * @file What DiNTS asks of an architecture beside a low loss: to be decided, to be feasible, to fit into memory. Pure functions of probabilities,
 * differentiable in the logits behind them. @paper dints section 4
 */
import * as op from '../engine/operators.ts';
import { fromArray, keepForever, type Tensor } from '../engine/tensor.ts';
import { layerPatterns, nodeSetCount } from '../space/dints/trellis.ts';

/** What the logits of an architecture mean. */
export interface ArchitectureProbabilities {
  /** `log eta` of every pattern, `[layers, patterns]`. */
  readonly logPatterns: Tensor;
  /** That an edge is on, `[layers, edges]`. */
  readonly edges: Tensor;
  /** Of the operators of an edge, `[layers, edges, operators]`. */
  readonly operators: Tensor;
}

/** The budget of memory and what it is a share of. */
export interface MemoryBudget {
  /** Wanted share of the memory of the largest architecture, in [0, 1]. */
  readonly share: number;
  /** Elements that an edge holds with each operator, `[edges, operators]`; the same in every layer. */
  readonly elements: Tensor;
  /** Elements of the largest architecture: `fullMemory`. */
  readonly full: number;
}

/** Each term of the objective; scalars. */
export interface ObjectiveTerms {
  readonly operatorEntropy: Tensor;
  readonly patternEntropy: Tensor;
  readonly topologyLoss: Tensor;
  readonly memoryLoss: Tensor;
}

/** Weight of the topology loss beside the others. */
export const TOPOLOGY_WEIGHT = 0.001;

/** Mean of `-alpha log alpha` over the operators of all edges. */
export const operatorEntropy = (operators: Tensor): Tensor =>
  op.negate(op.mean(op.multiply(operators, op.log(op.clamp(operators, TINY, null)))));

/** Mean of `-eta log eta` over the patterns of all layers. */
export const patternEntropy = (logPatterns: Tensor): Tensor =>
  op.negate(op.mean(op.multiply(op.exp(logPatterns), logPatterns)));

/**
 * How far each layer is from reading what the one before it feeds: the cross-entropy of `P_out` against `P_in`, where `P_in(q)` is the probability that
 * the layer before feeds exactly the levels q, and `P_out(q)` that the layer reads exactly those. Summed over boundaries and node sets.
 */
export function topologyLoss(logPatterns: Tensor, levels: number): Tensor {
  const [layers] = logPatterns.shape;
  const { fed, read, other } = nodeSetMasks(levels, logPatterns);
  const before = op.slice(logPatterns, 0, 0, layers - 1);
  const after = op.slice(logPatterns, 0, 1, layers);
  const feeds = op.matmul(op.exp(before), fed);
  const reads = logSumOver(after, read);
  const readsNot = logSumOver(after, other);
  return op.negate(op.sum(op.add(op.multiply(feeds, reads), op.multiply(op.addNumber(op.negate(feeds), 1), readsNot))));
}

/** Elements that the edges are expected to hold: `sum_e p_e sum_k alpha_k m_ek`, over all layers. */
export const expectedMemory = ({ edges, operators }: ArchitectureProbabilities, elements: Tensor): Tensor =>
  op.sum(op.multiply(edges, op.sumOver(op.multiply(operators, elements), [2])));

/** Elements of the largest architecture: every edge on, each with its dearest operator. A constant, so that the budget means the same throughout. */
export const fullMemory = (elements: Tensor, layers: number): number => {
  const depth = elements.shape[1];
  const values = elements.numbers();
  const edges = Array.from({ length: elements.shape[0] }, (_, e) =>
    Math.max(...values.slice(e * depth, (e + 1) * depth)),
  );
  return layers * edges.reduce((sum, value) => sum + value, 0);
};

/** `| share - M_expected / M_full |`. */
export function memoryLoss(probabilities: ArchitectureProbabilities, { share, elements, full }: MemoryBudget): Tensor {
  const used = op.scale(expectedMemory(probabilities, elements), 1 / full);
  return op.abs(op.addNumber(used, -share));
}

/** All terms. */
export const objectiveTerms = (
  probabilities: ArchitectureProbabilities,
  space: { levels: number; budget: MemoryBudget },
): ObjectiveTerms => ({
  operatorEntropy: operatorEntropy(probabilities.operators),
  patternEntropy: patternEntropy(probabilities.logPatterns),
  topologyLoss: topologyLoss(probabilities.logPatterns, space.levels),
  memoryLoss: memoryLoss(probabilities, space.budget),
});

/** `L + t (H_ops + H_patterns + L_mem + 0.001 L_top)`: what the architecture minimises; `ramp` is t in [0, 1], or a tensor of it. */
export function searchObjective(outputLoss: Tensor, terms: ObjectiveTerms, ramp: number | Tensor): Tensor {
  const { operatorEntropy, patternEntropy, topologyLoss, memoryLoss } = terms;
  const sum = [operatorEntropy, patternEntropy, memoryLoss, op.scale(topologyLoss, TOPOLOGY_WEIGHT)].reduce(op.add);
  return op.add(outputLoss, typeof ramp === 'number' ? op.scale(sum, ramp) : op.multiply(sum, ramp));
}

/** Below this a probability counts as this in a logarithm; 0 log 0 is 0. */
const TINY = 1e-30;
/** Logarithm of no probability that is still a number. */
const NEVER = -1e30;

/** For each node set, as columns: patterns that feed it (0 or 1), and in logarithms those that read it and those that do not. */
interface NodeSetMasks {
  readonly fed: Tensor;
  readonly read: Tensor;
  readonly other: Tensor;
}

const madeMasks = new Map<string, NodeSetMasks>();

/** The masks of so many levels, where `like` is; made once, so that a step moves nothing to the device. */
function nodeSetMasks(levels: number, like: Tensor): NodeSetMasks {
  const key = `${levels} ${like.dtype} ${like.device}`;
  const masks = madeMasks.get(key) ?? makeNodeSetMasks(levels, like);
  madeMasks.set(key, masks);
  return masks;
}

function makeNodeSetMasks(levels: number, like: Tensor): NodeSetMasks {
  const patterns = layerPatterns(levels);
  const sets = nodeSetCount(levels);
  const table = (value: (inputs: number, outputs: number, set: number) => number) => {
    const rows = patterns.flatMap(({ inputs, outputs }) =>
      Array.from({ length: sets }, (_, i) => value(inputs, outputs, i + 1)),
    );
    return keepForever(op.toDevice(fromArray(rows, [patterns.length, sets], like.dtype), like.device));
  };
  return {
    fed: table((_, outputs, set) => (outputs === set ? 1 : 0)),
    read: table((inputs, _, set) => (inputs === set ? 0 : NEVER)),
    other: table((inputs, _, set) => (inputs === set ? NEVER : 0)),
  };
}

/** `log sum exp` over the patterns that a mask of logarithms lets through: `[layers, patterns]` to `[layers, sets]`. */
function logSumOver(logPatterns: Tensor, mask: Tensor): Tensor {
  const [layers, patterns] = logPatterns.shape;
  const spread = op.add(op.reshape(logPatterns, [layers, patterns, 1]), mask);
  return op.logSumExp(spread, [1]);
}
