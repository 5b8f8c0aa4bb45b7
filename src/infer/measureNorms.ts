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

/**
 * Sets the running statistics of the norms of `network` to those of the first `count` batches of a loader, in the parts in which training passes them
 * through the network. Does nothing where no norm keeps statistics.
 */
export async function measureNorms(
  network: { readonly parameters: ParameterSet; forward(images: Tensor, pass: Pass): Tensor },
  loader: Pick<Loader, 'batches'>,
  { device, accumulate = 1, count = NORM_BATCHES }: { device: string; accumulate?: number; count?: number },
): Promise<void> {
  const statistics = measureNormStatistics(network.parameters);
  if (!statistics) return;
  let done = 0;
  for (let epoch = 0; done < count; epoch++)
    for await (const batch of loader.batches(epoch)) {
      for (const part of splitBatch(batch, accumulate))
        statistics.add((pass) => network.forward(toTensors(part, device).images, pass));
      if (++done === count) break;
    }
  statistics.finish();
}
