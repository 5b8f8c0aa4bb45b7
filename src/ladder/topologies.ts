/**
 * @file Hand-made topologies in the trellis of DiNTS: U-shaped paths with skips, hourglasses, and nets that keep every level alive.
 */
import type { DintsOperator } from '../space/dints/operators.ts';
import type { DintsEdge } from '../space/dints/trellis.ts';
import { createDintsGenotype, type DintsGenotype } from '../space/genotype.ts';

type Layer = DintsEdge[];

const edge = (from: number, to: number, operator: DintsOperator): DintsEdge => ({ from, to, operator });

/** Edges of a layer in the order of the genotype: by the level they feed, then the level they read. */
const ordered = (edges: Layer): Layer => edges.sort((a, b) => a.to - b.to || a.from - b.from);

/**
 * A U: down to the coarsest of `levels` and up again, a convolution on every move, what was known at a level handed on by skips. `bottom` convolutions
 * stay at the coarsest level.
 */
export function uTopology(levels: number, bottom = 1): Layer[] {
  const layers: Layer[] = [];
  const skips = (below: number) => Array.from({ length: below }, (_, level) => edge(level, level, 'skip'));
  // One convolution at a level before it is left, so that what is handed on was looked at.
  for (let level = 0; level < levels - 1; level++)
    layers.push(ordered([...skips(level), edge(level, level, 'conv3'), edge(level, level + 1, 'conv3')]));
  for (let i = 0; i < bottom; i++) layers.push(ordered([...skips(levels - 1), edge(levels - 1, levels - 1, 'conv3')]));
  for (let level = levels - 1; level > 0; level--)
    layers.push(ordered([...skips(level), edge(level, level - 1, 'conv3')]));
  layers.push([edge(0, 0, 'conv3')]);
  return layers;
}

/** Two U's one behind the other. */
export const hourglassTopology = (levels: number): Layer[] => {
  const once = uTopology(levels);
  return [...once.slice(0, -1), ...once];
};

/** One level more with every layer, all of them kept and mixed with their neighbours, as an HRNet does; `layers` at least `levels`. */
export function parallelTopology(levels: number, layers: number): Layer[] {
  return Array.from({ length: layers }, (_, layer) => {
    const alive = Math.min(levels, layer + 1);
    const edges: Layer = [];
    for (let level = 0; level < alive; level++) {
      edges.push(edge(level, level, 'conv3'));
      if (level + 1 < alive) edges.push(edge(level + 1, level, 'skip'));
    }
    if (alive < levels && layer + 1 < layers) edges.push(edge(alive - 1, alive, 'conv3'));
    else if (alive > 1) edges.push(edge(alive - 2, alive - 1, 'conv3'));
    return ordered(edges);
  });
}

/** Some paths through the levels at once, each a level for the input and for every layer; where two meet their edges are one. */
export function unionOfPaths(paths: readonly (readonly number[])[], operatorOf: () => DintsOperator): Layer[] {
  const layers = paths[0].length - 1;
  return Array.from({ length: layers }, (_, layer) => {
    const edges = new Map<string, DintsEdge>();
    for (const path of paths) {
      const [from, to] = [path[layer], path[layer + 1]];
      if (!edges.has(`${from} ${to}`)) edges.set(`${from} ${to}`, edge(from, to, operatorOf()));
    }
    return ordered([...edges.values()]);
  });
}

/** A topology as a genotype. */
export const asDints = (rank: 2 | 3, levels: number, topology: Layer[], origin: string): DintsGenotype =>
  createDintsGenotype({ rank, levels, filters: 16, topology, provenance: { origin } });
