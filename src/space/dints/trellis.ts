/**
 * @file One layer of DiNTS: its edges between neighbouring levels, the patterns in which they can be on, the node sets that a pattern reads and feeds.
 * @paper dints section 2
 *
 * A pattern is a whole number whose bit e says whether edge e is on; a node set one whose bit d says whether level d is in it. Neither is ever 0.
 */
import type { DintsOperator } from './operators.ts';

/** Levels of the published networks; level d lies at stride 2^(d + 1). */
export const DINTS_LEVELS = 4;

/** An edge of a layer; level 0 is the finest. */
export interface LayerEdge {
  readonly from: number;
  readonly to: number;
}

/** An edge that is on, with the operator that it computes. */
export interface DintsEdge extends LayerEdge {
  readonly operator: DintsOperator;
}

/** A pattern with the node sets at its two ends. */
export interface Pattern {
  /** Set of edges; 1 to 2^edges - 1. */
  readonly edges: number;
  /** Set of levels that its edges read. */
  readonly inputs: number;
  /** Set of levels that its edges feed. */
  readonly outputs: number;
}

/** The edges of a layer by the level they feed, then the level they read: 10 at 4 levels. */
export const layerEdges = (levels: number): LayerEdge[] =>
  Array.from({ length: levels }, (_, to) =>
    [to - 1, to, to + 1].filter((from) => from >= 0 && from < levels).map((from) => ({ from, to })),
  ).flat();

/** Number of edges of a layer: 10 at 4 levels. */
export const layerEdgeCount = (levels: number): number => 3 * levels - 2;

/** The number of levels whose layer has so many edges, or undefined when none has. */
export const levelsOf = (edges: number): number | undefined => {
  const levels = (edges + 2) / 3;
  return Number.isInteger(levels) && levels >= 1 ? levels : undefined;
};

/** Number of patterns: 1,023 at 4 levels. */
export const patternCount = (levels: number): number => 2 ** layerEdgeCount(levels) - 1;

/** Number of node sets: 15 at 4 levels. */
export const nodeSetCount = (levels: number): number => 2 ** levels - 1;

/** Numbers of the bits of a set, ascending: the edges of a pattern, the levels of a node set. */
export function membersOf(set: number): number[] {
  const members: number[] = [];
  for (let rest = set, i = 0; rest > 0; rest >>= 1, i++) if (rest & 1) members.push(i);
  return members;
}

/** The set of some numbers, each from 0 to 30. */
export const setOf = (members: Iterable<number>): number => {
  let set = 0;
  for (const member of members) set |= 1 << member;
  return set;
};

/** The pattern of a list of edges. */
export function patternOf(levels: number, edges: readonly LayerEdge[]): number {
  const all = layerEdges(levels);
  return setOf(edges.map((edge) => all.findIndex(({ from, to }) => from === edge.from && to === edge.to)));
}

/** Every pattern in order: pattern j + 1 is at j. */
export function layerPatterns(levels: number): Pattern[] {
  const edges = layerEdges(levels);
  return Array.from({ length: patternCount(levels) }, (_, j) => {
    const on = membersOf(j + 1).map((e) => edges[e]);
    return { edges: j + 1, inputs: setOf(on.map(({ from }) => from)), outputs: setOf(on.map(({ to }) => to)) };
  });
}

/**
 * The patterns that lead from one node set to another, ascending: `[inputs - 1][outputs - 1][...]`. A sequence of patterns is feasible when each reads
 * exactly the set that the one before it feeds, so these are the moves of a trellis whose states are the node sets. @paper dints section 5
 */
export function patternTransitions(levels: number): number[][][] {
  const sets = nodeSetCount(levels);
  const table = Array.from({ length: sets }, () => Array.from({ length: sets }, (): number[] => []));
  for (const { edges, inputs, outputs } of layerPatterns(levels)) table[inputs - 1][outputs - 1].push(edges);
  return table;
}
