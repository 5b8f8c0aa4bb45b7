/**
 * @file Ordinary networks by name: what nobody searched for, under the same commands. A new one is a row here.
 */

import type { NetworkGraph } from '../graph.ts';
import type { HeadOptions } from '../head.ts';
import { buildDeepLabV3, buildDeepLabV3Plus } from './deepLab.ts';
import { resnetWidths } from './resnet.ts';
import { buildUnet, UNET_FILTERS, UNET_WIDEST } from './unet.ts';

/** What the data and the settings of a training decide about a network. */
export interface NetworkSize {
  /** Spatial axes of the data. */
  readonly rank: 2 | 3;
  /** Channels of the picture. */
  readonly inputs: number;
  readonly classes: number;
  /** Channels of the first features, from which the others follow; default: the network's own. */
  readonly filters?: number;
  /** Channels of every level, finest first, instead of `filters`. */
  readonly widths?: readonly number[];
  /** Logits also at coarser levels, for a loss there, where the network has such levels. */
  readonly deepSupervision?: boolean;
  /** Widths of the head, where the network has that one. */
  readonly head?: Partial<HeadOptions>;
}

/** How a network of the table is built. */
export interface NetworkRow {
  /** One line for people. */
  readonly summary: string;
  readonly ranks: readonly (2 | 3)[];
  /** Its options with every value they may have, the default first. */
  readonly options: Readonly<Record<string, readonly number[]>>;
  /** Channels of every level, finest first, in the proportions in which a budget scales them. */
  widths(filters: number | undefined, options: Readonly<Record<string, number>>): number[];
  /** The most channels of a level, where the network has such a limit. */
  readonly widest?: Readonly<Record<2 | 3, number>>;
  /** Whether it has the ASPP and the decoder of {@link HeadOptions}, and which of their widths. */
  readonly head: readonly ('aspp' | 'decoder' | 'lowLevel')[];
  /** The graph; the options are complete and valid, the rank is one of `ranks`. */
  build(size: NetworkSize, options: Readonly<Record<string, number>>): NetworkGraph;
}

/** Every ordinary network. */
export const NETWORKS = {
  deeplabv3: {
    summary: 'DeepLabv3 on a ResNet-50',
    ranks: [2],
    options: { outputStride: [16, 8] },
    widths: resnetWidths,
    head: ['aspp', 'decoder'],
    build: (size, { outputStride }) => buildDeepLabV3({ ...size, outputStride }),
  },
  deeplabv3plus: {
    summary: 'DeepLabv3+ on a ResNet-50',
    ranks: [2],
    options: { outputStride: [16, 8] },
    widths: resnetWidths,
    head: ['aspp', 'decoder', 'lowLevel'],
    build: (size, { outputStride }) => buildDeepLabV3Plus({ ...size, outputStride }),
  },
  unet: {
    summary: 'U-Net',
    ranks: [2, 3],
    options: { levels: [5, 2, 3, 4, 6, 7, 8] },
    widths: (filters = UNET_FILTERS, { levels }) => Array.from({ length: levels }, (_, level) => filters * 2 ** level),
    widest: UNET_WIDEST,
    head: [],
    build: ({ rank, ...size }, { levels }) => buildUnet(rank, { ...size, levels }),
  },
} as const satisfies Record<string, NetworkRow>;

/** Name of an ordinary network. */
export type NetworkName = keyof typeof NETWORKS;

/** The row of a name, or undefined. */
export const findNetwork = (name: string): NetworkRow | undefined =>
  Object.hasOwn(NETWORKS, name) ? NETWORKS[name as NetworkName] : undefined;
