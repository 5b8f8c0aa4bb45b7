/**
 * @file Whole topologies of DiNTS, one pattern a layer: how many are feasible, whether one is, one at random. Counted by dynamic programming over
 * node sets. @paper dints sections 1 and 5
 */
import type { Random } from '../../base/random.ts';
import { layerPatterns, nodeSetCount, patternTransitions } from './trellis.ts';

/** Number of patterns from each node set to each: `[inputs - 1][outputs - 1]`. */
const transitionCounts = (levels: number): number[][] =>
  patternTransitions(levels).map((row) => row.map((patterns) => patterns.length));

/** Number of ordered pairs of patterns where the second reads what the first feeds: 249,999 of 1,023^2 at 4 levels. */
export function countPatternPairs(levels: number): number {
  const counts = transitionCounts(levels);
  const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
  return total(counts.map((leaving, set) => total(leaving) * total(counts.map((row) => row[set]))));
}

/** Number of feasible topologies: about 1.61e30 at 4 levels and 12 layers. */
export function countTopologies(levels: number, layers: number): bigint {
  const counts = transitionCounts(levels);
  let from = Array<bigint>(nodeSetCount(levels)).fill(1n);
  for (let layer = 0; layer < layers; layer++) {
    from = counts.map((row) => row.reduce((sum, count, to) => sum + BigInt(count) * from[to], 0n));
  }
  return from.reduce((sum, count) => sum + count, 0n);
}

/** The node set before the first layer and after every layer of a feasible topology; length layers + 1. */
export function nodeSetsOf(levels: number, topology: readonly number[]): number[] {
  const patterns = layerPatterns(levels);
  return [patterns[topology[0] - 1].inputs, ...topology.map((pattern) => patterns[pattern - 1].outputs)];
}

/** Whether every layer reads exactly the levels that the layer before it feeds. */
export function isFeasible(levels: number, topology: readonly number[]): boolean {
  const patterns = layerPatterns(levels);
  return topology.every(
    (pattern, i) => i === 0 || patterns[pattern - 1].inputs === patterns[topology[i - 1] - 1].outputs,
  );
}

/** A topology drawn uniformly from all feasible ones, one pattern a layer: each move is weighted by the number of topologies behind it. */
export function randomTopology(levels: number, layers: number, random: Random): number[] {
  const transitions = patternTransitions(levels);
  const behind = topologiesFrom(levels, layers);
  // Which of these sets is current is not known before the first layer.
  let current = transitions.map((_, set) => set);
  return behind.map((weights) => {
    const moves = current.flatMap((from) => transitions[from].map((patterns, to) => ({ patterns, to })));
    const { patterns, to } = drawn(moves, ({ patterns, to }) => patterns.length * weights[to], random);
    current = [to];
    return patterns[random.integer(patterns.length)];
  });
}

/** For every layer the number of paths that continue after it from each node set, relative to the largest: no number holds those of many layers. */
function topologiesFrom(levels: number, layers: number): number[][] {
  const counts = transitionCounts(levels);
  const rows = [Array<number>(nodeSetCount(levels)).fill(1)];
  while (rows.length < layers) {
    const after = rows[0];
    const ways = counts.map((row) => row.reduce((sum, count, to) => sum + count * after[to], 0));
    const largest = Math.max(...ways);
    rows.unshift(ways.map((way) => way / largest));
  }
  return rows;
}

/** An item with a probability in proportion to its weight. */
function drawn<Item>(items: readonly Item[], weight: (item: Item) => number, random: Random): Item {
  const possible = items.filter((item) => weight(item) > 0);
  let ticket = random.uniform() * possible.reduce((sum, item) => sum + weight(item), 0);
  const found = possible.find((item) => {
    ticket -= weight(item);
    return ticket < 0;
  });
  return found ?? possible[possible.length - 1];
}
