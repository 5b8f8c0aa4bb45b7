/**
 * @file Heads of the search: at the last layer each stride gets an ASPP of three branches; their logits are summed. @paper auto-deeplab section 4.1
 */
import * as op from '../engine/operators.ts';
import type { Tensor } from '../engine/tensor.ts';
import { fanInUniform } from '../nn/initialisers.ts';
import { convolution, type Pass, type Rank, relu, sequence } from '../nn/layers.ts';
import type { ParameterSet } from '../nn/parameters.ts';
import { LEVELS } from '../space/trellis.ts';
import { searchNorm } from './searchNorm.ts';

/** Maps the states of the last layer by level to logits of spatial `size`; levels without a state are left out. */
export type SearchHead = (states: ReadonlyMap<number, Tensor>, size: readonly number[], pass: Pass) => Tensor;

/** Creates one head per stride: 1x1, 3x3 at rate 96 / stride, image pooling; concatenated, 1x1 to classes. */
export function createSearchHead(
  set: ParameterSet,
  options: { rank: Rank; classes: number; layers: number; filters: number; blocks: number; affineNorms?: boolean },
): SearchHead {
  const { rank, classes, filters, blocks, layers, affineNorms } = options;
  const levels = Array.from({ length: Math.min(LEVELS, layers + 1) }, (_, level) => level);
  const heads = levels.map((level) => {
    const own = set.child(`level${level}`);
    const channels = blocks * filters * 2 ** level;
    const same = { rank, inputs: channels, outputs: channels };
    const rate = 96 / (4 * 2 ** level);
    const branch = (name: string, kernel: number, dilation: number) =>
      sequence(
        convolution(own.child(name), { ...same, kernel, dilation }),
        searchNorm(own.child(name).child('norm'), channels, affineNorms),
        relu,
      );
    const pointwise = branch('pointwise', 1, 1);
    const atrous = branch('atrous', 3, rate);
    // No norm over a single value per channel and image: pooling goes through convolution and ReLU alone.
    const pooling = sequence(convolution(own.child('pooling'), { ...same, kernel: 1 }), relu);
    const classifier = convolution(own.child('classifier'), {
      rank,
      inputs: 3 * channels,
      outputs: classes,
      kernel: 1,
      bias: true,
      initialise: fanInUniform(),
    });
    return (state: Tensor, pass: Pass) => {
      const size = state.shape.slice(2);
      const pooled = op.resize(pooling(op.globalAveragePool(state), pass), size);
      return classifier(op.concat([pointwise(state, pass), atrous(state, pass), pooled], 1), pass);
    };
  });
  return (states, size, pass) => {
    const logits = [...states].map(([level, state]) => op.resize(heads[level](state, pass), size));
    return logits.reduce(op.add);
  };
}
