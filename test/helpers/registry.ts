/** @file Every architecture that tests of all networks loop over: the names of the registry, start strides that are not the standard ones, and options that change what a network is. */
import { type Architecture, isGenotype } from '../../src/models/architecture.ts';
import { NETWORKS } from '../../src/models/baselines/networks.ts';
import { architectureNames, findArchitecture } from '../../src/models/registry.ts';

const STARTED = [
  'unet:levels=3:start=2',
  'unet:levels=3:start=4:startDepth=1',
  'resunet:levels=3:start=4:startDepth=2',
  'dints-unet:levels=3:start=1',
  'dints-unet:levels=2:start=4:startDepth=1',
  'dints-random:1:4x2:start=4',
  'dints-random:1:4x2:start=1x2x4',
  'random:1:4x2:start=1',
  'random:1:4x2:start=2',
  'unet-path:8x3',
  'deeplabv1:norm',
  'deeplabv2:vgg',
  'deeplabv2:vgg:norm',
];

const rowOf = (name: string) => {
  const architecture = findArchitecture(name) as Architecture;
  const ranks: readonly (2 | 3)[] = isGenotype(architecture)
    ? [architecture.rank]
    : NETWORKS[architecture.network].ranks.filter((rank) => rank === 3 || !name.includes('startDepth'));
  return ranks.map((rank) => ({ name, rank, architecture }));
};

/** Name, rank of the data, architecture. */
export const registryCases = [...architectureNames(), ...STARTED].flatMap(rowOf);
