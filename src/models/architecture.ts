/**
 * @file An architecture: a genotype that was searched or drawn, or an ordinary network by name. Either becomes a graph here, so that counting,
 * training and shipping need not know which it was.
 */
import { ArchitectureError } from '../base/errors.ts';
import { showShort as show, suggest } from '../base/text.ts';
import { type Genotype, parseGenotype, summariseGenotype } from '../space/genotype.ts';
import { asRecord, isWhole, parseJson } from '../space/genotypeFields.ts';
import { type AutoDeepLabOptions, buildAutoDeepLab } from './autoDeepLab.ts';
import { findNetwork, NETWORKS, type NetworkName, type NetworkRow } from './baselines/networks.ts';
import { buildDints } from './dints.ts';
import type { NetworkGraph } from './graph.ts';

/** A row of the table of networks with its options, all of them. */
export interface OrdinaryNetwork {
  readonly network: NetworkName;
  readonly options: Readonly<Record<string, number>>;
}

/** What a network is built from. */
export type Architecture = Genotype | OrdinaryNetwork;

/** What is decided beside the architecture; what a network has no use for, such as the stem of an ordinary one, is passed over. */
export interface BuildOptions extends AutoDeepLabOptions {
  /** Spatial axes of the data; default: those of the genotype, or 2. */
  rank?: 2 | 3;
  /** Logits also at coarser levels; only the U-Net has them. */
  deepSupervision?: boolean;
  /** Of all norms; default: those of `GraphBuilder`. Instance norms have no momentum. */
  norm?: { readonly epsilon?: number; readonly momentum?: number };
}

export const isGenotype = (architecture: Architecture): architecture is Genotype => 'method' in architecture;

/**
 * The graph of an architecture; its last node gives logits at the input's size.
 * @throws ArchitectureError when it is made for data of another rank.
 */
export function buildArchitecture(architecture: Architecture, options: BuildOptions): NetworkGraph {
  const graph = buildPlain(architecture, options);
  const { norm } = options;
  if (norm === undefined) return graph;
  return { ...graph, nodes: graph.nodes.map((node) => (node.kind === 'norm' ? { ...node, ...norm } : node)) };
}

function buildPlain(architecture: Architecture, options: BuildOptions): NetworkGraph {
  if (isGenotype(architecture)) {
    requireRank(architecture.method, [architecture.rank], options.rank ?? architecture.rank);
    return buildGenotype(architecture, options);
  }
  const { network, options: chosen } = architecture;
  const { rank = 2 } = options;
  requireRank(network, NETWORKS[network].ranks, rank);
  return NETWORKS[network].build({ ...options, rank }, chosen);
}

function buildGenotype(genotype: Genotype, options: BuildOptions): NetworkGraph {
  switch (genotype.method) {
    case 'auto-deeplab':
      return buildAutoDeepLab(genotype, options);
    case 'dints':
      return buildDints(genotype, options);
    default:
      return genotype satisfies never;
  }
}

/**
 * An ordinary network with its options, defaults filled in.
 * @throws ArchitectureError for an unknown name, option or value. `where` is named in it.
 */
export function parseNetwork(name: string, given: Readonly<Record<string, unknown>>, where: string): OrdinaryNetwork {
  const row = findNetwork(name);
  if (!row) throw new ArchitectureError(`${where}: no network "${name}"`, suggest(name, Object.keys(NETWORKS)));
  for (const [key, value] of Object.entries(given)) {
    const values = Object.hasOwn(row.options, key) ? row.options[key] : undefined;
    if (!values)
      throw new ArchitectureError(`${where}: ${name} has no option "${key}"`, suggest(key, Object.keys(row.options)));
    if (!isWhole(value, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY) || !values.includes(value))
      throw new ArchitectureError(`${where}: ${key} is ${show(value)}, expected ${values.join(' or ')}`);
  }
  return { network: name as NetworkName, options: { ...defaultsOf(row), ...(given as Record<string, number>) } };
}

/**
 * An architecture from a JSON text or the value it holds: a genotype file, or `{ "network": name, "options": { ... } }`.
 * @throws ArchitectureError naming `where`.
 */
export function parseArchitecture(content: unknown, where: string): Architecture {
  const value = typeof content === 'string' ? parseJson(content, where) : content;
  const file = asRecord(value);
  if (typeof file?.network !== 'string') return parseGenotype(value, where);
  return parseNetwork(file.network, asRecord(file.options) ?? {}, where);
}

/** An architecture in a few words. */
export function summariseArchitecture(architecture: Architecture): string {
  if (isGenotype(architecture)) return summariseGenotype(architecture);
  const { network, options } = architecture;
  return [NETWORKS[network].summary, ...Object.entries(options).map(([key, value]) => `${key} ${value}`)].join(', ');
}

const defaultsOf = ({ options }: NetworkRow): Record<string, number> =>
  Object.fromEntries(Object.entries(options).map(([key, [value]]) => [key, value]));

function requireRank(name: string, ranks: readonly number[], rank: number): void {
  if (!ranks.includes(rank))
    throw new ArchitectureError(
      `this architecture of ${name} is for data of ${ranks.join(' or ')} spatial axes, the data has ${rank}`,
    );
}
