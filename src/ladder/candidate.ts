/**
 * @file A candidate of a race: an architecture at the widths with which it holds every budget. Where it comes from, what it costs, and a few numbers by
 * which candidates differ.
 */
import { type Architecture, isGenotype } from '../models/architecture.ts';
import { inferShapes, multiplyAddsOf, type NetworkGraph } from '../models/graph.ts';

/** Where a candidate comes from. */
export type Origin = 'hand-made' | 'random' | 'searched' | 'child';

/** What a network costs for one input. */
export interface CandidateCost {
  readonly multiplyAdds: number;
  readonly parameters: number;
  /** Estimated peak bytes of a training step. */
  readonly trainingMemory: number;
}

/** By what candidates differ; the random ones are drawn far apart in these. */
export interface Macro {
  /** Pixels of the input per pixel of the finest features that are computed with, along one axis. */
  readonly finestStride: number;
  /** Stride at which the multiply-adds are spent, as the mean of log2. */
  readonly meanLevel: number;
  /** Convolutions one behind the other on the longest way through. */
  readonly depth: number;
}

/** One network of a race. */
export interface Candidate {
  /** Short and unique in the race; it names the run. */
  readonly id: string;
  /** For people: a name of the registry, or how it was made. */
  readonly name: string;
  readonly origin: Origin;
  readonly architecture: Architecture;
  readonly cost: CandidateCost;
  readonly macro: Macro;
  /** Whether it gives logits at coarser levels too, for deep supervision. */
  readonly auxiliary: boolean;
  /** Ids, of a child. */
  readonly parents?: readonly string[];
  /** What is new in a child, in words. */
  readonly change?: string;
}

/** What an architecture costs at the widths that fit, and how it is shaped. */
export type Fitted = Pick<Candidate, 'cost' | 'macro' | 'auxiliary'>;

/** Brings an architecture to the budgets; null where no width holds them all, or the data cannot be read by it. */
export type Fit = (architecture: Architecture) => Fitted | null;

/** What tells architectures apart: everything but where they come from and how wide they are. */
export function architectureKey(architecture: Architecture): string {
  if (!isGenotype(architecture)) return JSON.stringify(architecture);
  const { provenance: _, filters: __, ...rest } = architecture;
  return JSON.stringify(rest);
}

/** A stride is the finest one when this share of the multiply-adds lies there or finer: a last convolution before the logits makes no fine network. */
const FINEST_SHARE = 0.15;

/** The shape of a network for inputs of `size`. */
export function macroOf(graph: NetworkGraph, size: readonly number[]): Macro {
  const shapes = inferShapes(graph, size);
  const depths: number[] = [];
  const work: { level: number; cost: number }[] = [];
  graph.nodes.forEach((node, i) => {
    const before = Math.max(0, ...node.inputs.map((input) => depths[input]));
    const filters = node.kind === 'convolution' && node.kernel !== 1;
    depths.push(before + (filters ? 1 : 0));
    const cost = multiplyAddsOf(graph, shapes, i);
    const side = size.length - 1;
    if (cost > 0) work.push({ level: Math.log2(size[side] / shapes[i].size[side]), cost });
  });
  const all = work.reduce((sum, { cost }) => sum + cost, 0);
  const sorted = [...work].sort((a, b) => a.level - b.level);
  let passed = 0;
  const finest = sorted.find(({ cost }) => {
    passed += cost;
    return passed >= FINEST_SHARE * all;
  });
  return {
    finestStride: 2 ** Math.round(finest?.level ?? 0),
    meanLevel: all > 0 ? work.reduce((sum, { level, cost }) => sum + level * cost, 0) / all : 0,
    depth: Math.max(0, ...depths),
  };
}
