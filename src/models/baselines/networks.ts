/**
 * @file Ordinary networks by name: what nobody searched for, under the same commands. A new one is a row here.
 */
import { ArchitectureError } from '../../base/errors.ts';
import { dintsUnet } from '../../space/dints/unet.ts';
import { START_STRIDES, type Start, type StartStride } from '../../space/start.ts';
import { buildDints } from '../dints.ts';
import type { NetworkGraph } from '../graph.ts';
import type { HeadOptions } from '../head.ts';
import { buildDeepLabV3, buildDeepLabV3Plus } from './deepLab.ts';
import { buildDeepLabV1, buildDeepLabV2, deepLabV2Widths } from './deepLabCrf.ts';
import { buildResidualUnet } from './residualUnet.ts';
import { resnetWidths } from './resnet.ts';
import { buildUnet, UNET_FILTERS, UNET_WIDEST } from './unet.ts';
import { vggWidths } from './vgg.ts';

/** What the data and the settings of a training decide about a network. */
export interface NetworkSize {
  /** Spatial axes of the data. */
  readonly rank: 2 | 3;
  /** Channels of the image. */
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

/** Options of a network whose finest level may lie at another stride: of every axis, and of the depth of volumes, where 0 is as the others. */
const startOptions = (standard: StartStride) => ({
  start: [standard, ...START_STRIDES.filter((stride) => stride !== standard)],
  startDepth: [0, ...START_STRIDES],
});

/** The start stride that these options ask for. */
function startOf({ start, startDepth }: Readonly<Record<string, number>>, rank: 2 | 3): Start {
  if (startDepth === 0 || startDepth === start) return start as StartStride;
  if (rank === 2)
    throw new ArchitectureError(
      'startDepth is for volumes, the data has 2 spatial axes',
      'leave it out, or give start',
    );
  return [startDepth, start, start] as StartStride[];
}

/** Channels that double with every level. */
const doubled = (filters: number, levels: number): number[] =>
  Array.from({ length: levels }, (_, level) => filters * 2 ** level);

/** Channels of the finest level of the U path where nothing is said. */
const DINTS_UNET_FILTERS = 16;

/** Every ordinary network. */
export const NETWORKS = {
  deeplabv1: {
    summary: 'DeepLabv1 (LargeFOV) on a VGG-16',
    ranks: [2],
    options: { norm: [0, 1] },
    widths: vggWidths,
    head: [],
    build: (size, { norm }) => buildDeepLabV1({ ...size, norm: norm === 1 }),
  },
  deeplabv2: {
    summary: 'DeepLabv2: four atrous branches on a ResNet-101 or a VGG-16',
    ranks: [2],
    options: { vgg: [0, 1], norm: [0, 1] },
    widths: (filters, { vgg }) => deepLabV2Widths(filters, vgg === 1),
    head: [],
    build: (size, { vgg, norm }) => buildDeepLabV2({ ...size, vgg: vgg === 1, norm: norm === 1 }),
  },
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
    options: { levels: [5, 2, 3, 4, 6, 7, 8], ...startOptions(1) },
    widths: (filters = UNET_FILTERS, { levels }) => doubled(filters, levels),
    widest: UNET_WIDEST,
    head: [],
    build: ({ rank, ...size }, options) =>
      buildUnet(rank, { ...size, levels: options.levels, start: startOf(options, rank) }),
  },
  resunet: {
    summary: 'U-Net with a residual encoder',
    ranks: [2, 3],
    options: { levels: [5, 2, 3, 4, 6, 7, 8], ...startOptions(1) },
    widths: (filters = UNET_FILTERS, { levels }) => doubled(filters, levels),
    widest: UNET_WIDEST,
    head: [],
    build: ({ rank, ...size }, options) =>
      buildResidualUnet(rank, { ...size, levels: options.levels, start: startOf(options, rank) }),
  },
  'dints-unet': {
    summary: 'U path through the trellis of DiNTS',
    ranks: [2, 3],
    options: { levels: [4, 2, 3, 5, 6], ...startOptions(2) },
    widths: (filters = DINTS_UNET_FILTERS, { levels }) => doubled(filters, levels),
    head: [],
    build: ({ rank, ...size }, options) => {
      const { levels } = options;
      // As the U-Net.
      const norm = rank === 2 ? 'batch' : 'instance';
      return buildDints(
        dintsUnet({ rank, levels, filters: DINTS_UNET_FILTERS, start: startOf(options, rank), norm }),
        size,
      );
    },
  },
} as const satisfies Record<string, NetworkRow>;

/** Name of an ordinary network. */
export type NetworkName = keyof typeof NETWORKS;

/** The row of a name, or undefined. */
export const findNetwork = (name: string): NetworkRow | undefined =>
  Object.hasOwn(NETWORKS, name) ? NETWORKS[name as NetworkName] : undefined;
