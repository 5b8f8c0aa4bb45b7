/**
 * @file Measures the norm statistics of a network on batches of training data, as training splits them.
 */
import type { Loader } from '../data/loader/loader.ts';
import type { Tensor } from '../engine/tensor.ts';
import type { Pass } from '../nn/layers.ts';
import { measureNormStatistics } from '../nn/normStatistics.ts';
import type { ParameterSet } from '../nn/parameters.ts';
import { splitBatch, toTensors } from './batch.ts';

/** Batches after which more change little. */
export const NORM_BATCHES = 50;

/** In how many parts a batch of so many samples passes through the network: where several processes share a batch, the same number on each. */
export type PartsOf = (samples: number) => number;

/**
 * Sets the running statistics of the norms of `network` to those of the first `count` batches of a loader, in the parts in which training passes them
 * through the network; those of `keptNorms` stay as they are. Does nothing where no norm keeps statistics.
 */
export async function measureNorms(
  network: {
    readonly parameters: ParameterSet;
    readonly keptNorms?: ReadonlySet<string>;
    forward(images: Tensor, pass: Pass): Tensor;
  },
  loader: Pick<Loader, 'batches'>,
  { device, partsOf = () => 1, count = NORM_BATCHES }: { device: string; partsOf?: PartsOf; count?: number },
): Promise<void> {
  const statistics = measureNormStatistics(network.parameters, network.keptNorms);
  if (!statistics) return;
  try {
    let done = 0;
    for (let epoch = 0; done < count; epoch++)
      for await (const batch of loader.batches(epoch)) {
        for (const part of splitBatch(batch, partsOf(batch.batch)))
          statistics.add((pass) => network.forward(toTensors(part, device).images, pass));
        if (++done === count) break;
      }
    statistics.write();
  } finally {
    statistics.free();
  }
}
