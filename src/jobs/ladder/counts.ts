/**
 * @file Scores a finished network on whole images or volumes, sample by sample: what the verdict draws from.
 */
import type { DataSet, Sample } from '../../data/types.ts';
import { evaluate } from '../../infer/evaluate.ts';
import { type InferenceOptions, reduced } from '../../infer/inference.ts';
import type { SampleCounts } from '../../ladder/statistics.ts';
import { addToConfusion, type ConfusionMatrix, createConfusion } from '../../metrics/confusion.ts';
import type { Network } from '../../models/network.ts';

/** The counts of every sample, in the order of `samples`. */
export async function countSamples(job: {
  readonly network: Network;
  readonly dataset: DataSet;
  readonly samples: readonly Sample[];
  readonly groupOf: (id: string) => string;
  readonly reduction: number;
  readonly longSide?: number;
  readonly device: string;
  readonly inference?: InferenceOptions;
  readonly signal?: AbortSignal;
}): Promise<SampleCounts[]> {
  const { network, dataset, samples, groupOf, reduction, longSide, device, inference, signal } = job;
  const counts: SampleCounts[] = [];
  const add = (id: string, prediction: Uint8Array, label: Uint8Array): void => {
    const confusion = createConfusion(dataset.classes.length);
    addToConfusion(confusion, prediction, label, dataset.ignore);
    counts.push({ id, group: groupOf(id), ...sumsOf(confusion) });
  };
  await evaluate(
    reduced((images) => network.forward(images, { training: false }), reduction, longSide),
    dataset,
    samples,
    device,
    {
      ...(inference ? { inference } : {}),
      onImage: ({ id, prediction, label }) => add(id, prediction, label),
      onVolume: ({ id, prediction, label }) => add(id, prediction, label),
      ...(signal ? { signal } : {}),
    },
  );
  return counts;
}

/** Hits, labelled and predicted pixels by class. */
function sumsOf({ classes, counts }: ConfusionMatrix): Pick<SampleCounts, 'hits' | 'labelled' | 'predicted'> {
  const ids = Array.from({ length: classes }, (_, c) => c);
  const sum = (at: (other: number) => number) => ids.reduce((total, other) => total + counts[at(other)], 0);
  return {
    hits: ids.map((c) => counts[c * classes + c]),
    labelled: ids.map((c) => sum((other) => c * classes + other)),
    predicted: ids.map((c) => sum((other) => other * classes + c)),
  };
}
