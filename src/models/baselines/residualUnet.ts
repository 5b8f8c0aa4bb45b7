/**
 * @file A U-Net with a residual encoder, after the ResEnc networks of nnU-Net (Isensee et al. 2024, arXiv 2404.09556): many blocks on the way down, one
 * convolution a level on the way up. Shortcuts average before their 1x1 (ResNet-D), over 3 voxels where theirs has 2.
 */
import type { GraphBuilder } from '../builder.ts';
import type { NetworkGraph } from '../graph.ts';
import { beginUnet, endUnet, type UnetOptions } from './unet.ts';

/** Residual blocks of every level, finest first, as in ResEnc M to XL. */
export const RESIDUAL_BLOCKS = [1, 3, 4, 6, 6, 6, 6, 6] as const;

/** The network of a rank; options are those of the U-Net. */
export function buildResidualUnet(rank: 2 | 3, options: UnetOptions): NetworkGraph {
  const { build, image, stride, features: stem, widths } = beginUnet(rank, options);
  build.stage('stem');
  let features = build.convolutionNormRelu('last', stem, widths[0], { kernel: 3, stride });
  const skips = widths.map((width, level) => {
    build.stage(`down${level}`);
    for (let i = 0; i < RESIDUAL_BLOCKS[level]; i++)
      features = residualBlock(build, `block${i + 1}`, features, width, level > 0 && i === 0 ? 2 : 1);
    return features;
  });
  return endUnet(build, { ...options, image, skips, widths, convolutions: 1 });
}

/** Two 3x3, added to what they read; a shortcut to other channels is a 1x1, to half the size an average before it. */
function residualBlock(build: GraphBuilder, name: string, input: number, outputs: number, stride: 1 | 2): number {
  const first = build.convolutionNormRelu(`${name}.0`, input, outputs, { kernel: 3, stride });
  const second = build.norm(
    `${name}.1.norm`,
    build.convolution(`${name}.1.convolution`, first, outputs, { kernel: 3 }),
  );
  const half = stride === 2 ? build.pool('average', input, 3, 2) : input;
  const shortcut =
    build.channels(half) === outputs
      ? half
      : build.norm(
          `${name}.shortcut.norm`,
          build.convolution(`${name}.shortcut.convolution`, half, outputs, { kernel: 1 }),
        );
  return build.relu(build.add([second, shortcut]));
}
