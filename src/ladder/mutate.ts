/**
 * @file Children of candidates: one mutation or one crossing each. Macro decisions first: path, edges, layers, options of a network; operators where the
 * race asks for them.
 */
import type { Random } from '../base/random.ts';
import { type Architecture, isGenotype, type OrdinaryNetwork } from '../models/architecture.ts';
import { NETWORKS } from '../models/baselines/networks.ts';
import { DINTS_OPERATOR_NAMES } from '../space/dints/operators.ts';
import { type DintsEdge, layerEdges } from '../space/dints/trellis.ts';
import {
  type AutoDeepLabGenotype,
  createDintsGenotype,
  createGenotype,
  type DintsGenotype,
  type Genotype,
  type GenotypeParts,
} from '../space/genotype.ts';
import { STANDARD_NORM } from '../space/norm.ts';
import { DECODED_OPERATOR_NAMES } from '../space/operators.ts';
import { largestStart, STANDARD_START, START_STRIDES, type StartStride } from '../space/start.ts';
import { LEVELS } from '../space/trellis.ts';
import { architectureKey, type Candidate, type Fit } from './candidate.ts';
import { fitted, idAt } from './proposal.ts';

/** A changed architecture and what is new in it. */
interface Change {
  readonly architecture: Architecture;
  readonly change: string;
}

/** Children that are drawn for one that is taken, where something is preferred. */
const DRAWN_FOR_ONE = 4;
/** Draws that may fail or repeat what exists, a child. */
const TRIES = 60;
/** Share of the macro mutations of a genotype that change its start stride. */
const START_CHANGES = 0.2;
/** And of those that change what its norms average over. */
const NORM_CHANGES = 0.1;
/** Share of the children that are crossings, where two parents can be crossed. */
const CROSSINGS = 0.3;

/** How children are made. */
export interface Breeding {
  readonly count: number;
  /** Whether only path, depth, levels and edges change; otherwise operators. */
  readonly macro: boolean;
  readonly fit: Fit;
  readonly random: Random;
  /** Of several children those with more of this are taken. */
  readonly prefer?: (child: Candidate) => number;
}

/** New candidates from `parents`, the best of which have the most children. None equals any of `everyone`; fewer than `count` where nothing new fits. */
export function breed(
  parents: readonly Candidate[],
  everyone: readonly Candidate[],
  { prefer, ...ways }: Breeding,
): Candidate[] {
  if (!prefer) return draw(parents, everyone, ways);
  const drawn = draw(parents, everyone, { ...ways, count: DRAWN_FOR_ONE * ways.count });
  return [...drawn]
    .sort((a, b) => prefer(b) - prefer(a))
    .slice(0, ways.count)
    .map((child, i) => ({ ...child, id: idAt(everyone.length + i) }));
}

function draw(
  parents: readonly Candidate[],
  everyone: readonly Candidate[],
  { count, macro, fit, random }: Omit<Breeding, 'prefer'>,
): Candidate[] {
  const keys = new Set(everyone.map(({ architecture }) => architectureKey(architecture)));
  const children: Candidate[] = [];
  const tries = parents.length > 0 ? TRIES * count : 0;
  for (let i = 0; children.length < count && i < tries; i++) {
    const parent = parents[Math.min(random.integer(parents.length), random.integer(parents.length))];
    const other = parents[random.integer(parents.length)];
    const crossed =
      other !== parent && random.uniform() < CROSSINGS ? cross(parent.architecture, other.architecture, random) : null;
    const changed = crossed ?? (macro ? mutateMacro : mutateOperators)(parent.architecture, random);
    if (!changed) continue;
    const proposed = {
      name: `child of ${crossed ? `${parent.id} and ${other.id}` : parent.id}`,
      origin: 'child',
      architecture: changed.architecture,
      parents: crossed ? [parent.id, other.id] : [parent.id],
      change: changed.change,
    } as const;
    const child = fitted(proposed, idAt(everyone.length + children.length), fit, keys);
    if (child) children.push(child);
  }
  return children;
}

/** One macro decision changed; null where the draw led nowhere. */
export function mutateMacro(architecture: Architecture, random: Random): Change | null {
  if (!isGenotype(architecture)) return mutateOptions(architecture, random);
  const draw = random.uniform();
  if (draw < START_CHANGES) return mutateStart(architecture, random);
  if (draw < START_CHANGES + NORM_CHANGES) return mutateNorm(architecture);
  return architecture.method === 'dints' ? mutateTopology(architecture, random) : mutatePath(architecture, random);
}

/** One operator, or what it reads, changed; an ordinary network has no operators, so that its options change. */
export function mutateOperators(architecture: Architecture, random: Random): Change | null {
  if (!isGenotype(architecture)) return mutateOptions(architecture, random);
  return architecture.method === 'dints' ? mutateEdgeOperator(architecture, random) : mutateCell(architecture, random);
}

