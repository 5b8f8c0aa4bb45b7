/**
 * @file The first candidates of a race: a third made by hand, those that searches found, and random ones that lie far apart in what decides: the level at
 * which they compute, their finest stride, their parameters.
 */
import type { Random } from '../base/random.ts';
import { type Architecture, isGenotype, summariseArchitecture } from '../models/architecture.ts';
import { NETWORKS } from '../models/baselines/networks.ts';
import { findArchitecture, GENOTYPES } from '../models/registry.ts';
import { DINTS_OPERATOR_NAMES } from '../space/dints/operators.ts';
import { randomDints } from '../space/dints/random.ts';
import { randomGenotype } from '../space/genotype.ts';
import { architectureKey, type Candidate, type Fit, type Origin } from './candidate.ts';
import { asDints, hourglassTopology, parallelTopology, unionOfPaths, uTopology } from './topologies.ts';

/** An architecture with a name, before its width is known. */
export interface Proposal {
  readonly name: string;
  readonly origin: Origin;
  readonly architecture: Architecture;
  readonly parents?: readonly string[];
  readonly change?: string;
}

/** Random architectures that are fitted for each that is taken. */
const DRAWN_FOR_ONE = 4;

/** Networks made by hand, the likeliest first: the race takes the first ones that fit. */
export function handMade(rank: 2 | 3): Proposal[] {
  const ordinary = Object.keys(NETWORKS).flatMap((name) => variantsOf(name as keyof typeof NETWORKS, rank));
  const dints = [3, 4].flatMap((levels) => [
    proposal(`U path of ${levels} levels`, asDints(rank, levels, uTopology(levels), 'U path')),
    proposal(`hourglass of ${levels} levels`, asDints(rank, levels, hourglassTopology(levels), 'hourglass')),
    proposal(
      `parallel levels, ${levels} of them`,
      asDints(rank, levels, parallelTopology(levels, levels + 3), 'parallel levels'),
    ),
  ]);
  const published = Object.keys(GENOTYPES).map((name) => proposal(name, findArchitecture(name) as Architecture));
  // In turns, so that few places still hold something of each kind.
  const kinds = [ordinary, dints, published];
  const longest = Math.max(...kinds.map(({ length }) => length));
  return Array.from({ length: longest }, (_, i) => kinds.flatMap((kind) => kind.slice(i, i + 1))).flat();
}

const proposal = (name: string, architecture: Architecture): Proposal => ({ name, origin: 'hand-made', architecture });

/** A row of the table of networks with its options, U-Nets of 3 to 5 levels only; the default values first. */
function variantsOf(name: keyof typeof NETWORKS, rank: 2 | 3): Proposal[] {
  const row = NETWORKS[name];
  if (!(row.ranks as readonly number[]).includes(rank)) return [];
  let grid: Record<string, number>[] = [{}];
  for (const [key, values] of Object.entries(row.options as Readonly<Record<string, readonly number[]>>)) {
    const used = key === 'levels' ? values.filter((levels) => levels >= 3 && levels <= 5) : values;
    grid = used.flatMap((value) => grid.map((options) => ({ ...options, [key]: value })));
  }
  return grid.map((options) => {
    const text = Object.entries(options).map(([key, value]) => `:${key}=${value}`);
    return proposal(`${name}${text.join('')}`, { network: name, options });
  });
}

/** A random architecture of either space: uniform as the papers draw it, or a few paths at once, which is sparser. */
export function randomProposal(rank: 2 | 3, random: Random): Proposal {
  const kind = random.integer(rank === 2 ? 3 : 2);
  const levels = 3 + random.integer(2);
  const layers = levels + 1 + random.integer(5);
  if (kind === 2) {
    const blocks = 2 + random.integer(3);
    const genotype = randomGenotype({ layers: 4 + random.integer(7), blocks, filters: 20 }, random);
    return { name: 'random cell and path', origin: 'random', architecture: genotype };
  }
  if (kind === 1) {
    const genotype = randomDints({ rank, levels, layers, filters: 16 }, random);
    return { name: 'random topology', origin: 'random', architecture: genotype };
  }
  const names = DINTS_OPERATOR_NAMES[rank];
  const walk = (): number[] => {
    const path = [random.integer(levels)];
    while (path.length <= layers) {
      const moved = path[path.length - 1] + random.integer(3) - 1;
      if (moved >= 0 && moved < levels) path.push(moved);
    }
    return path;
  };
  const paths = Array.from({ length: 1 + random.integer(3) }, walk);
  // Mostly convolutions: a net of skips computes nothing.
  const operator = () => (random.uniform() < 0.3 ? 'skip' : names[1 + random.integer(names.length - 1)]);
  const topology = unionOfPaths(paths, operator);
  return { name: 'random paths', origin: 'random', architecture: asDints(rank, levels, topology, 'random paths') };
}

