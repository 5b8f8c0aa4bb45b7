/**
 * @file DeepLabv1 and DeepLabv2, whose logits at output stride 8 a fully connected CRF refines (`infer/crf.ts`). Chen et al. 2015, arXiv 1412.7062, and
 * 2016, arXiv 1606.00915. Without their dropout.
 */
import { ArchitectureError } from '../../base/errors.ts';
import { GraphBuilder } from '../builder.ts';
import type { NetworkGraph } from '../graph.ts';
import { classifier } from '../head.ts';
import { resnet, resnetWidths } from './resnet.ts';
import { rectifiedConvolution, vgg16, vggWidths } from './vgg.ts';

/** Size of the networks of this file. */
export interface DeepLabCrfOptions {
  inputs: number;
  classes: number;
  /** Channels of the first features, from which all others follow; default 64. */
  filters?: number;
  /** Channels of every level, instead of `filters`. */
  widths?: readonly number[];
  /** Batch norms in the VGG-16 instead of biases: the published network begins with weights of ImageNet and has none. */
  norm: boolean;
}

/** Rate of the 3x3 of LargeFOV, and of those of the four branches. */
const LARGE_FOV = 12;
const RATES = [6, 12, 18, 24] as const;

/** DeepLabv1, LargeFOV: of the fully connected layers the first is a 3x3 of rate 12. @paper deeplab-v1 section 3, table 2 */
export function buildDeepLabV1({ inputs, classes, norm, ...size }: DeepLabCrfOptions): NetworkGraph {
  const build = new GraphBuilder(2);
  const image = build.input(inputs);
  const { widths = vggWidths(size.filters) } = size;
  const features = build.pool('average', vgg16(build, image, { widths, norm }), 3, 1);
  build.stage('largeFov');
  const seen = connectedLayers(build, '', features, widths[5], LARGE_FOV, norm);
  classifier(build, seen, classes, image);
  return build.finish(classes);
}

/** DeepLabv2: the sum of the logits of four atrous branches. @paper deeplab-v2 section 3.2, figure 7 */
export function buildDeepLabV2({ vgg, ...options }: DeepLabCrfOptions & { vgg: boolean }): NetworkGraph {
  const { inputs, classes, norm } = options;
  if (norm && !vgg)
    throw new ArchitectureError('deeplabv2: norm is of the VGG-16, the ResNet-101 has batch norms', 'leave it out');
  const { widths = deepLabV2Widths(options.filters, vgg) } = options;
  const build = new GraphBuilder(2);
  const image = build.input(inputs);
  const features = vgg
    ? vgg16(build, image, { widths, norm })
    : resnet(build, image, { layers: 101, widths, outputStride: 8, dilateFirst: true }).features;
  build.stage('aspp');
  const branches = RATES.map((dilation, i) => {
    // On the VGG-16 a branch is a LargeFOV of its own, on the ResNet one convolution.
    const seen = vgg ? connectedLayers(build, `branch${i}.`, features, widths[5], dilation, norm) : features;
    const kernel = vgg ? { kernel: 1 } : { kernel: 3, dilation };
    return build.convolution(`branch${i}.logits`, seen, classes, { ...kernel, bias: true });
  });
  build.resizeLike(build.add(branches), image);
  return build.finish(classes);
}

/** Channels of the levels of DeepLabv2, in the order of its `widths`. */
export const deepLabV2Widths = (filters: number | undefined, vgg: boolean): number[] =>
  vgg ? vggWidths(filters) : resnetWidths(filters);

/** What was fully connected: a 3x3 that dilates and a 1x1. */
function connectedLayers(
  build: GraphBuilder,
  prefix: string,
  features: number,
  width: number,
  dilation: number,
  norm: boolean,
): number {
  const first = rectifiedConvolution(build, `${prefix}6`, features, width, { kernel: 3, dilation, norm });
  return rectifiedConvolution(build, `${prefix}7`, first, width, { kernel: 1, norm });
}
