/**
 * @file Scores a finished network on whole images or volumes, sample by sample: what the verdict draws from.
 */
import type { DataSet, Sample } from '../../data/types.ts';
import { evaluate, type ScoredImage } from '../../infer/evaluate.ts';
import { type InferenceOptions, reduced } from '../../infer/inference.ts';
import { addToTally, createTally } from '../../infer/tally.ts';
import type { SampleCounts } from '../../ladder/statistics.ts';
import type { ConfusionMatrix } from '../../metrics/confusion.ts';
import type { RegionCounts } from '../../metrics/regions.ts';
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
  const add = ({ id, prediction, masks, label }: Pick<ScoredImage, 'id' | 'prediction' | 'masks' | 'label'>): void => {
    const tally = createTally(dataset);
    addToTally(tally, { ids: prediction, masks }, label, dataset);
    const sums = tally.regions ? sumsOfRegions(tally.regions, dataset.rank) : sumsOf(tally.confusion);
    counts.push({ id, group: groupOf(id), ...sums });
  };
  await evaluate(
    reduced((images) => network.forward(images, { training: false }), reduction, longSide),
    dataset,
    samples,
    device,
    {
      ...(inference ? { inference } : {}),
      onImage: add,
      onVolume: add,
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

/** The same of regions. Of volumes the first class is a background, which no score counts: regions have none. */
function sumsOfRegions({ counts }: RegionCounts, rank: 2 | 3): Pick<SampleCounts, 'hits' | 'labelled' | 'predicted'> {
  const column = (place: number) => [
    ...(rank === 3 ? [0] : []),
    ...Array.from({ length: counts.length / 3 }, (_, region) => counts[3 * region + place]),
  ];
  return { hits: column(0), labelled: column(1), predicted: column(2) };
}
