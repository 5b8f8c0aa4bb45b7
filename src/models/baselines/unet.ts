/**
 * @file The plain U-Net: two convolutions a level, halved by strides, brought back by linear resizing and joined with what the way down knew.
 * The baseline that searched networks are held against, in 2D and 3D. After Ronneberger, Fischer, Brox 2015 and Cicek et al. 2016, with the strides,
 * norms and width limits of nnU-Net (Isensee et al. 2021).
 */
import { GraphBuilder } from '../builder.ts';
import type { NetworkGraph } from '../graph.ts';

/** Shape of a U-Net. */
export interface UnetOptions {
  /** Channels of the picture. */
  readonly inputs: number;
  readonly classes: number;
  /** Filters of the finest level; they double with every level up to 512 in 2D and 320 in 3D. Default 32. */
  readonly filters?: number;
  /** Channels of every level, finest first, instead of `filters`. */
  readonly widths?: readonly number[];
  /** Resolutions, 2 to 8: level `l` has stride 2^l. Default 5. */
  readonly levels?: number;
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
  const { inputs, classes, levels = 5, deepSupervision = false } = options;
  const widths = options.widths ?? unetWidths(rank, levels, options.filters);
  const build = new GraphBuilder(rank, { normOver: rank === 2 ? 'batch' : 'instance' });
  const image = build.input(inputs);

  const skips: number[] = [];
  let features = image;
  for (let level = 0; level < levels; level++) {
    build.stage(`down${level}`);
    const stride = level === 0 ? 1 : 2;
    features = build.convolutionNormRelu('0', features, widths[level], { kernel: 3, stride });
    features = build.convolutionNormRelu('1', features, widths[level], { kernel: 3 });
    skips.push(features);
  }

  const auxiliary: number[] = [];
  for (let level = levels - 2; level >= 0; level--) {
    build.stage(`up${level}`);
    // Narrowed before it grows: the 1x1 then costs an eighth (a quarter in 2D).
    const narrowed = build.convolution('narrow', features, widths[level], { kernel: 1 });
    features = build.concat([build.resizeLike(narrowed, skips[level]), skips[level]]);
    for (const i of ['0', '1']) features = build.convolutionNormRelu(i, features, widths[level], { kernel: 3 });
    if (deepSupervision && level > 0)
      auxiliary.unshift(build.convolution('logits', features, classes, { kernel: 1, bias: true }));
  }
  build.stage('classifier');
  build.convolution('logits', features, classes, { kernel: 1, bias: true });
  return build.finish(classes, auxiliary);
}
