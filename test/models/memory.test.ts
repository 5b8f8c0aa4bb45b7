/** @file The estimate of memory on networks that can be counted by hand. What it says of whole networks is measured in `test/jobs/cost/measureNetwork.test.ts`. */
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../src/models/builder.ts';
import { estimateMemory } from '../../src/models/memory.ts';

/** Bytes of a float32 tensor of so many channels at 8 x 8 in a batch of 2. */
const tensor = (channels: number) => 4 * 2 * channels * 64;

describe('the estimate', () => {
  it('of one convolution is its tensors and its weights, of volumes their copies too', () => {
    for (const rank of [2, 3] as const) {
      const build = new GraphBuilder(rank);
      build.convolution('logits', build.input(8), 16, { kernel: 3 });
      const weights = 4 * 8 * 16 * 3 ** rank;
      const size = rank === 2 ? [8, 8] : [4, 4, 4];
      const { inferenceBytes, weightBytes } = estimateMemory(build.finish(16), size, 2);
      expect(weightBytes).toBe(weights);
      // The input, the output, of volumes a copy of each in the layout of the convolution; the weights and a copy of them.
      expect(inferenceBytes).toBe((rank - 1) * (tensor(8) + tensor(16)) + 2 * weights);
    }
  });

  it('frees what was read last at inference, and keeps what gradients need in training', () => {
    const peaks = (depth: number) => {
      const build = new GraphBuilder(2);
      let value = build.input(8);
      for (let i = 0; i < depth; i++) value = build.reluConvolutionNorm(`${i}`, value, 8, { kernel: 3 });
      return estimateMemory(build.finish(8), [8, 8], 2);
    };
    const [short, long] = [peaks(4), peaks(14)];
    const weights = 10 * (4 * 8 * 8 * 9 + 2 * 4 * 8);
    expect(long.inferenceBytes - short.inferenceBytes).toBe(weights);
    // Each block keeps its ReLU and the norm's input; weights and momentum grow beside them.
    expect(long.trainingBytes - short.trainingBytes).toBe(10 * 2 * tensor(8) + 2 * weights);
  });

  it('grows in proportion to the batch but for the weights', () => {
    const build = new GraphBuilder(3, { normOver: 'instance' });
    build.reluConvolutionNorm('a', build.convolution('b', build.input(4), 16, { kernel: 3 }), 4, { kernel: [3, 1, 3] });
    const graph = build.finish(4);
    const [one, two, four] = [1, 2, 4].map((batch) => estimateMemory(graph, [16, 16, 16], batch).inferenceBytes);
    expect(four - two).toBe(2 * (two - one));
  });
});
