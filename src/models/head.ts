/**
 * @file The segmentation head: ASPP on the last features, DeepLabv3+ decoder on the finest ones, logits at the image's size; and its parts.
 */
import type { GraphBuilder } from './builder.ts';

/** Widths and rates of the head. */
export interface HeadOptions {
  /** Filters of each ASPP branch and of its projection. */
  aspp: number;
  /** Filters of the two decoder convolutions. */
  decoder: number;
  /** Filters of the 1x1 on the stride-4 features. */
  lowLevel: number;
  /** Rates of the three atrous branches; default 6, 12, 18 at output stride 16, scaled with the stride. */
  rates: readonly [number, number, number];
}

/** The published widths. */
export const PUBLISHED_HEAD = { aspp: 256, decoder: 256, lowLevel: 48 } as const;

/** Rates that see the same part of the image at every stride: 6, 12, 18 at 16; 12, 24, 36 at 8. */
export function asppRates(outputStride: number): [number, number, number] {
  const unit = Math.max(1, Math.round((6 * 16) / outputStride));
  return [unit, 2 * unit, 3 * unit];
}

/** Adds the head; returns the node of the logits. */
export function segmentationHead(
  build: GraphBuilder,
  place: { features: number; finest: number; image: number; classes: number; outputStride: number },
  options: Partial<HeadOptions> = {},
): number {
  const { features, finest, image, classes, outputStride } = place;
  const { decoder, lowLevel } = { ...PUBLISHED_HEAD, ...options };
  const context = asppContext(build, features, outputStride, options);
  build.stage('decoder');
  const detail = build.convolutionNormRelu('lowLevel', finest, lowLevel, { kernel: 1 });
  let joined = build.concat([build.resizeLike(context, detail), detail]);
  for (const i of [0, 1]) joined = build.convolutionNormRelu(`${i}`, joined, decoder, { kernel: 3 });
  return classifier(build, joined, classes, image);
}

/** Adds an ASPP: a 1x1, three atrous 3x3 and the mean of the image, projected to the filters of one branch. */
export function asppContext(
  build: GraphBuilder,
  features: number,
  outputStride: number,
  options: Partial<HeadOptions> = {},
): number {
  const { aspp, rates = asppRates(outputStride) } = { ...PUBLISHED_HEAD, ...options };
  build.stage('aspp');
  const pooled = build.convolutionNormRelu('pooling', build.globalPool(features), aspp, { kernel: 1 });
  const branches = [
    build.convolutionNormRelu('pointwise', features, aspp, { kernel: 1 }),
    ...rates.map((dilation, i) => build.convolutionNormRelu(`atrous${i}`, features, aspp, { kernel: 3, dilation })),
    build.resizeLike(pooled, features),
  ];
  return build.convolutionNormRelu('projection', build.concat(branches), aspp, { kernel: 1 });
}

/** Adds the biased 1x1 that gives the logits, at the size of the image. */
export function classifier(build: GraphBuilder, features: number, classes: number, image: number): number {
  build.stage('classifier');
  return build.resizeLike(build.convolution('logits', features, classes, { kernel: 1, bias: true }), image);
}
