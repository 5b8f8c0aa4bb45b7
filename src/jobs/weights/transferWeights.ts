/**
 * @file The weights of one run as the start of another: everything below the logits as it is, logits by the names of their classes or regions.
 */
import { ConfigError } from '../../base/errors.ts';
import { describeChannels, type MeasuredChannels } from '../../data/channels/format.ts';
import { outputNames } from '../../data/regions/regions.ts';
import { listNames } from '../../data/splits.ts';
import type { Tensor } from '../../engine/tensor.ts';
import type { NetworkGraph } from '../../models/graph.ts';
import type { Network } from '../../models/network.ts';
import type { RunFolder } from '../../run/folder.ts';
import type { StoredTensor } from '../../run/safetensors.ts';
import { restoreTensors, storeTensors } from '../checkpoint/tensors.ts';
import { loadDescription, loadWeights, type NetworkDescription } from '../network.ts';

/** What a transfer did with the logits. */
export interface Transfer {
  /** Classes of both networks, which keep their rows. */
  readonly kept: readonly string[];
  /** Classes of the new network alone, whose rows are as they were initialised. */
  readonly fresh: readonly string[];
}

/**
 * Copies the best weights of a run into a network of the same architecture. The tensors of the logits go row by row: a class that both have by name keeps
 * its row, wherever it stands; others keep their first values.
 * @throws DataError when the networks differ in more than the classes, ConfigError when they read other modalities or channels.
 */
export function transferWeights(
  folder: RunFolder,
  network: Network,
  description: Pick<NetworkDescription, 'classes' | 'regions' | 'volumes' | 'images'>,
): Transfer {
  const source = loadDescription(folder);
  requireSameModalities(source, description.volumes?.modalities ?? []);
  requireSameChannels(source, description.images);
  const [before, after] = [source, description].map(outputNames);
  const { tensors, prefix } = loadWeights(folder, 'best');
  const heads = logitsOf(network.graph).flatMap((name) => [`${name}.weight`, `${name}.bias`]);
  const entries = network.parameters.entries();
  const stored = { ...tensors };
  for (const name of heads) {
    const [own, found] = [entries.get(name), tensors[prefix + name]];
    if (own && found) stored[prefix + name] = rowsByName(own, found, before, after);
  }
  restoreTensors(entries, stored, prefix);
  return {
    kept: after.filter((name) => before.includes(name)),
    fresh: after.filter((name) => !before.includes(name)),
  };
}

/** Channels go by their order: weights of the first convolution that belong to another modality would start nowhere. */
function requireSameModalities({ volumes }: NetworkDescription, wanted: readonly string[]): void {
  const own = volumes?.modalities ?? [];
  if (own.join('\n') === wanted.join('\n') || own.length !== wanted.length) return;
  throw new ConfigError(
    `from: the run reads the modalities ${listNames(own)}, the data have ${listNames(wanted)}`,
    'name and order the channels of the data as those of the run',
  );
}

/** Samples of another type or order would mean something else to the first convolution. */
function requireSameChannels({ images: own }: NetworkDescription, wanted: MeasuredChannels | undefined): void {
  const [run, data] = [own, wanted].map((channels) => (channels ? describeChannels(channels) : '8-bit RGB'));
  if (run === data) return;
  throw new ConfigError(
    `from: the run reads images of ${run}, the data have ${data}`,
    'name and order the channels of the data as those of the run',
  );
}

/** The convolutions whose outputs are logits or are summed to logits, of deep supervision too, by the path of their weights. */
export function logitsOf({ nodes, auxiliary = [] }: NetworkGraph): string[] {
  const namesOf = (start: number): string[] => {
    const node = nodes[start];
    if (node.kind === 'resize') return namesOf(node.inputs[0]);
    if (node.kind === 'add') return node.inputs.flatMap(namesOf);
    if (node.kind !== 'convolution') throw new RangeError(`logits of a ${node.kind}`);
    return [node.name];
  };
  return [nodes.length - 1, ...auxiliary].flatMap(namesOf);
}

/** The rows of the classes that the stored tensor has, and those of `own` for the others. */
export function rowsByName(
  own: Tensor,
  stored: StoredTensor,
  before: readonly string[],
  after: readonly string[],
): StoredTensor {
  const initial = storeTensors(new Map([['', own]]))[''];
  const comparable =
    stored.dtype === initial.dtype &&
    stored.shape[0] === before.length &&
    stored.shape.slice(1).join() === initial.shape.slice(1).join();
  // What differs in more than its rows is refused with its shapes when it is restored.
  if (!comparable) return stored;
  const data = Uint8Array.from(initial.data);
  const row = data.length / after.length;
  for (const [id, name] of after.entries()) {
    const from = before.indexOf(name);
    if (from >= 0) data.set(stored.data.subarray(from * row, (from + 1) * row), id * row);
  }
  return { ...initial, data };
}
