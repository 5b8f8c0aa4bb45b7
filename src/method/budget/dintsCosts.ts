/**
 * @file What the parts of a network of DiNTS cost: edges with their operators, the stems into the levels that the first layer reads, and the stem out of the
 * coarsest level that the last one feeds.
 */
import { buildDints } from '../../models/dints.ts';
import { DINTS_OPERATOR_NAMES, type DintsOperator } from '../../space/dints/operators.ts';
import { type DintsEdge, type LayerEdge, layerEdges } from '../../space/dints/trellis.ts';
import { createDintsGenotype, type DintsGenotype } from '../../space/genotype.ts';
import { addShares, partShares, type SearchBudget, type Shares } from './searchBudget.ts';

/** The space whose parts are counted. */
export interface EdgeSpace {
  readonly rank: 2 | 3;
  readonly levels: number;
  readonly filters: number;
}

/** Costs of parts; levels from the finest. */
export interface DintsCosts {
  /** `[edge][operator]`, the same in every layer. */
  readonly edges: readonly (readonly Shares[])[];
  /** Into each level. */
  readonly stemsIn: readonly Shares[];
  /** Where a level is the coarsest that the last layer feeds. */
  readonly stemsOut: readonly Shares[];
}

/** Counts every part once. */
export function dintsCosts(space: EdgeSpace, budget: SearchBudget): DintsCosts {
  const sharesOf = (edge: DintsEdge, stage: string): number[] => {
    const graph = buildDints(createDintsGenotype({ ...space, topology: [[edge]] }), budget.options);
    return partShares(graph, budget.size, budget, (node) => node.stage === stage);
  };
  const skip = (level: number): DintsEdge => ({ from: level, to: level, operator: 'skip' });
  const levels = Array.from({ length: space.levels }, (_, level) => level);
  return {
    edges: layerEdges(space.levels).map((edge) =>
      DINTS_OPERATOR_NAMES[space.rank].map((operator) => sharesOf({ ...edge, operator }, 'layer1')),
    ),
    stemsIn: levels.map((level) => sharesOf(skip(level), 'stemIn')),
    stemsOut: levels.map((level) => sharesOf(skip(level), 'stemOut')),
  };
}

/** The coarsest level that edges feed. */
export const coarsestFed = (edges: readonly LayerEdge[]): number => Math.max(...edges.map(({ to }) => to));

/** The sum of the parts of a genotype. */
export function sumOfEdges({ topology, levels, rank }: DintsGenotype, costs: DintsCosts): number[] {
  const all = layerEdges(levels);
  const indexOf = ({ from, to }: LayerEdge) => all.findIndex((edge) => edge.from === from && edge.to === to);
  const operatorOf = (name: DintsOperator) => DINTS_OPERATOR_NAMES[rank].indexOf(name);
  const read = new Set(topology[0].map(({ from }) => from));
  return addShares(
    ...topology.flat().map((edge) => costs.edges[indexOf(edge)][operatorOf(edge.operator)]),
    ...[...read].map((level) => costs.stemsIn[level]),
    costs.stemsOut[coarsestFed(topology[topology.length - 1])],
  );
}
