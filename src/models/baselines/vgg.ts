/**
 * @file VGG-16 as a backbone of dense prediction at output stride 8: the last two pools keep the resolution and the last stage dilates by 2. Simonyan and
 * Zisserman 2015, arXiv 1409.1556; pools of 3x3 and padding as in DeepLab (arXiv 1412.7062, section 3), so that features lie at every eighth pixel.
 */
import type { GraphBuilder } from '../builder.ts';

/** Convolutions of the five stages, and their channels over those of the first. */
const CONVOLUTIONS = [2, 2, 3, 3, 3] as const;
const PROPORTIONS = [1, 2, 4, 8, 8] as const;
/** Channels of the convolutions that replace the first two fully connected layers, over those of the first stage: 1,024 at 64. */
const CONNECTED = 16;
/** Channels of the first stage. */
const VGG_FILTERS = 64;

/** Channels of the five stages, then those of the two layers that were fully connected. */
export const vggWidths = (filters: number = VGG_FILTERS): number[] =>
  [...PROPORTIONS, CONNECTED].map((times) => filters * times);

/** A 3x3 or 1x1 with a ReLU: with a bias as published, or with a batch norm, which trains from scratch. */
export function rectifiedConvolution(
  build: GraphBuilder,
  name: string,
  input: number,
  outputs: number,
  { norm, ...options }: { kernel: number; dilation?: number; norm: boolean },
): number {
  if (norm) return build.convolutionNormRelu(name, input, outputs, options);
  return build.relu(build.convolution(`${name}.convolution`, input, outputs, { ...options, bias: true }));
}

/** Adds the convolutional part; returns the node of its features at stride 8. */
export function vgg16(
  build: GraphBuilder,
  image: number,
  { widths, norm }: { widths: readonly number[]; norm: boolean },
): number {
  let last = image;
  CONVOLUTIONS.forEach((count, stage) => {
    build.stage(`stage${stage + 1}`);
    const dilation = stage === CONVOLUTIONS.length - 1 ? 2 : 1;
    for (let i = 0; i < count; i++)
      last = rectifiedConvolution(build, `${i}`, last, widths[stage], { kernel: 3, dilation, norm });
    last = build.pool('max', last, 3, stage < 3 ? 2 : 1);
  });
  return last;
}
