/**
 * @file What a search may cost: limits on the network that it will be trained as, and what parts of such a network add to each of them. Costs are shares
 * of the limits, so that 1 is a budget that is used up.
 */
import { type BuildOptions, buildArchitecture } from '../../models/architecture.ts';
import { countNodes, type GraphNode, inferShapes, type NetworkGraph } from '../../models/graph.ts';
import type { LatencyModel } from '../../models/latency/predict.ts';
import { type LatencyTarget, latencyUnits } from '../../models/latency/units.ts';
import { type Budget, costOf, givenKeys, takenSides } from '../../models/width.ts';
import type { Genotype } from '../../space/genotype.ts';

/** The limits of a search, and the network that they are for. */
export interface SearchBudget {
  readonly limits: Budget;
  /** Widths of the network as it will be trained. */
  readonly options: BuildOptions;
  /** Spatial size of an input. */
  readonly size: readonly number[];
  /** Predicts the parts of a limit of latency. */
  readonly latency?: { readonly model: LatencyModel; readonly target: LatencyTarget };
}

/** Shares of the limits, in the order of `budgetKeys`. */
export type Shares = readonly number[];

/** The keys that are limited. */
export const budgetKeys = ({ limits, latency }: SearchBudget): (keyof Budget)[] =>
  givenKeys(limits, latency && (() => 0));

/** What a genotype costs, exactly: the count of the network as it will be trained. */
export function genotypeShares(genotype: Genotype, budget: SearchBudget): number[] {
  const keys = budgetKeys(budget);
  const { latency } = budget;
  const latencyOf =
    latency && ((graph: NetworkGraph, size: readonly number[]) => latency.model.networkMs(graph, size, latency.target));
  const cost = costOf(buildArchitecture(genotype, budget.options), budget.size, 1, keys, latencyOf);
  return keys.map((key) => cost[key] / (budget.limits[key] as number));
}

const FLOAT_BYTES = 4;

/**
 * What the nodes of a network that are `counted` add. Multiply-adds, parameters and milliseconds add up to those of the network. Peaks of memory do not:
 * a part adds the bytes of its values and of its parameters.
 */
export function partShares(
  graph: NetworkGraph,
  size: readonly number[],
  budget: SearchBudget,
  counted: (node: GraphNode) => boolean = ({ kind }) => kind !== 'input',
): number[] {
  const sides = takenSides(graph, size);
  const costs = countNodes(graph, sides);
  const sum = (nodeCost: (i: number) => number) =>
    graph.nodes.reduce((total, node, i) => (counted(node) ? total + nodeCost(i) : total), 0);
  const bytes = (): number => {
    const shapes = inferShapes(graph, sides);
    return sum(
      (i) =>
        FLOAT_BYTES *
        (costs[i].parameters + shapes[i].size.reduce((product, side) => product * side, shapes[i].channels)),
    );
  };
  const amountOf = (key: keyof Budget): number => {
    if (key === 'multiplyAdds' || key === 'parameters') return sum((i) => costs[i][key]);
    if (key !== 'latencyMs') return bytes();
    const { model, target } = budget.latency as NonNullable<SearchBudget['latency']>;
    return latencyUnits(graph, sides, target).reduce(
      (total, unit) => (counted(graph.nodes[unit.node]) ? total + model.addedMs(unit) : total),
      0,
    );
  };
  return budgetKeys(budget).map((key) => amountOf(key) / (budget.limits[key] as number));
}

/** Sums of shares. */
export const addShares = (...all: readonly Shares[]): number[] =>
  all.reduce<number[]>((sum, shares) => shares.map((share, k) => (sum[k] ?? 0) + share), []);
