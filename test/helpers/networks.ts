import { noGrad } from '../../src/engine/autograd.ts';
import { Generator } from '../../src/engine/device.ts';
import * as op from '../../src/engine/operators.ts';
import { scope, type Tensor } from '../../src/engine/tensor.ts';
import type { NetworkGraph } from '../../src/models/graph.ts';
import { createNetwork, type Network } from '../../src/models/network.ts';
import { ParameterSet } from '../../src/nn/parameters.ts';

/** A network as if it had been trained: scales, shifts and running statistics of its norms are far from where they begin. */
export function livelyNetwork(graph: NetworkGraph, seed = 1): Network {
  const generator = new Generator(seed).id;
  const network = createNetwork(graph, new ParameterSet({ generator, device: 'cpu' }));
  const between = (shape: readonly number[], low: number, high: number) =>
    op.addNumber(op.scale(op.rand(shape, generator), high - low), low);
  const ranges: [end: RegExp, low: number, high: number][] = [
    [/norm\.weight$/, 0.5, 1.5],
    [/\.bias$/, -0.3, 0.3],
    [/runningMean$/, -0.3, 0.3],
    [/runningVariance$/, 0.4, 2.5],
  ];
  noGrad(() =>
    scope(() => {
      for (const [name, tensor] of network.parameters.entries()) {
        const range = ranges.find(([end]) => end.test(name));
        if (range) op.copyInto(tensor, between(tensor.shape, range[1], range[2]));
      }
    }),
  );
  return network;
}

/** Shifts the logits of a network so that each class has the same mean on these images: all of them come out somewhere. */
export function balanceClasses(network: Network, images: Tensor): void {
  noGrad(() =>
    scope(() => {
      const logits = network.forward(images, { training: false });
      const axes = logits.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
      const bias = network.parameters.entries().get('classifier.logits.bias') as Tensor;
      op.copyInto(bias, op.subtract(bias, op.meanOver(logits, axes)));
    }),
  );
}
