/**
 * @file Architectures by name: the published sizes, hand-made paths of the trellis with the published cell, random genotypes, and the
 * ordinary networks.
 */
import { createRandom } from '../base/random.ts';
import { type AutoDeepLabGenotype, createGenotype, type Genotype, randomGenotype } from '../space/genotype.ts';
import { PUBLISHED_FILTERS, publishedGenotype } from '../space/published.ts';
import { NAMED_PATHS } from '../space/trellis.ts';
import { type Architecture, parseNetwork } from './architecture.ts';
import { findNetwork, NETWORKS } from './networks.ts';

const onPath = (name: keyof typeof NAMED_PATHS): AutoDeepLabGenotype => {
  const published = publishedGenotype(PUBLISHED_FILTERS.s);
  const cell = published.cell.map(({ inputs }) => inputs);
  return createGenotype({
    ...published,
    cell,
    path: NAMED_PATHS[name],
    provenance: { origin: `the published cell on the path ${name}` },
  });
};

/** Genotypes by name. */
export const GENOTYPES: Readonly<Record<string, () => Genotype>> = {
  'auto-deeplab-s': () => publishedGenotype(PUBLISHED_FILTERS.s),
  'auto-deeplab-m': () => publishedGenotype(PUBLISHED_FILTERS.m),
  'auto-deeplab-l': () => publishedGenotype(PUBLISHED_FILTERS.l),
  'deeplabv3-path': () => onPath('deeplabv3-path'),
  'conv-deconv-path': () => onPath('conv-deconv-path'),
  'stacked-hourglass-path': () => onPath('stacked-hourglass-path'),
};

/** Every name, for help and for errors. */
export const architectureNames = (): string[] => [...Object.keys(GENOTYPES), ...Object.keys(NETWORKS), 'random'];

/**
 * The architecture of a name, or undefined. Options of an ordinary network follow it: `deeplabv3:outputStride=8`.
 * `random` and `random:<seed>[:<layers>x<blocks>]` are drawn uniformly.
 * @throws ArchitectureError when an option is unknown or has no such value.
 */
export function findArchitecture(name: string): Architecture | undefined {
  if (Object.hasOwn(GENOTYPES, name)) return GENOTYPES[name]();
  const [first, ...options] = name.split(':');
  if (findNetwork(first)) {
    const entries = options.map((option) => option.split('=')).map(([key, value]) => [key, Number(value)]);
    return parseNetwork(first, Object.fromEntries(entries), name);
  }
  const match = /^random(?::(\d+))?(?::(\d+)x(\d+))?$/.exec(name);
  if (!match) return undefined;
  const [, seed = '0', layers = '12', blocks = '5'] = match;
  return randomGenotype(
    { layers: Number(layers), blocks: Number(blocks), filters: 20 },
    createRandom(Number(seed), 0x9e40),
  );
}
