/**
 * @file What is decoded of DiNTS, with prices on costs: the patterns by dynamic programming over the node sets, the operator of every edge by itself.
 */
import { bestFirst } from '../../decode/bestFirst.ts';
import { type DintsLogits, patternLogProbabilities } from '../../decode/dints.ts';
import { logSoftmax } from '../../decode/softmax.ts';
import { viterbi } from '../../decode/viterbi.ts';
import { DINTS_OPERATOR_NAMES } from '../../space/dints/operators.ts';
import {
  type LayerEdge,
  layerEdges,
  layerPatterns,
  membersOf,
  nodeSetCount,
  type Pattern,
  patternOf,
  patternTransitions,
} from '../../space/dints/trellis.ts';
import { createDintsGenotype, type DintsGenotype } from '../../space/genotype.ts';
import type { DecodedSpace } from './decodeWithin.ts';
import { coarsestFed, type DintsCosts, type EdgeSpace, sumOfEdges } from './dintsCosts.ts';
import type { GenotypeCounter } from './objective.ts';
import type { Shares } from './searchBudget.ts';

/** The patterns and operators that are chosen so far. */
interface Chosen {
  readonly patterns: readonly Pattern[];
  /** Of the edges of the last pattern and of those before it, in their order. */
  readonly operators: readonly (readonly number[])[];
}

