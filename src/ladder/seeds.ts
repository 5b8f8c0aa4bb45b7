/**
 * @file The first candidates of a race: a third made by hand, those that searches found, variations of the hand-made ones, and random ones that lie far apart
 * in what decides: the level at which they compute, their finest stride, their parameters.
 */
import type { Random } from '../base/random.ts';
import { type Architecture, isGenotype } from '../models/architecture.ts';
import { NETWORKS } from '../models/baselines/networks.ts';
import { findArchitecture } from '../models/registry.ts';
import { DINTS_OPERATOR_NAMES } from '../space/dints/operators.ts';
import { randomDints } from '../space/dints/random.ts';
import { dintsUnet } from '../space/dints/unet.ts';
import { randomGenotype } from '../space/genotype.ts';
import { NORMS, STANDARD_NORM } from '../space/norm.ts';
import { STANDARD_START, START_STRIDES, type StartStride } from '../space/start.ts';
import { architectureKey, type Candidate, type Fit } from './candidate.ts';
import { breed } from './mutate.ts';
import { fitted, idAt, type Proposal } from './proposal.ts';
import { asDints, hourglassTopology, parallelTopology, unionOfPaths } from './topologies.ts';

/** Random architectures that are fitted for each that is taken. */
const DRAWN_FOR_ONE = 4;

/** Names of the registry, the likeliest first; `U path`, `hourglass` and `parallel` are topologies of DiNTS, with levels and start stride. */
const HAND_MADE = [
  'unet:levels=4:start=2',
  'U path:4:2',
  'unet:levels=5:start=1',
  'resunet:levels=4:start=2',
  'deeplabv3plus',
  'U path:4:1',
  'unet-path:8',
  'hourglass:3:2',
  'unet:levels=3:start=4',
  'auto-deeplab-s',
  'parallel:4:2',
  'U path:3:2',
  'unet:levels=4:start=1',
  'deeplabv3-path',
  'resunet:levels=5:start=1',
  'dints-cvpr2021',
  'U path:3:4',
  'stacked-hourglass-path',
  'unet:levels=3:start=2',
  'hourglass:4:2',
  'conv-deconv-path',
  'parallel:3:1',
  'unet:levels=3:start=1',
  'deeplabv3',
  'auto-deeplab-m',
] as const;

/** Networks made by hand for data of a rank, the likeliest first: the race takes the first ones that fit. */
export const handMade = (rank: 2 | 3): Proposal[] =>
  HAND_MADE.flatMap((name) => {
    const architecture = trellisNet(name, rank) ?? (findArchitecture(name) as Architecture);
    const ranks: readonly number[] = isGenotype(architecture)
      ? [architecture.rank]
      : NETWORKS[architecture.network].ranks;
    return ranks.includes(rank) ? [{ name, origin: 'hand-made' as const, architecture }] : [];
  });

/** A hand-made topology of DiNTS as a genotype, so that its children may differ in an edge. */
function trellisNet(name: string, rank: 2 | 3): Architecture | undefined {
  const [kind, ...numbers] = name.split(':');
  const [levels, start] = numbers.map(Number) as [number, StartStride];
  const space = { rank, levels, start };
  switch (kind) {
    case 'U path':
      return asDints(
        space,
        dintsUnet({ rank, levels, filters: 16 }).topology.map((edges) => [...edges]),
        name,
      );
    case 'hourglass':
      return asDints(space, hourglassTopology(levels), name);
    case 'parallel':
      return asDints(space, parallelTopology(levels, levels + 3), name);
    default:
      return undefined;
  }
}

/** A random architecture of either space: uniform as the papers draw it, or a few paths at once, which is sparser. */
export function randomProposal(rank: 2 | 3, random: Random): Proposal {
  const kind = random.integer(rank === 2 ? 3 : 2);
  const start = START_STRIDES[random.integer(START_STRIDES.length)];
  const origin = 'random' as const;
  // Of volumes a batch is too small for its statistics.
  const norm = rank === 3 ? 'instance' : NORMS[random.integer(NORMS.length)];
  if (kind === 2) {
    const blocks = 2 + random.integer(3);
    const genotype = randomGenotype({ layers: 4 + random.integer(7), blocks, filters: 20 }, random);
    const architecture = {
      ...genotype,
      ...(start === STANDARD_START['auto-deeplab'] ? {} : { start }),
      ...(norm === STANDARD_NORM['auto-deeplab'] ? {} : { norm }),
    };
    return { name: 'random cell and path', origin, architecture };
  }
  const levels = 3 + random.integer(2);
  const layers = levels + 1 + random.integer(5);
  const space = { rank, levels, start, norm };
  if (kind === 1) {
    const { topology } = randomDints({ rank, levels, layers, filters: 16 }, random);
    const name = 'random topology';
    return {
      name,
      origin,
      architecture: asDints(
        space,
        topology.map((edges) => [...edges]),
        name,
      ),
    };
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
  const name = 'random paths';
  return { name, origin, architecture: asDints(space, unionOfPaths(paths, operator), name) };
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

/**
 * The first candidates with ids `c01`, `c02`, ...: those found by searches, a third made by hand, of the rest half one step away from these and half random:
 * good networks lie near good ones. Fewer where no more fit the budget.
 */
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
  const byHand = accepted.filter(({ origin }) => origin === 'hand-made');
  const near = Math.floor((count - accepted.length) / 2);
  for (const child of breed(byHand, accepted, { count: near, macro: true, fit, random })) {
    keys.add(architectureKey(child.architecture));
    accepted.push(child);
  }
  const wanted = count - accepted.length;
  const pool: Candidate[] = [];
  for (let tries = 0; pool.length < DRAWN_FOR_ONE * wanted && tries < 4 * DRAWN_FOR_ONE * wanted; tries++) {
    const candidate = fitted(randomProposal(rank, random), '', fit, keys);
    if (candidate) pool.push(candidate);
  }
  for (const candidate of farApart(pool, wanted)) accepted.push({ ...candidate, id: idAt(accepted.length) });
  return accepted;
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
