/**
 * @file Judges a network on held-out samples between rungs, the same ones for every candidate, with the loss that trains it: whole images, as the network
 * will be used, and fixed patches of volumes, where windows over whole ones would cost too much.
 */
import type { LoadedBatch } from '../../data/loader/batch.ts';
import { createLoader, evaluationBatches } from '../../data/loader/loader.ts';
import { writeRegions } from '../../data/regions/regions.ts';
import type { DataSet } from '../../data/types.ts';
import { NO_VOLUME_AUGMENTATION } from '../../data/volumes/augment.ts';
import { STANDARD_PATCHES } from '../../data/volumes/patches.ts';
import { noGrad } from '../../engine/autograd.ts';
import * as op from '../../engine/operators.ts';
import { scope, type Tensor } from '../../engine/tensor.ts';
import { classMap, countPixels, masksAbove, toTensors } from '../../infer/batch.ts';
import { type Infer, reduced } from '../../infer/inference.ts';
import { addToTally, createTally, scoresOfTally, type Tally } from '../../infer/tally.ts';
import { diceOf } from '../../metrics/cases.ts';
import type { TrainSettings } from '../../train/retrain.ts';

/** Most samples: more cost time that trains better. */
const MOST_SAMPLES = 96;
/** Fewest patches of volumes: of few volumes several each. */
const FEWEST_PATCHES = 32;

/** The score in [0, 1], mean IoU of images and mean Dice of the foreground (or the regions) of volumes, and the mean loss. */
export async function judgeNetwork(
  network: Infer,
  dataset: DataSet,
  settings: TrainSettings,
  device: string,
  loss: (logits: Tensor, labels: Tensor) => Tensor,
): Promise<{ score: number; loss: number }> {
  const infer = reduced(network, dataset.rank === 2 ? settings.reduction : 1, settings.longSide);
  const tally = createTally(dataset);
  let [sum, count] = [0, 0];
  for await (const batch of dataset.rank === 2 ? images(dataset) : patches(dataset, settings)) {
    const pixels = countPixels(batch.labels, dataset.ignore);
    if (pixels === 0) continue;
    const value = noGrad(() =>
      scope(() => {
        const inputs = toTensors(batch, device);
        const logits = infer(inputs.images);
        addToTally(tally, predictedOf(logits, dataset), batch.labels, dataset);
        return loss(logits, inputs.labels).item();
      }),
    );
    sum += value;
    count++;
  }
  return { score: scoreOf(tally, dataset.rank), loss: sum / count };
}

/** Class maps of a batch of logits; of regions also their masks, one after the other, each of the whole batch. */
function predictedOf(logits: Tensor, { regions }: DataSet): { ids: Uint8Array; masks?: Uint8Array } {
  if (!regions) return { ids: classMap(logits) };
  const masks = masksAbove(op.permute(logits, [1, 0, ...logits.shape.slice(2).map((_, axis) => axis + 2)]), 0);
  return { ids: writeRegions(masks, regions), masks };
}

const scoreOf = (tally: Tally, rank: 2 | 3): number => {
  const scores = scoresOfTally(tally);
  if (rank === 2) return scores.miou;
  const dice = (scores.dice ?? diceOf(tally.confusion).slice(1)).filter((value) => !Number.isNaN(value));
  return dice.reduce((total, value) => total + value, 0) / dice.length;
};

/** Some of the held-out samples, evenly spread. */
function chosen({ splits: { val } }: DataSet) {
  const every = Math.max(1, Math.ceil(val.length / MOST_SAMPLES));
  return val.filter((_, i) => i % every === 0);
}

const images = (dataset: DataSet): AsyncIterable<LoadedBatch> => evaluationBatches(dataset, chosen(dataset));

/** Patches without augmentation, drawn by a seed that no training has. */
async function* patches(dataset: DataSet, settings: TrainSettings): AsyncGenerator<LoadedBatch> {
  const samples = chosen(dataset);
  const loader = createLoader({
    ...settings,
    dataset,
    samples,
    batch: Math.min(settings.batch, samples.length),
    seed: 0x5c07e,
    patches: { ...(settings.patches ?? STANDARD_PATCHES), augmentation: NO_VOLUME_AUGMENTATION },
    workers: 0,
    shuffle: false,
    dropLast: false,
  });
  try {
    for (let epoch = 0; epoch < Math.max(1, Math.ceil(FEWEST_PATCHES / samples.length)); epoch++)
      yield* loader.batches(epoch);
  } finally {
    await loader.close();
  }
}
