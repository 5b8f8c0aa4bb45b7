/**
 * @file Architectures by name: the published sizes, hand-made paths of the trellis with the published cell, random genotypes, and the
 * ordinary networks.
 */
import { createRandom } from '../base/random.ts';
import { PUBLISHED_DINTS_FILTERS, publishedDints } from '../space/dints/published.ts';
import { randomDints } from '../space/dints/random.ts';
import { DINTS_LEVELS } from '../space/dints/trellis.ts';
import {
  type AutoDeepLabGenotype,
  createGenotype,
  type Genotype,
  parseGenotype,
  randomGenotype,
} from '../space/genotype.ts';
import { PUBLISHED_FILTERS, publishedGenotype } from '../space/published.ts';
import { LEVELS, NAMED_PATHS, uPath } from '../space/trellis.ts';
import { type Architecture, parseNetwork } from './architecture.ts';
import { findNetwork, NETWORKS } from './baselines/networks.ts';

/** The published cell on a path. */
function onPath(name: string, path: readonly number[]): AutoDeepLabGenotype {
  const published = publishedGenotype(PUBLISHED_FILTERS.s);
  const cell = published.cell.map(({ inputs }) => inputs);
  return createGenotype({ ...published, cell, path, provenance: { origin: `the published cell on the path ${name}` } });
}

const namedPath = (name: keyof typeof NAMED_PATHS) => () => onPath(name, NAMED_PATHS[name]);

/** Genotypes by name. */
export const GENOTYPES: Readonly<Record<string, () => Genotype>> = {
  'auto-deeplab-s': () => publishedGenotype(PUBLISHED_FILTERS.s),
  'auto-deeplab-m': () => publishedGenotype(PUBLISHED_FILTERS.m),
  'auto-deeplab-l': () => publishedGenotype(PUBLISHED_FILTERS.l),
  'dints-cvpr2021': publishedDints,
  'deeplabv3-path': namedPath('deeplabv3-path'),
  'conv-deconv-path': namedPath('conv-deconv-path'),
  'stacked-hourglass-path': namedPath('stacked-hourglass-path'),
};

/** Every name, for help and for errors. */
export const architectureNames = (): string[] => [
  ...Object.keys(GENOTYPES),
  ...Object.keys(NETWORKS),
  'unet-path',
  'random',
  'dints-random',
];

/**
 * The architecture of a name, or undefined. Options of an ordinary network follow it: `deeplabv3:outputStride=8`, `unet:levels=4:start=2`; one without a
 * value is 1: `deeplabv2:vgg`.
 * `random` and `random:<seed>[:<layers>x<blocks>]` are drawn uniformly from the space of Auto-DeepLab, `dints-random` and
 * `dints-random:<seed>[:<layers>x<levels>]` from that of DiNTS in 3D; `unet-path[:<layers>[x<levels>]]` is the published cell on a path down and up
 * again. Any genotype may start at another stride: `random:3:start=2`, of volumes an axis each: `dints-random:1:start=1x2x2`.
 * @throws ArchitectureError when an option is unknown or has no such value.
 */
export function findArchitecture(name: string): Architecture | undefined {
  const [first, ...options] = name.split(':');
  if (findNetwork(first)) {
    const entries = options.map((option) => option.split('=')).map(([key, value = '1']) => [key, Number(value)]);
    return parseNetwork(first, Object.fromEntries(entries), name);
  }
  const started = /^(.*):start=([^:]*)$/.exec(name);
  const genotype = findGenotype(started ? started[1] : name);
  return genotype && started ? withStart(genotype, started[2], name) : genotype;
}

function findGenotype(name: string): Genotype | undefined {
  if (Object.hasOwn(GENOTYPES, name)) return GENOTYPES[name]();
  const path = /^unet-path(?::(\d{1,3})(?:x([1-4]))?)?$/.exec(name);
  if (path && Number(path[1] ?? 12) >= 1)
    return onPath(name, uPath(Number(path[1] ?? 12), Number(path[2] ?? LEVELS) - 1));
  const match = /^(dints-)?random(?::(\d+))?(?::(\d+)x(\d+))?$/.exec(name);
  if (!match) return undefined;
  const [, dints, seed = '0', layers = '12', size] = match;
  const random = createRandom(Number(seed), 0x9e40);
  if (dints === undefined)
    return randomGenotype({ layers: Number(layers), blocks: Number(size ?? 5), filters: 20 }, random);
  const levels = Number(size ?? DINTS_LEVELS);
  return randomDints({ rank: 3, levels, layers: Number(layers), filters: PUBLISHED_DINTS_FILTERS }, random);
}

/** The genotype from another stride on, `2` or `1x2x2`. */
function withStart(genotype: Genotype, text: string, name: string): Genotype {
  const sides = text.split('x').map(Number);
  return parseGenotype({ ...genotype, start: sides.length === 1 ? sides[0] : sides }, name);
}
