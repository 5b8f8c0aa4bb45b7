/**
 * @file The plain U-Net: two convolutions a level, halved by strides, brought back by linear resizing and joined with what the way down knew.
 * The baseline that searched networks are held against, in 2D and 3D. After Ronneberger, Fischer, Brox 2015 and Cicek et al. 2016, with the strides,
 * norms and width limits of nnU-Net (Isensee et al. 2021).
 */
import { type Start, stemStrides } from '../../space/start.ts';
import { GraphBuilder } from '../builder.ts';
import type { NetworkGraph } from '../graph.ts';

/** Shape of a U-Net. */
export interface UnetOptions {
  /** Channels of the image. */
  readonly inputs: number;
  readonly classes: number;
  /** Filters of the finest level; they double with every level up to 512 in 2D and 320 in 3D. Default 32. */
  readonly filters?: number;
  /** Channels of every level, finest first, instead of `filters`. */
  readonly widths?: readonly number[];
  /** Resolutions, 2 to 8: level `l` has stride 2^l. Default 5. */
  readonly levels?: number;
  /** Stride of the finest level; default 1. */
  readonly start?: Start;
  /** Also gives logits at every level of the way up but the coarsest, for a loss there. Default false. */
  readonly deepSupervision?: boolean;
}

/** Channels of the widest level, as in nnU-Net: they bound the memory of volumes. */
export const UNET_WIDEST = { 2: 512, 3: 320 } as const;

/** Channels of the finest level where nothing is said. */
export const UNET_FILTERS = 32;

/** Channels of every level, finest first. */
const unetWidths = (rank: 2 | 3, levels: number, filters = UNET_FILTERS): number[] =>
  Array.from({ length: levels }, (_, level) => Math.min(filters * 2 ** level, UNET_WIDEST[rank]));

/** The U-Net of a rank. Batch norm in 2D, instance norm in 3D, where batches are small. Reads inputs of any size. */
export function buildUnet(rank: 2 | 3, options: UnetOptions): NetworkGraph {
  const { build, image, stride, features: stem, widths } = beginUnet(rank, options);
  const skips: number[] = [];
  let features = stem;
  widths.forEach((width, level) => {
    build.stage(`down${level}`);
    features = build.convolutionNormRelu('0', features, width, { kernel: 3, stride: level === 0 ? stride : 2 });
    features = build.convolutionNormRelu('1', features, width, { kernel: 3 });
    skips.push(features);
  });
  return endUnet(build, { ...options, image, skips, widths, convolutions: 2 });
}

/**
 * What every U-Net begins with: the image, and at start stride 4 a convolution that strides. `stride` is that of the first convolution of the finest
 * level.
 */
export function beginUnet(rank: 2 | 3, options: UnetOptions) {
  const { inputs, filters, levels = 5, widths = unetWidths(rank, levels, filters), start = 1 } = options;
  const build = new GraphBuilder(rank, { normOver: rank === 2 ? 'batch' : 'instance' });
  const image = build.input(inputs);
  const [before, stride] = stemStrides(start, rank, 2);
  build.stage('stem');
  const features =
    before === 1 ? image : build.convolutionNormRelu('0', image, widths[0], { kernel: 3, stride: before });
  return { build, image, stride, features, widths };
}

/** The way up: narrowed, resized to the features of the level, joined with them, `convolutions` of them; logits at the size of the image. */
export function endUnet(
  build: GraphBuilder,
  unet: Pick<UnetOptions, 'classes' | 'start' | 'deepSupervision'> & {
    readonly image: number;
    /** Last features of every level, finest first. */
    readonly skips: readonly number[];
    readonly widths: readonly number[];
    readonly convolutions: number;
  },
): NetworkGraph {
  const { classes, deepSupervision = false, start = 1, image, skips, widths, convolutions } = unet;
  const auxiliary: number[] = [];
  let features = skips[skips.length - 1];
  for (let level = skips.length - 2; level >= 0; level--) {
    build.stage(`up${level}`);
    // Narrowed before it grows: the 1x1 then costs an eighth (a quarter in 2D).
    const narrowed = build.convolution('narrow', features, widths[level], { kernel: 1 });
    features = build.concat([build.resizeLike(narrowed, skips[level]), skips[level]]);
    for (let i = 0; i < convolutions; i++)
      features = build.convolutionNormRelu(String(i), features, widths[level], { kernel: 3 });
    if (deepSupervision && level > 0)
      auxiliary.unshift(build.convolution('logits', features, classes, { kernel: 1, bias: true }));
  }
  build.stage('classifier');
  const logits = build.convolution('logits', features, classes, { kernel: 1, bias: true });
  if (start !== 1) build.resizeLike(logits, image);
  return build.finish(classes, auxiliary);
}