/** What the first candidates are drawn from. */
export interface SeedOptions {
  readonly rank: 2 | 3;
  /** All of them. */
  readonly count: number;
  /** What searches found. */
  readonly searched?: readonly { readonly name: string; readonly architecture: Architecture }[];
  readonly fit: Fit;
  readonly random: Random;
}

/** The first candidates with ids `c01`, `c02`, ...: those found by searches, a third made by hand, the rest random. Fewer where no more fit the budget. */
export function seedCandidates({ rank, count, searched = [], fit, random }: SeedOptions): Candidate[] {
  const found = searched.map(({ name, architecture }): Proposal => ({ name, origin: 'searched', architecture }));
  const accepted: Candidate[] = [];
  const keys = new Set<string>();
  const take = (proposals: Iterable<Proposal>, limit: number): void => {
    for (const each of proposals) {
      if (accepted.length >= limit) return;
      const candidate = fitted(each, idAt(accepted.length), fit, keys);
      if (candidate) accepted.push(candidate);
    }
  };
  take(found, count);
  take(handMade(rank), Math.min(count, accepted.length + Math.max(1, Math.ceil(count / 3))));
  const wanted = count - accepted.length;
  const pool: Candidate[] = [];
  for (let tries = 0; pool.length < DRAWN_FOR_ONE * wanted && tries < 4 * DRAWN_FOR_ONE * wanted; tries++) {
    const candidate = fitted(randomProposal(rank, random), '', fit, keys);
    if (candidate) pool.push(candidate);
  }
  for (const candidate of farApart(pool, wanted)) accepted.push({ ...candidate, id: idAt(accepted.length) });
  return accepted;
}

/** Short names that sort. */
export const idAt = (index: number): string => `c${String(index + 1).padStart(2, '0')}`;

/** A proposal as a candidate, unless nothing of it fits or an equal one is in `keys`, which grows. */
export function fitted(proposed: Proposal, id: string, toBudget: Fit, keys: Set<string>): Candidate | null {
  const key = architectureKey(proposed.architecture);
  if (keys.has(key)) return null;
  const found = toBudget(proposed.architecture);
  if (!found) return null;
  keys.add(key);
  const detail = isGenotype(proposed.architecture) ? `: ${summariseArchitecture(proposed.architecture)}` : '';
  const name = proposed.origin === 'hand-made' ? proposed.name : `${proposed.name}${detail}`;
  return { ...proposed, ...found, id, name };
}

/** `count` of them, each the one farthest from those taken before it, from the middle on. Ranks are compared, so that no unit weighs more. */
function farApart(pool: readonly Candidate[], count: number): Candidate[] {
  const features = [
    ({ macro }: Candidate) => macro.meanLevel,
    ({ macro }: Candidate) => macro.finestStride,
    ({ cost }: Candidate) => cost.parameters,
  ];
  const columns = features.map((feature) => {
    const sorted = pool.map(feature).sort((a, b) => a - b);
    return pool.map((each) => sorted.indexOf(feature(each)) / Math.max(1, pool.length - 1));
  });
  const place = (i: number) => columns.map((column) => column[i]);
  const distance = (a: readonly number[], b: readonly number[]) =>
    Math.hypot(...a.map((value, axis) => value - b[axis]));
  const taken: number[] = [];
  while (taken.length < Math.min(count, pool.length)) {
    let [best, farthest] = [-1, -1];
    for (let i = 0; i < pool.length; i++) {
      if (taken.includes(i)) continue;
      const apart =
        taken.length === 0
          ? 2 - distance(place(i), [0.5, 0.5, 0.5])
          : Math.min(...taken.map((other) => distance(place(i), place(other))));
      if (apart > farthest) [best, farthest] = [i, apart];
    }
    taken.push(best);
  }
  return taken.map((i) => pool[i]);
}
