/**
 * @file Architectures by name: the published sizes, and hand-made paths of the trellis with the published cell.
 */
import { createRandom } from '../base/random.ts';
import { type AutoDeepLabGenotype, createGenotype, type Genotype, randomGenotype } from '../space/genotype.ts';
import { PUBLISHED_FILTERS, publishedGenotype } from '../space/published.ts';
import { NAMED_PATHS } from '../space/trellis.ts';

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

/** A genotype for every name. */
export const ARCHITECTURES: Readonly<Record<string, () => Genotype>> = {
  'auto-deeplab-s': () => publishedGenotype(PUBLISHED_FILTERS.s),
  'auto-deeplab-m': () => publishedGenotype(PUBLISHED_FILTERS.m),
  'auto-deeplab-l': () => publishedGenotype(PUBLISHED_FILTERS.l),
  'deeplabv3-path': () => onPath('deeplabv3-path'),
  'conv-deconv-path': () => onPath('conv-deconv-path'),
  'stacked-hourglass-path': () => onPath('stacked-hourglass-path'),
};

/** The genotype of a name, or undefined. `random` and `random:<seed>[:<layers>x<blocks>]` are drawn uniformly. */
export function findArchitecture(name: string): Genotype | undefined {
  if (Object.hasOwn(ARCHITECTURES, name)) return ARCHITECTURES[name]();
  const match = /^random(?::(\d+))?(?::(\d+)x(\d+))?$/.exec(name);
  if (!match) return undefined;
  const [, seed = '0', layers = '12', blocks = '5'] = match;
  return randomGenotype(
    { layers: Number(layers), blocks: Number(blocks), filters: 20 },
    createRandom(Number(seed), 0x9e40),
  );
}
