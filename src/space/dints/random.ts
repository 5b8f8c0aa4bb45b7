/**
 * @file A random architecture of DiNTS: the baseline that a search must beat, and what properties are tested on.
 */
import type { Random } from '../../base/random.ts';
import { createDintsGenotype, type DintsGenotype } from '../genotype.ts';
import { DINTS_OPERATOR_NAMES } from './operators.ts';
import { randomTopology } from './topologies.ts';
import { layerEdges, membersOf } from './trellis.ts';

/** Drawn uniformly: the topology from all feasible ones, the operator of every edge. */
export function randomDints(
  space: { rank: 2 | 3; levels: number; layers: number; filters: number },
  random: Random,
): DintsGenotype {
  const { rank, levels, layers, filters } = space;
  const names = DINTS_OPERATOR_NAMES[rank];
  const edges = layerEdges(levels);
  const topology = randomTopology(levels, layers, random).map((pattern) =>
    membersOf(pattern).map((e) => ({ ...edges[e], operator: names[random.integer(names.length)] })),
  );
  return createDintsGenotype({ rank, levels, filters, topology, provenance: { origin: 'uniformly random' } });
}
