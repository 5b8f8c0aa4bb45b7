/**
 * @file The network of a run: what it is made of (`network.json`), its weights and its classes.
 */
import { existsSync, readFileSync } from 'node:fs';
import { DataError } from '../base/errors.ts';
import { parseJson } from '../base/json.ts';
import { readTextFile } from '../base/textFile.ts';
import type { MeasuredChannels } from '../data/channels/format.ts';
import type { Region, SegmentationClass } from '../data/types.ts';
import type { Generator } from '../engine/device.ts';
import type { VolumeDescription } from '../infer/segment.ts';
import { type Architecture, type BuildOptions, buildArchitecture, parseArchitecture } from '../models/architecture.ts';
import { createNetwork, type Network, type NetworkOptions } from '../models/network.ts';
import { type Origin, ParameterSet } from '../nn/parameters.ts';
import { loadCheckpoint } from '../run/checkpoint.ts';
import { writeAtomically } from '../run/files.ts';
import type { RunFolder } from '../run/folder.ts';
import { readSafetensors } from '../run/safetensors.ts';
import { restoreTensors } from './checkpoint/tensors.ts';
import { AVERAGE, WEIGHTS } from './checkpoint/training.ts';
import { requireNetworkFile, requireStored } from './networkFile.ts';

/** Everything that the weights do not say. */
export interface NetworkDescription {
  readonly architecture: Architecture;
  readonly options: BuildOptions;
  /** Of the label files and of written predictions. */
  readonly classes: readonly SegmentationClass[];
  /** Where the outputs are regions: one for each. */
  readonly regions?: readonly Region[];
  /** For each class the value that a benchmark expects in a submission; the first runs have none. */
  readonly submissionValues?: readonly number[];
  /** Images are read at 1 / reduction of their size. */
  readonly reduction: number;
  /** Images are first resized to so many pixels on their longer side. */
  readonly longSide?: number;
  /** Absent for images. */
  readonly volumes?: VolumeDescription;
  /** Of images that are not 8-bit RGB: their channels, and how they are normalised. */
  readonly images?: MeasuredChannels;
}

/** What decides the graph. */
export type NetworkPlan = Pick<NetworkDescription, 'architecture' | 'options'>;

/** A network with fresh weights. */
export function createDescribed(
  { architecture, options: size }: NetworkPlan,
  generator: Generator,
  device: string,
  { sumOverRanks, ...options }: NetworkOptions & Pick<Origin, 'sumOverRanks'> = {},
): Network {
  return createNetwork(
    buildArchitecture(architecture, size),
    new ParameterSet({ generator: generator.id, device, ...(sumOverRanks ? { sumOverRanks } : {}) }),
    options,
  );
}

export function saveDescription(folder: RunFolder, description: NetworkDescription): void {
  writeAtomically(folder.network, formatDescription(description));
}

/** The text of `network.json`. */
export const formatDescription = (description: NetworkDescription): string =>
  `${JSON.stringify(description, null, 1)}\n`;

export function loadDescription({ network: file }: Pick<RunFolder, 'network'>): NetworkDescription {
  let value: NetworkDescription & { genotype?: unknown };
  try {
    value = parseJson(readTextFile(file)) as NetworkDescription;
  } catch (error) {
    throw new DataError(
      `${file}: cannot be read (${(error as Error).message})`,
      'give the folder of a run of espalier train',
    );
  }
  requireNetworkFile(value, file);
  // The first runs had genotypes only, under that name.
  const { genotype, architecture = genotype, ...rest } = value;
  return { ...rest, architecture: parseArchitecture(architecture, file) };
}

/** The trained network of a run: its averaged weights where it has them. */
export function loadNetwork(
  folder: RunFolder,
  which: 'best' | 'last',
  generator: Generator,
  device: string,
): { network: Network; description: NetworkDescription } {
  const description = loadDescription(folder);
  const { tensors, prefix } = loadWeights(folder, which);
  const stored = Object.entries(tensors).filter(([name]) => name.startsWith(prefix));
  requireStored(
    buildArchitecture(description.architecture, description.options),
    stored.reduce((total, [, { shape }]) => total + shape.reduce((a, b) => a * b, 1), 0),
    folder.network,
  );
  const network = createDescribed(description, generator, device);
  restoreTensors(network.parameters.entries(), tensors, prefix);
  return { network, description };
}

/** The stored tensors of a run and the prefix of those that are evaluated. */
export function loadWeights(folder: RunFolder, which: 'best' | 'last') {
  if (existsSync(folder.exported)) {
    const { tensors } = readSafetensors(readFileSync(folder.exported), folder.exported);
    return { tensors, prefix: '' };
  }
  const { tensors } = loadCheckpoint(folder[which]);
  const averaged = Object.keys(tensors).some((name) => name.startsWith(AVERAGE));
  return { tensors, prefix: averaged ? AVERAGE : WEIGHTS };
}
