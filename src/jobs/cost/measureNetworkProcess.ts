/**
 * @file The process that `measureNetwork.ts` starts: makes a network, takes one step or inference, says how far its memory rose.
 */
import { readFileSync } from 'node:fs';
import { noGrad } from '../../engine/autograd.ts';
import { Generator, memory, threads } from '../../engine/device.ts';
import * as op from '../../engine/operators.ts';
import { scope } from '../../engine/tensor.ts';
import type { NetworkGraph } from '../../models/graph.ts';
import { createNetwork } from '../../models/network.ts';
import { crossEntropy } from '../../nn/losses.ts';
import { sgd } from '../../nn/optimisers.ts';
import { ParameterSet } from '../../nn/parameters.ts';
import { takeStep } from '../../train/step/optimiserStep.ts';
import type { MeasuredMemory, MemoryTask } from './measureNetwork.ts';

function measure({ graph, batch, size, device, kind, threads: count }: MemoryTask): MeasuredMemory {
  if (count > 0) threads(count);
  // Kernels are loaded and compiled when they first run: that happens at the smallest size, with a network that is thrown away.
  const smallest = size.map(() => graph.sideMultiple ?? 32);
  pass(graph, 1, smallest, device, kind);
  const { residentBytes } = memory();
  const started = performance.now();
  pass(graph, batch, size, device, kind);
  return { bytes: memory().peakBytes - residentBytes, seconds: (performance.now() - started) / 1000 };
}

/** Makes the network, takes one step or inference, and frees everything. */
function pass(
  graph: NetworkGraph,
  batch: number,
  size: readonly number[],
  device: string,
  kind: MemoryTask['kind'],
): void {
  scope(() => {
    const generator = new Generator(0);
    const parameters = new ParameterSet({ generator: generator.id, device });
    const network = createNetwork(graph, parameters);
    const [input] = graph.nodes;
    const channels = input.kind === 'input' ? input.channels : 1;
    const images = () => op.toDevice(op.randn([batch, channels, ...size], generator.id), device);
    if (kind === 'inference') noGrad(() => network.forward(images(), { training: false }));
    else {
      const trained = network.parameters.parameters();
      const optimiser = sgd(trained, { momentum: 0.9, decay: 1e-4 });
      takeStep({ trained, optimiser, clip: 5 }, 0.01, () => {
        const labels = op.zeros([batch, ...size], 'int64', device);
        return crossEntropy(network.forward(images(), { training: true, generator: generator.id }), labels);
      });
      for (const tensor of optimiser.state().values()) tensor.free();
    }
    parameters.free();
  });
}

try {
  process.stdout.write(JSON.stringify(measure(JSON.parse(readFileSync(0, 'utf8')) as MemoryTask)));
} catch (error) {
  // One line for the process that waits.
  process.stderr.write((error as Error).message);
  process.exitCode = 1;
}
