/**
 * @file ResNet-50 and ResNet-101 as backbones of dense prediction: the last stages keep their resolution and dilate instead. He et al. 2016,
 * arXiv 1512.03385; the stride of a block sits on its 3x3, as everybody trains it today.
 */
import type { GraphBuilder } from '../builder.ts';

/** Blocks of the four stages, by the number of layers. */
const BLOCKS = { 50: [3, 4, 6, 3], 101: [3, 4, 23, 3] } as const;
/** A block ends with so many times the channels that its 3x3 works with. */
const EXPANSION = 4;
/** Channels of the stem. */
export const RESNET_FILTERS = 64;

/** Channels of the four stages; a stage gives {@link EXPANSION} times as many. */
export const resnetWidths = (filters: number = RESNET_FILTERS): number[] =>
  BLOCKS[50].map((_, stage) => filters * 2 ** stage);

/** The nodes that heads read. */
export interface Backbone {
  /** Stride 4, 256 channels at 64 filters. */
  readonly finest: number;
  /** The last stage at the output stride, 2048 channels at 64 filters. */
  readonly features: number;
}

/** Size of a backbone. */
export interface ResnetOptions {
  /** Default 50. */
  readonly layers?: keyof typeof BLOCKS;
  readonly filters?: number;
  readonly widths?: readonly number[];
  /** 32 is the classifier's own; at 16 the last stage dilates by 2, at 8 the last two by 2 and 4. */
  readonly outputStride: number;
  /** Whether the first block of a dilated stage dilates like the others, as in DeepLabv2, or like the stage before it, as in DeepLabv3. Default false. */
  readonly dilateFirst?: boolean;
}

/** Adds the backbone without its classifier. */
export function resnet(build: GraphBuilder, image: number, options: ResnetOptions): Backbone {
  const { layers = 50, outputStride, dilateFirst = false, widths = resnetWidths(options.filters) } = options;
  build.stage('stem');
  const stem = build.convolutionNormRelu('0', image, widths[0], { kernel: 7, stride: 2 });
  let last = build.pool('max', stem, 3, 2);
  let reached = 4;
  let dilation = 1;
  const ends: number[] = [];
  BLOCKS[layers].forEach((blocks, stage) => {
    build.stage(`stage${stage + 1}`);
    const halves = stage > 0 && reached < outputStride;
    const before = dilation;
    if (halves) reached *= 2;
    else if (stage > 0) dilation *= 2;
    const channels = widths[stage];
    for (let i = 0; i < blocks; i++) {
      // The first block reads features of the stage before, whose dilation it may keep.
      const own = i === 0 && !dilateFirst ? before : dilation;
      last = bottleneck(build, `block${i + 1}`, last, { channels, stride: i === 0 && halves ? 2 : 1, dilation: own });
    }
    ends.push(last);
  });
  return { finest: ends[0], features: last };
}

/** 1x1, 3x3, 1x1, added to its input. */
function bottleneck(
  build: GraphBuilder,
  name: string,
  input: number,
  { channels, stride, dilation }: { channels: number; stride: number; dilation: number },
): number {
  const outputs = channels * EXPANSION;
  const plain = (part: string, from: number, kernelStride: number) =>
    build.norm(
      `${name}.${part}.norm`,
      build.convolution(`${name}.${part}.convolution`, from, outputs, { kernel: 1, stride: kernelStride }),
    );
  const narrow = build.convolutionNormRelu(`${name}.narrow`, input, channels, { kernel: 1 });
  const seen = build.convolutionNormRelu(`${name}.see`, narrow, channels, { kernel: 3, stride, dilation });
  const straight = stride === 1 && build.channels(input) === outputs ? input : plain('shortcut', input, stride);
  return build.relu(build.add([plain('widen', seen, 1), straight]));
}
