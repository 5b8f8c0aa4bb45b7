/**
 * @file Architecture parameters of DiNTS to a genotype: the best feasible sequence of patterns by Viterbi over node sets, the strongest operator of
 * every edge. @paper dints section 5
 */

import { appendAll } from '../base/lists.ts';
import { showShort as show } from '../base/text.ts';
import { DINTS_OPERATOR_NAMES, rankOfOperators } from '../space/dints/operators.ts';
import { isFeasible } from '../space/dints/topologies.ts';
import { layerEdges, levelsOf, membersOf, nodeSetCount, patternTransitions } from '../space/dints/trellis.ts';
import { createDintsGenotype, type DintsGenotype } from '../space/genotype.ts';
import type { Fail } from '../space/genotypeFields.ts';
import { logSoftmax } from './softmax.ts';
import { viterbi } from './viterbi.ts';

/** Raw logits: `edges[layer][edge]` of being on, `ops[layer][edge][operator]`; edges and operators in the order of the space. */
export interface DintsLogits {
  readonly edges: readonly (readonly number[])[];
  readonly ops: readonly (readonly (readonly number[])[])[];
}

/**
 * `log eta` of every pattern of a layer, pattern j + 1 at j. Each edge is on with the sigmoid of its logit and the empty pattern is taken out, which is
 * the softmax over the patterns of the sum of the logits that are on: exact where the product of the sigmoids would underflow.
 * @paper dints section 3
 */
export function patternLogProbabilities(logits: readonly number[]): number[] {
  const sums = [0];
  for (const logit of logits)
    appendAll(
      sums,
      sums.map((sum) => sum + logit),
    );
  return logSoftmax(sums.slice(1));
}

/** The feasible sequence of patterns of the largest probability, one a layer. Of equal ones the lower node set, then the lower pattern is taken. */
export function decodeTopology(edges: DintsLogits['edges']): number[] {
  const levels = levelsOf(edges[0].length) as number;
  const transitions = patternTransitions(levels);
  // Between two node sets only the most probable pattern matters.
  const moves = edges.map((logits) => {
    const scores = patternLogProbabilities(logits);
    return transitions.map((row) => row.map((patterns) => strongest(patterns, scores)));
  });
  const { states } = viterbi({
    stages: edges.length + 1,
    states: nodeSetCount(levels),
    start: 0,
    // The set before the first layer is free.
    score: (stage, from, to) => (stage === 0 ? 0 : moves[stage - 1][from][to].score),
  });
  return moves.map((layer, i) => layer[states[i]][states[i + 1]].pattern);
}

/** The most probable pattern of a list; score -Infinity when the list is empty. */
function strongest(patterns: readonly number[], scores: readonly number[]): { pattern: number; score: number } {
  let best = { pattern: 0, score: Number.NEGATIVE_INFINITY };
  for (const pattern of patterns) {
    const score = scores[pattern - 1];
    if (!(score <= best.score)) best = { pattern, score };
  }
  return best;
}

/** The most probable pattern of every layer by itself, feasible or not: the edges above one half, or the strongest where there is none. */
export const unconstrainedTopology = (edges: DintsLogits['edges']): number[] =>
  edges.map((logits) => {
    const scores = patternLogProbabilities(logits);
    return strongest(
      scores.map((_, j) => j + 1),
      scores,
    ).pattern;
  });

/** Layer boundaries at which a sequence of patterns is not feasible: 0 when decoding changes nothing. */
export const brokenBoundaries = (levels: number, topology: readonly number[]): number =>
  topology.filter((pattern, i) => i > 0 && !isFeasible(levels, [topology[i - 1], pattern])).length;

/** The network that the logits stand for; `rank` by default that which has so many operators. */
export function decodeDints(
  logits: DintsLogits,
  options: { filters: number; rank?: 2 | 3; provenance?: Readonly<Record<string, string>> },
): DintsGenotype {
  const levels = levelsOf(logits.edges[0].length) as number;
  const { rank = rankOfOperators(logits.ops[0][0].length) as 2 | 3 } = options;
  const edges = layerEdges(levels);
  const topology = decodeTopology(logits.edges).map((pattern, layer) =>
    membersOf(pattern).map((e) => ({ ...edges[e], operator: strongestOperator(logits.ops[layer][e], rank) })),
  );
  return createDintsGenotype({ ...options, rank, levels, topology });
}

const strongestOperator = (logits: readonly number[], rank: 2 | 3) =>
  DINTS_OPERATOR_NAMES[rank][logits.indexOf(Math.max(...logits))];

/** Logits from untrusted tables `edges` `[layers][edges]` and `ops` `[layers][edges][operators]`; two operators are those of 2D. */
export function parseDintsLogits({ edges, ops }: Record<string, unknown>, fail: Fail): DintsLogits {
  const rows = Array.isArray(edges) && edges.length > 0 ? (edges as unknown[]) : fail('edges is missing');
  const width = Array.isArray(rows[0]) ? rows[0].length : fail(`edges[0] is ${show(rows[0])}, expected a list`);
  const levels = levelsOf(width);
  if (levels === undefined || levels > 6)
    fail(`edges[0] has ${width} logits`, 'a layer of D levels has 3 D - 2 edges: 4, 7, 10, 13 or 16 of 2 to 6 levels');
  rows.forEach((row, layer) => {
    requireNumbers(row, width, `edges[${layer}]`, fail);
  });
  const layers = Array.isArray(ops) ? (ops as unknown[]) : fail('ops is missing');
  if (layers.length !== rows.length) fail(`ops has ${layers.length} layers, edges has ${rows.length}`);
  const first: unknown = (layers[0] as unknown[] | null)?.[0];
  const operators = Array.isArray(first) ? first.length : fail(`ops[0][0] is ${show(first)}, expected a list`);
  if (rankOfOperators(operators) === undefined)
    fail(
      `ops[0][0] has ${operators} logits`,
      `an edge has ${DINTS_OPERATOR_NAMES[2].length} operators in 2D and ${DINTS_OPERATOR_NAMES[3].length} in 3D`,
    );
  layers.forEach((layer, i) => {
    const own = Array.isArray(layer) && layer.length === width ? layer : fail(`ops[${i}] has no ${width} edges`);
    own.forEach((row, e) => {
      requireNumbers(row, operators, `ops[${i}][${e}]`, fail);
    });
  });
  return { edges: rows as number[][], ops: layers as number[][][] };
}

function requireNumbers(row: unknown, length: number, name: string, fail: Fail): void {
  const numbers = Array.isArray(row) && row.length === length ? row : fail(`${name} has no ${length} numbers`);
  for (let i = 0; i < length; i++)
    if (!Number.isFinite(numbers[i])) fail(`${name}[${i}] is ${show(numbers[i])}, expected a finite number`);
}