/** The front of one architecture with the rear of another of its kind; null where they do not meet. */
export function cross(a: Architecture, b: Architecture, random: Random): Change | null {
  if (!isGenotype(a) || !isGenotype(b) || a.rank !== b.rank) return null;
  if (a.method === 'dints' && b.method === 'dints') return a.levels === b.levels ? crossTopologies(a, b, random) : null;
  if (a.method === 'auto-deeplab' && b.method === 'auto-deeplab') {
    const architecture = createGenotype({ ...partsOf(a), cell: partsOf(b).cell });
    return { architecture, change: 'the path of one with the cell of the other' };
  }
  return null;
}

/** The next finer or coarser start stride, the same along all axes. */
function mutateStart(genotype: Genotype, random: Random): Change {
  const standard = STANDARD_START[genotype.method];
  const before = largestStart(genotype.start ?? standard) as StartStride;
  const at = START_STRIDES.indexOf(before);
  const near = [START_STRIDES[at - 1], START_STRIDES[at + 1]].filter((stride) => stride !== undefined);
  const next = near[random.integer(near.length)];
  const { start: _, provenance: __, ...rest } = genotype;
  const architecture = next === standard ? rest : { ...rest, start: next };
  return { architecture, change: `start stride from ${before} to ${next}` };
}

/** The other norm. */
function mutateNorm(genotype: Genotype): Change {
  const standard = STANDARD_NORM[genotype.method];
  const { norm = standard, provenance: _, ...rest } = genotype;
  const next = norm === 'batch' ? 'instance' : 'batch';
  return { architecture: next === standard ? rest : { ...rest, norm: next }, change: `${norm} norm to ${next} norm` };
}

function mutateOptions({ network, options }: OrdinaryNetwork, random: Random): Change | null {
  const choices = Object.entries(NETWORKS[network].options as Readonly<Record<string, readonly number[]>>).flatMap(
    ([key, values]) => {
      // The depth of volumes follows the other axes.
      if (key === 'startDepth') return [];
      const sorted = [...values].sort((a, b) => a - b);
      const at = sorted.indexOf(options[key]);
      return [sorted[at - 1], sorted[at + 1]].flatMap((value) => (value === undefined ? [] : [{ key, value }]));
    },
  );
  if (choices.length === 0) return null;
  const { key, value } = choices[random.integer(choices.length)];
  const change = `${key} from ${options[key]} to ${value}`;
  return { architecture: { network, options: { ...options, [key]: value } }, change };
}

function mutateTopology(genotype: DintsGenotype, random: Random): Change | null {
  const { levels, topology } = genotype;
  const at = random.integer(topology.length);
  const layer = topology[at];
  const changed = (layers: readonly (readonly DintsEdge[])[], change: string): Change | null => {
    const pruned = prune(layers);
    return pruned && { architecture: withTopology(genotype, pruned), change };
  };
  switch (random.integer(4)) {
    case 0: {
      const gone = layer[random.integer(layer.length)];
      const rest = topology.map((edges, i) => (i === at ? edges.filter((edge) => edge !== gone) : edges));
      return changed(rest, `without the edge from level ${gone.from} to ${gone.to} in layer ${at + 1}`);
    }
    case 1: {
      const absent = layerEdges(levels).filter(({ from, to }) => !layer.some((e) => e.from === from && e.to === to));
      // Only where both ends are there: an edge from nowhere would be pruned again.
      const [sources, targets] = [
        sourcesOf(layer),
        at + 1 < topology.length ? sourcesOf(topology[at + 1]) : targetsOf(layer),
      ];
      const possible = absent.filter(({ from, to }) => sources.has(from) && targets.has(to));
      if (possible.length === 0) return null;
      const { from, to } = possible[random.integer(possible.length)];
      const more = [...layer, { from, to, operator: 'conv3' as const }].sort((a, b) => a.to - b.to || a.from - b.from);
      return changed(
        topology.map((edges, i) => (i === at ? more : edges)),
        `with an edge from level ${from} to ${to} in layer ${at + 1}`,
      );
    }
    case 2: {
      const alive = [...sourcesOf(layer)].sort();
      const filtered = alive[random.integer(alive.length)];
      const added = alive.map(
        (level): DintsEdge => ({ from: level, to: level, operator: level === filtered ? 'conv3' : 'skip' }),
      );
      return changed([...topology.slice(0, at), added, ...topology.slice(at)], `one layer more, at level ${filtered}`);
    }
    default:
      if (topology.length < 3) return null;
      return changed([...topology.slice(0, at), ...topology.slice(at + 1)], `without layer ${at + 1}`);
  }
}

