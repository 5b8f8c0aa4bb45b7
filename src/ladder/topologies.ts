/**
 * @file Hand-made topologies in the trellis of DiNTS beside the U path: hourglasses, nets that keep every level alive, and unions of paths.
 */
import type { DintsOperator } from '../space/dints/operators.ts';
import type { DintsEdge } from '../space/dints/trellis.ts';
import { dintsUnet } from '../space/dints/unet.ts';
import { createDintsGenotype, type DintsGenotype } from '../space/genotype.ts';
import { type NormOver, STANDARD_NORM } from '../space/norm.ts';
import { STANDARD_START, type StartStride } from '../space/start.ts';

type Layer = DintsEdge[];

const edge = (from: number, to: number, operator: DintsOperator): DintsEdge => ({ from, to, operator });

/** Edges of a layer in the order of the genotype: by the level they feed, then the level they read. */
const ordered = (edges: Layer): Layer => edges.sort((a, b) => a.to - b.to || a.from - b.from);

/** Two U paths one behind the other. */
export const hourglassTopology = (levels: number): Layer[] => {
  const once = dintsUnet({ rank: 2, levels, filters: 16 }).topology.map((edges) => [...edges]);
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

/** A topology as a genotype; with batch norm for images, as U-Nets have it, unless another is asked for. */
export const asDints = (
  {
    rank,
    levels,
    start,
    norm = rank === 2 ? 'batch' : 'instance',
  }: { rank: 2 | 3; levels: number; start: StartStride; norm?: NormOver },
  topology: Layer[],
  origin: string,
): DintsGenotype =>
  createDintsGenotype({
    rank,
    levels,
    filters: 16,
    ...(start === STANDARD_START.dints ? {} : { start }),
    ...(norm === STANDARD_NORM.dints ? {} : { norm }),
    topology,
    provenance: { origin },
  });
