/**
 * @file Builds the discrete network of an Auto-DeepLab genotype: stem, cells along the path, ASPP, DeepLabv3+ decoder. @paper auto-deeplab sections 3 and 5
 */

import type { AutoDeepLabGenotype } from '../space/genotype.ts';
import { STANDARD_NORM } from '../space/norm.ts';
import { OPERATORS, type OperatorName } from '../space/operators.ts';
import { largestStart, STANDARD_START, stemStrides } from '../space/start.ts';
import { GraphBuilder } from './builder.ts';
import type { NetworkGraph } from './graph.ts';
import { type HeadOptions, segmentationHead } from './head.ts';

/** Widths around the cells; the defaults are those of the published networks. */
export interface AutoDeepLabOptions {
  /** Channels of the image. */
  inputs: number;
  classes: number;
  /** Filters F: a cell at stride s computes with F s / 4 channels. Default: the genotype's. */
  filters?: number;
  /** F s / 4 at every level, finest first, instead of `filters`; `fitWidth` solves for them. */
  widths?: readonly number[];
  /** Channels of the three stem convolutions; their strides are 2, 1, 2 where the genotype starts at stride 4. */
  stem?: readonly [number, number, number];
  head?: Partial<HeadOptions>;
}

/** Channels of the published stem. */
export const PUBLISHED_STEM = [64, 64, 128] as const;

/** The network of `genotype`; its last node gives logits at the input's size. */
export function buildAutoDeepLab(genotype: AutoDeepLabGenotype, options: AutoDeepLabOptions): NetworkGraph {
  const { inputs, classes, filters = genotype.filters, stem = PUBLISHED_STEM } = options;
  const { widths = [0, 1, 2, 3].map((level) => filters * 2 ** level) } = options;
  const { start = STANDARD_START['auto-deeplab'], norm = STANDARD_NORM['auto-deeplab'] } = genotype;
  const build = new GraphBuilder(genotype.rank, { normOver: norm });
  const image = build.input(inputs);
  const strides = stemStrides(start, genotype.rank, 3);
  build.stage('stem');
  const first = build.convolutionNormRelu('0', image, stem[0], { kernel: 3, stride: strides[0] });
  let beforeLast = build.convolutionNormRelu('1', first, stem[1], { kernel: 3, stride: strides[1] });
  let last = build.convolutionNormRelu('2', beforeLast, stem[2], { kernel: 3, stride: strides[2] });
  const levels = [0, ...genotype.path];
  let finest = last;
  for (let layer = 0; layer < genotype.path.length; layer++) {
    build.stage(`cell${layer + 1}`);
    const [from, to] = [levels[layer], levels[layer + 1]];
    const current = from > to ? build.resizeBy(last, 2) : last;
    const share = (layer + 1) / genotype.path.length;
    const output = buildCell(build, genotype, {
      last: current,
      beforeLast,
      channels: widths[to],
      stride: to > from ? 2 : 1,
      share,
    });
    [beforeLast, last] = [last, output];
    if (to === 0) finest = output;
  }
  build.stage('head');
  const features = build.relu(last);
  const level = levels[levels.length - 1];
  segmentationHead(
    build,
    {
      features,
      finest: finest === last ? features : finest,
      image,
      classes,
      outputStride: largestStart(start) * 2 ** level,
    },
    options.head,
  );
  return build.finish(classes);
}

interface CellPlace {
  last: number;
  beforeLast: number;
  channels: number;
  stride: 1 | 2;
  share: number;
}

/** One cell: the two inputs brought to its channels, then B blocks of two operators, concatenated. */
function buildCell(build: GraphBuilder, genotype: AutoDeepLabGenotype, place: CellPlace): number {
  const { channels, stride, share } = place;
  const resized = build.resizeLike(place.beforeLast, place.last);
  const earlier =
    build.channels(resized) === channels
      ? resized
      : build.reluConvolutionNorm('beforeLast', resized, channels, { kernel: 1 });
  const states = [build.reluConvolutionNorm('last', place.last, channels, { kernel: 1 }), earlier];
  const blocks = genotype.cell.map((block, b) =>
    block.inputs.map((input, i) => ({ ...input, name: `block${b + 1}.${i}` })),
  );
  for (const inputs of blocks) {
    const terms = inputs.map(({ from, operator, name }) => {
      const output = buildOperator(build, name, operator, states[from], from < 2 ? stride : 1, genotype.atrous);
      return operator === 'skip' ? output : build.dropPath(output, share);
    });
    states.push(build.add(terms));
  }
  return build.concat(states.slice(2));
}

/** One operator of a cell as its nodes, which begin with `name`; `stride` 2 where it reads an input of a cell that goes down a level. */
export function buildOperator(
  build: GraphBuilder,
  name: string,
  operator: OperatorName,
  input: number,
  stride: 1 | 2,
  atrous: 'dense' | 'separable',
): number {
  const { kind, kernel } = OPERATORS[operator];
  const channels = build.channels(input);
  const separableOf = (rectified: number, part: string, options: { stride?: number; dilation?: number }) => {
    const depthwise = build.convolution(`${name}.${part}.depthwise`, rectified, channels, {
      kernel,
      depthwise: true,
      ...options,
    });
    return build.norm(
      `${name}.${part}.norm`,
      build.convolution(`${name}.${part}.pointwise`, depthwise, channels, { kernel: 1 }),
    );
  };
  const separable: typeof separableOf = (from, part, options) => separableOf(build.relu(from), part, options);
  switch (kind) {
    case 'separable':
      return separable(separable(input, '0', { stride }), '1', {});
    case 'atrous': {
      // Where the edge halves the size: ReLU, bilinear halving, and a convolution of rate 1, as in the authors' code. At even sizes halving takes means,
      // so that halving before the ReLU would give other values.
      const options = { dilation: stride === 2 ? 1 : 2 };
      const rectified = build.relu(input);
      const read = stride === 2 ? build.resizeBy(rectified, 0.5) : rectified;
      return atrous === 'separable'
        ? separableOf(read, 'atrous', options)
        : build.norm(
            `${name}.atrous.norm`,
            build.convolution(`${name}.atrous.convolution`, read, channels, { kernel, ...options }),
          );
    }
    case 'averagePool':
      return build.pool('average', input, kernel, stride);
    case 'maxPool':
      return build.pool('max', input, kernel, stride);
    case 'skip':
      return stride === 1 ? input : build.reluConvolutionNorm(`${name}.skip`, input, channels, { kernel: 1, stride });
    case 'zero':
      throw new RangeError('a genotype holds no zero operator');
    default:
      return kind satisfies never;
  }
}