function mutateEdgeOperator(genotype: DintsGenotype, random: Random): Change {
  const { topology, rank } = genotype;
  const at = random.integer(topology.length);
  const which = random.integer(topology[at].length);
  const { from, to, operator } = topology[at][which];
  const others = DINTS_OPERATOR_NAMES[rank].filter((name) => name !== operator);
  const next = others[random.integer(others.length)];
  const changed = topology.map((edges, i) =>
    i === at ? edges.map((edge, j) => (j === which ? { ...edge, operator: next } : edge)) : edges,
  );
  return {
    architecture: withTopology(genotype, changed),
    change: `${operator} to ${next} from level ${from} to ${to} in layer ${at + 1}`,
  };
}

function crossTopologies(a: DintsGenotype, b: DintsGenotype, random: Random): Change | null {
  const joints = a.topology.flatMap((edges, i) =>
    b.topology.flatMap((others, j) => {
      const meets = i > 0 && j > 0 && sameSet(sourcesOf(edges), sourcesOf(others));
      return meets ? [[i, j] as const] : [];
    }),
  );
  if (joints.length === 0) return null;
  const [i, j] = joints[random.integer(joints.length)];
  const topology = [...a.topology.slice(0, i), ...b.topology.slice(j)];
  return { architecture: withTopology(a, topology), change: `layers 1 to ${i} of one, ${j + 1} on of the other` };
}

function mutatePath(genotype: AutoDeepLabGenotype, random: Random): Change | null {
  const { path } = genotype;
  const at = random.integer(path.length);
  const steps = [random.integer(2) * 2 - 1, 0];
  const changed = (next: readonly number[], change: string): Change | null => {
    const possible =
      next.length >= 2 &&
      next.every((level, i) => level >= 0 && level < LEVELS && Math.abs(level - (next[i - 1] ?? 0)) <= 1);
    return possible ? { architecture: withPath(genotype, next), change } : null;
  };
  switch (random.integer(3)) {
    case 0: {
      const moved = path.map((level, i) => (i === at ? level + steps[0] : level));
      return changed(moved, `layer ${at + 1} from level ${path[at]} to ${moved[at]}`);
    }
    case 1:
      return changed([...path.slice(0, at), path[at], ...path.slice(at)], `one layer more, at level ${path[at]}`);
    default:
      return changed([...path.slice(0, at), ...path.slice(at + 1)], `without layer ${at + 1}`);
  }
}

function mutateCell(genotype: AutoDeepLabGenotype, random: Random): Change {
  const { cell } = genotype;
  const at = random.integer(cell.length);
  const side = random.integer(2);
  const { operator, from } = cell[at].inputs[side];
  const others = DECODED_OPERATOR_NAMES.filter((name) => name !== operator);
  const next = others[random.integer(others.length)];
  const parts = cell.map(({ inputs: [first, second] }, i) => {
    if (i !== at) return [first, second] as const;
    return side === 0
      ? ([{ ...first, operator: next }, second] as const)
      : ([first, { ...second, operator: next }] as const);
  });
  return {
    architecture: createGenotype({ ...partsOf(genotype), cell: parts }),
    change: `${operator} to ${next} on the input ${from} of block ${at + 1}`,
  };
}

const withPath = (genotype: AutoDeepLabGenotype, path: readonly number[]): AutoDeepLabGenotype =>
  createGenotype({ ...partsOf(genotype), path });

/** What a genotype is created from again, without where it comes from. */
const partsOf = ({ rank, filters, atrous, path, start, norm, cell }: AutoDeepLabGenotype): GenotypeParts => ({
  rank,
  filters,
  atrous,
  path,
  start,
  norm,
  cell: cell.map(({ inputs }) => inputs),
});

const withTopology = (
  { rank, levels, filters, start, norm }: DintsGenotype,
  topology: readonly (readonly DintsEdge[])[],
): DintsGenotype => createDintsGenotype({ rank, levels, filters, start, norm, topology });

const sourcesOf = (edges: readonly DintsEdge[]): Set<number> => new Set(edges.map(({ from }) => from));
const targetsOf = (edges: readonly DintsEdge[]): Set<number> => new Set(edges.map(({ to }) => to));
const sameSet = (a: ReadonlySet<number>, b: ReadonlySet<number>): boolean =>
  a.size === b.size && [...a].every((x) => b.has(x));

/** Leaves out edges that read what nobody feeds or feed what nobody reads, until every layer reads exactly what the one before it feeds; null if none is left. */
export function prune(topology: readonly (readonly DintsEdge[])[]): DintsEdge[][] | null {
  let layers = topology.map((edges) => [...edges]);
  for (;;) {
    const before = layers.flat().length;
    layers = layers.map((edges, i) =>
      edges.filter(
        ({ from, to }) =>
          (i === 0 || targetsOf(layers[i - 1]).has(from)) &&
          (i + 1 === layers.length || sourcesOf(layers[i + 1]).has(to)),
      ),
    );
    if (layers.length === 0 || layers.some((edges) => edges.length === 0)) return null;
    if (layers.flat().length === before) return layers;
  }
}
