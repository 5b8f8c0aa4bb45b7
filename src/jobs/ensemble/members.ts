/**
 * @file The networks of one run or of several, which then are one: the mean of their softmax, or of the sigmoids of regions. They must agree on everything that is not their weights.
 */
import { isDeepStrictEqual } from 'node:util';
import { ConfigError } from '../../base/errors.ts';
import { namedRegions } from '../../data/regions/named.ts';
import { outputsOf } from '../../data/regions/regions.ts';
import type { Generator } from '../../engine/device.ts';
import type { Tensor } from '../../engine/tensor.ts';
import { meanOfNetworks } from '../../infer/ensemble.ts';
import { type Infer, reduced } from '../../infer/inference.ts';
import type { Network } from '../../models/network.ts';
import { openRunFolder, type RunFolder } from '../../run/folder.ts';
import { loadNetwork, type NetworkDescription } from '../network.ts';
import { runsOf } from './runs.ts';

/** A network and the run that it is of. */
export interface Member {
  readonly folder: RunFolder;
  readonly network: Network;
  readonly description: NetworkDescription;
}

/** One network or several as one. */
export interface Ensemble {
  /** In the order in which they were named; the first gives classes, data and folder. */
  readonly members: readonly [Member, ...Member[]];
  /** What holds for all; of volumes the classes (or regions) are those of which more than half of the members keep the largest component. */
  readonly description: NetworkDescription;
  /** Logits of the whole, at the size of the images. `each` is called around every pass of a member. */
  forward(each?: (pass: () => Tensor) => Tensor): Infer;
  /** Frees the weights. */
  free(): void;
}

/**
 * The networks of `run`, which is one run or several between commas.
 * @throws ConfigError when they differ in classes or in what they read; DataError where a run is none.
 */
export function loadMembers(
  run: string | readonly string[],
  checkpoint: 'best' | 'last',
  generator: Generator,
  device: string,
): Ensemble {
  const folders = runsOf(run).map(openRunFolder);
  const members = folders.map((folder) => ({ folder, ...loadNetwork(folder, checkpoint, generator, device) }));
  const [first, ...others] = members;
  for (const other of others) requireAlike(first, other);
  return withNetworks([first, ...others]);
}

/** Networks that are alike as one. */
export const withNetworks = (members: readonly Member[]): Ensemble => ({
  members: members as Ensemble['members'],
  description: common(members.map(({ description }) => description)),
  forward: (each = (pass) => pass()) =>
    meanOfNetworks(
      members.map(({ network, description: { reduction, longSide } }) =>
        reduced((images) => each(() => network.forward(images, { training: false })), reduction, longSide),
      ),
      members[0].description.regions !== undefined,
    ),
  free: () => {
    for (const { network } of members) network.parameters.free();
  },
});

/** @throws ConfigError that lists what two members have different. */
function requireAlike(first: Member, other: Member): void {
  const facts = ({ description: { classes, regions, volumes, images } }: Member): Record<string, unknown> => ({
    classes: classes.map(({ name }) => name),
    regions: namedRegions({ classes, regions }),
    reads: volumes ? 'volumes' : 'images',
    modalities: volumes?.modalities,
    preparation: volumes?.preparation,
    window: volumes?.window,
    channels: images,
  });
  const [own, others] = [facts(first), facts(other)];
  const different = Object.keys(own).filter((key) => !isDeepStrictEqual(own[key], others[key]));
  if (different.length === 0) return;
  const said = different.map((key) => `${key} ${JSON.stringify(own[key])} and ${JSON.stringify(others[key])}`);
  throw new ConfigError(
    `run: ${first.folder.path} and ${other.folder.path} differ: ${said.join('; ')}`,
    'an ensemble takes runs of the same classes, preparation and patch',
  );
}

function common(descriptions: readonly NetworkDescription[]): NetworkDescription {
  const [first] = descriptions;
  const { volumes } = first;
  if (!volumes || descriptions.length === 1) return first;
  const votes = (id: number) =>
    descriptions.filter((one) => one.volumes?.largestComponents.includes(id) === true).length;
  const largestComponents = [...outputsOf(first).keys()].filter((id) => 2 * votes(id) > descriptions.length);
  return { ...first, volumes: { ...volumes, largestComponents } };
}
