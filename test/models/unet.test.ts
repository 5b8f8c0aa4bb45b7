import { describe, expect, it } from 'vitest';
import { gradients, noGrad } from '../../src/engine/autograd.ts';
import { Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { scope } from '../../src/engine/tensor.ts';
import { type Architecture, buildArchitecture } from '../../src/models/architecture.ts';
import { buildUnet } from '../../src/models/baselines/unet.ts';
import { countNetwork, inferShapes } from '../../src/models/graph.ts';
import { createNetwork } from '../../src/models/network.ts';
import { findArchitecture } from '../../src/models/registry.ts';
import { ParameterSet } from '../../src/nn/parameters.ts';

const generator = new Generator(5);
const parameters = () => new ParameterSet({ generator: generator.id, device: 'cpu' });

/** Weights of a U-Net by hand: two k^rank convolutions with norm a level and way, a 1x1 before each way up, the classifier. */
function countByHand(rank: 2 | 3, inputs: number, classes: number, widths: readonly number[]): number {
  const convolutionNorm = (from: number, to: number) => from * to * 3 ** rank + 2 * to;
  let total = widths[0] * classes + classes;
  widths.forEach((width, level) => {
    total += convolutionNorm(level === 0 ? inputs : widths[level - 1], width) + convolutionNorm(width, width);
    if (level === widths.length - 1) return;
    total += widths[level + 1] * width + convolutionNorm(2 * width, width) + convolutionNorm(width, width);
  });
  return total;
}

describe('the U-Net', () => {
  it.each([
    [2, 3, 19, [32, 64, 128, 256, 512, 512]],
    [3, 1, 3, [32, 64, 128, 256, 320]],
    [3, 4, 2, [8, 16, 32]],
  ] as const)('of rank %i has the weights that are counted by hand', (rank, inputs, classes, widths) => {
    const graph = buildUnet(rank, { inputs, classes, filters: widths[0], levels: widths.length });
    const size = Array<number>(rank).fill(64);
    expect(countNetwork(graph, size).parameters).toBe(countByHand(rank, inputs, classes, widths));
  });

  it.each([
    [2, [37, 50]],
    [3, [9, 16, 21]],
  ] as const)('of rank %i reads any size, and what is counted is what runs', (rank, size) => {
    const graph = buildUnet(rank, { inputs: 2, classes: 3, filters: 4, levels: 4 });
    const network = createNetwork(graph, parameters());
    expect(network.parameters.count()).toBe(countNetwork(graph, size).parameters);
    const shape = scope(() =>
      noGrad(() => network.forward(op.randn([1, 2, ...size], generator.id), { training: false }).shape),
    );
    expect(shape).toEqual([1, 3, ...size]);
    expect(inferShapes(graph, size).at(-1)).toEqual({ channels: 3, size });
  });

  it('gives logits at every level but the coarsest for deep supervision, and the same ones without', () => {
    const graph = buildUnet(3, { inputs: 1, classes: 2, filters: 4, levels: 4, deepSupervision: true });
    const network = createNetwork(graph, parameters());
    scope(() => {
      const images = op.randn([1, 1, 16, 20, 12], generator.id);
      const [logits, ...coarser] = network.forwardAll(images, { training: true });
      expect([logits, ...coarser].map(({ shape }) => shape)).toEqual([
        [1, 2, 16, 20, 12],
        [1, 2, 8, 10, 6],
        [1, 2, 4, 5, 3],
      ]);
      expect(network.forward(images, { training: false }).numbers()).toEqual(logits.numbers());
      const weights = network.parameters.parameters().map(({ tensor }) => tensor);
      const grads = gradients([logits, ...coarser].map(op.sum), weights);
      expect(grads.filter((grad) => grad === null)).toEqual([]);
    });
  });

  it('refuses a number of levels that makes no U', () => {
    expect(() => findArchitecture('unet:levels=1')).toThrow(/levels is 1, expected 5 or 2/);
    const four = buildArchitecture(findArchitecture('unet:levels=4') as Architecture, {
      inputs: 1,
      classes: 2,
      rank: 3,
    });
    expect(four).toEqual(buildUnet(3, { inputs: 1, classes: 2, levels: 4 }));
  });
});
