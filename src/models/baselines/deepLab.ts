/**
 * @file DeepLabv3 and DeepLabv3+ on a ResNet-50, as baselines. Chen et al. 2017, arXiv 1706.05587, and 2018, arXiv 1802.02611.
 * The head of v3+ is the one that searched networks get, so that a comparison is one of backbones.
 */
import { GraphBuilder } from '../builder.ts';
import type { NetworkGraph } from '../graph.ts';
import { asppContext, classifier, type HeadOptions, PUBLISHED_HEAD, segmentationHead } from '../head.ts';
import { resnet } from './resnet.ts';

/** Size of a DeepLab network. */
export interface DeepLabOptions {
  inputs: number;
  classes: number;
  /** Channels of the stem, from which all others follow; default 64. */
  filters?: number;
  /** Channels of the four stages, the first also those of the stem, instead of `filters`. */
  widths?: readonly number[];
  /** Pixels of the image per pixel of the last features: 16 or 8. */
  outputStride: number;
  head?: Partial<HeadOptions>;
}

/** DeepLabv3: ASPP, one more 3x3, logits at the output stride. */
export function buildDeepLabV3(options: DeepLabOptions): NetworkGraph {
  const { build, image, features } = begin(options);
  const { classes, outputStride, head } = options;
  const context = asppContext(build, features, outputStride, head);
  build.stage('decoder');
  const { decoder } = { ...PUBLISHED_HEAD, ...head };
  classifier(build, build.convolutionNormRelu('0', context, decoder, { kernel: 3 }), classes, image);
  return build.finish(classes);
}

/** DeepLabv3+: ASPP, then a decoder that reads the features at stride 4. */
export function buildDeepLabV3Plus(options: DeepLabOptions): NetworkGraph {
  const { build, image, features, finest } = begin(options);
  const { classes, outputStride, head } = options;
  segmentationHead(build, { features, finest, image, classes, outputStride }, head);
  return build.finish(classes);
}

function begin(options: DeepLabOptions) {
  const build = new GraphBuilder(2);
  const image = build.input(options.inputs);
  return { build, image, ...resnet(build, image, options) };
}