/** The architectures that some logits choose among. An operator counts by how much less probable it is than the best one of its edge. */
export function dintsChoices(
  logits: DintsLogits,
  space: EdgeSpace,
  costs: DintsCosts,
  counter: GenotypeCounter<DintsGenotype>,
): DecodedSpace<DintsGenotype> {
  const { levels, rank } = space;
  const edges = layerEdges(levels);
  const names = DINTS_OPERATOR_NAMES[rank];
  const scores = logits.edges.map(patternLogProbabilities);
  const operatorScores = logits.ops.map((layer) =>
    layer.map((row) => {
      const logs = logSoftmax(row);
      const largest = Math.max(...logs);
      return logs.map((log) => log - largest);
    }),
  );
  const patterns = layerPatterns(levels);
  const layers = scores.length;
  const genotypeOf = ({ patterns: chosen, operators }: Chosen): DintsGenotype =>
    createDintsGenotype({
      ...space,
      topology: chosen.map((pattern, layer) =>
        membersOf(pattern.edges).map((e, i) => ({ ...edges[e], operator: names[operators[layer][i]] })),
      ),
    });
  const scoreOf = ({ patterns: chosen, operators }: Chosen): number =>
    chosen.reduce(
      (sum, { edges: pattern }, layer) =>
        membersOf(pattern).reduce(
          (own, e, i) => own + operatorScores[layer][e][operators[layer][i]],
          sum + scores[layer][pattern - 1],
        ),
      0,
    );
  return {
    exact: counter.exact,
    sum: (genotype) => sumOfEdges(genotype, costs),
    *listed() {
      const rest = bestRest(scores, patterns, levels);
      const sequences = bestFirst<Chosen>({
        start: { patterns: [], operators: [] },
        choices({ patterns: chosen, operators }) {
          const layer = chosen.length - 1;
          const last = chosen[layer] as Pattern | undefined;
          const own = operators[layer] ?? [];
          const on = last ? membersOf(last.edges) : [];
          if (own.length < on.length)
            return operatorScores[layer][on[own.length]].map((score, k) => ({
              score,
              state: { patterns: chosen, operators: [...operators.slice(0, layer), [...own, k]] },
            }));
          if (chosen.length === layers) return [];
          const isReached = ({ inputs }: Pattern) => last === undefined || inputs === last.outputs;
          return patterns.filter(isReached).map((pattern) => ({
            score: scores[layer + 1][pattern.edges - 1],
            state: { patterns: [...chosen, pattern], operators: [...operators, []] },
          }));
        },
        best: ({ patterns: chosen }) =>
          chosen.length === 0 ? Math.max(...rest[0].slice(1)) : rest[chosen.length][chosen[chosen.length - 1].outputs],
      });
      for (const { state, score } of sequences) yield { genotype: genotypeOf(state), score };
    },
    *near({ topology }) {
      const setsOf = topology.map((layer) => patterns[patternOf(levels, layer) - 1]);
      const chosen = topology.map((layer) => layer.map(({ operator }) => names.indexOf(operator)));
      const scored = (own: Chosen) => ({ genotype: genotypeOf(own), score: scoreOf(own) });
      const strongest = operatorScores.map((layer) => layer.map((row) => row.indexOf(0)));
      for (const [layer, { inputs, outputs, edges: own }] of setsOf.entries()) {
        const kept = new Map(membersOf(own).map((e, i) => [e, chosen[layer][i]]));
        for (const other of patterns) {
          if (other.inputs !== inputs || other.outputs !== outputs) continue;
          const operators = membersOf(other.edges).map((e) => kept.get(e) ?? strongest[layer][e]);
          yield scored({
            patterns: setsOf.map((pattern, i) => (i === layer ? other : pattern)),
            operators: chosen.map((row, i) => (i === layer ? operators : row)),
          });
        }
        for (const i of chosen[layer].keys())
          for (const k of names.keys())
            yield scored({
              patterns: setsOf,
              operators: chosen.map((row, l) => (l === layer ? row.map((old, j) => (j === i ? k : old)) : row)),
            });
      }
    },
    priced(prices) {
      const priceOf = (shares: Shares) => shares.reduce((sum, share, k) => sum + share * (prices[k] ?? 0), 0);
      const best = operatorScores.map((layer) =>
        layer.map((row, e) => {
          const values = row.map((score, k) => score - priceOf(costs.edges[e][k]));
          const operator = values.indexOf(Math.max(...values));
          return { operator, value: values[operator] };
        }),
      );
      const valueOfPattern = (layer: number, { edges: pattern, inputs }: Pattern): number => {
        const on = membersOf(pattern);
        const first =
          layer === 0 ? membersOf(inputs).reduce((sum, level) => sum + priceOf(costs.stemsIn[level]), 0) : 0;
        const fed = coarsestFed(on.map((e): LayerEdge => edges[e]));
        const last = layer === layers - 1 ? priceOf(costs.stemsOut[fed]) : 0;
        return on.reduce((sum, e) => sum + best[layer][e].value, scores[layer][pattern - 1]) - first - last;
      };
      const transitions = patternTransitions(levels);
      const moves = scores.map((_, layer) =>
        transitions.map((row) =>
          row.map((ways) =>
            ways
              .map((pattern) => ({ pattern, value: valueOfPattern(layer, patterns[pattern - 1]) }))
              .reduce((one, other) => (other.value > one.value ? other : one), { pattern: 0, value: -Infinity }),
          ),
        ),
      );
      const { states } = viterbi({
        stages: layers + 1,
        states: nodeSetCount(levels),
        start: 0,
        score: (stage, from, to) => (stage === 0 ? 0 : moves[stage - 1][from][to].value),
      });
      const chosen = moves.map((layer, i) => patterns[layer[states[i]][states[i + 1]].pattern - 1]);
      const operators = chosen.map((pattern, layer) => membersOf(pattern.edges).map((e) => best[layer][e].operator));
      const found = { patterns: chosen, operators };
      return { genotype: genotypeOf(found), score: scoreOf(found) };
    },
  };
}

/** The largest score from a node set after so many layers to the end, `[layers done][set]`. */
function bestRest(scores: readonly (readonly number[])[], patterns: readonly Pattern[], levels: number): number[][] {
  const sets = nodeSetCount(levels) + 1;
  const rest = [Array<number>(sets).fill(0)];
  for (let layer = scores.length - 1; layer >= 0; layer--) {
    const row = Array<number>(sets).fill(Number.NEGATIVE_INFINITY);
    for (const { edges, inputs, outputs } of patterns)
      row[inputs] = Math.max(row[inputs], scores[layer][edges - 1] + rest[0][outputs]);
    rest.unshift(row);
  }
  return rest;
}
