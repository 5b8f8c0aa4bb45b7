/**
 * @file The network of a run: what it is made of (`network.json`), its weights, and the classes it tells apart.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../base/errors.ts';
import type { SegmentationClass } from '../data/types.ts';
import type { Generator } from '../engine/device.ts';
import { type AutoDeepLabOptions, buildAutoDeepLab } from '../models/autoDeepLab.ts';
import { buildDints } from '../models/dints.ts';
import type { NetworkGraph } from '../models/graph.ts';
import { createNetwork, type Network, type NetworkOptions } from '../models/network.ts';
import { ParameterSet } from '../nn/parameters.ts';
import { loadCheckpoint } from '../run/checkpoint.ts';
import { writeAtomically } from '../run/files.ts';
import type { RunFolder } from '../run/folder.ts';
import { type Genotype, parseGenotype } from '../space/genotype.ts';
import { restoreTensors } from './state.ts';
import { AVERAGE, WEIGHTS } from './trainState.ts';

/** Everything that the weights do not say. */
export interface NetworkDescription {
  readonly genotype: Genotype;
  readonly options: AutoDeepLabOptions;
  readonly classes: readonly SegmentationClass[];
  /** Pictures are read at 1 / reduction of their size. */
  readonly reduction: number;
}

export function buildGraph({ genotype, options }: Pick<NetworkDescription, 'genotype' | 'options'>): NetworkGraph {
  switch (genotype.method) {
    case 'auto-deeplab':
      return buildAutoDeepLab(genotype, options);
    case 'dints':
      return buildDints(genotype, options);
    default:
      return genotype satisfies never;
  }
}

/** A network with fresh weights. */
export function createDescribed(
  description: Pick<NetworkDescription, 'genotype' | 'options'>,
  generator: Generator,
  device: string,
  options: NetworkOptions = {},
): Network {
  return createNetwork(buildGraph(description), new ParameterSet({ generator: generator.id, device }), options);
}

const file = (folder: RunFolder) => join(folder.path, 'network.json');

export function saveDescription(folder: RunFolder, description: NetworkDescription): void {
  writeAtomically(file(folder), `${JSON.stringify(description, null, 1)}\n`);
}

export function loadDescription(folder: RunFolder): NetworkDescription {
  let value: NetworkDescription;
  try {
    value = JSON.parse(readFileSync(file(folder), 'utf8')) as NetworkDescription;
  } catch (error) {
    throw new DataError(
      `${file(folder)}: cannot be read (${(error as Error).message})`,
      'give the folder of a run of espalier train',
    );
  }
  return { ...value, genotype: parseGenotype(value.genotype, file(folder)) };
}

/** The trained network of a run: its averaged weights where it has them. */
export function loadNetwork(
  folder: RunFolder,
  which: 'best' | 'last',
  generator: Generator,
  device: string,
): { network: Network; description: NetworkDescription } {
  const description = loadDescription(folder);
  const network = createDescribed(description, generator, device);
  const { tensors } = loadCheckpoint(folder[which]);
  const averaged = Object.keys(tensors).some((name) => name.startsWith(AVERAGE));
  restoreTensors(network.parameters.entries(), tensors, averaged ? AVERAGE : WEIGHTS);
  return { network, description };
}
