/**
 * @file Scores a network on fixed crops of the held-out samples, the same for every candidate, with the loss that trains it.
 */
import { createLoader } from '../../data/loader/loader.ts';
import type { DataSet } from '../../data/types.ts';
import { NO_VOLUME_AUGMENTATION } from '../../data/volumes/augment.ts';
import { noGrad } from '../../engine/autograd.ts';
import { scope, type Tensor } from '../../engine/tensor.ts';
import { classMap, toTensors } from '../../infer/batch.ts';
import { diceOf } from '../../metrics/cases.ts';
import { addToConfusion, createConfusion, segmentationScores } from '../../metrics/confusion.ts';
import type { Network } from '../../models/network.ts';
import type { TrainSettings } from '../../train/retrain.ts';

/** Fewest crops: of few samples several each. */
const FEWEST_CROPS = 32;
/** Most crops: more cost time that trains better. */
const MOST_CROPS = 96;

/** The mean score and loss over the crops. */
export async function scoreCrops(
  network: Network,
  dataset: DataSet,
  settings: TrainSettings,
  device: string,
  loss: (logits: Tensor, labels: Tensor) => Tensor,
): Promise<{ score: number; loss: number }> {
  const { val } = dataset.splits;
  const every = Math.max(1, Math.ceil(val.length / MOST_CROPS));
  const samples = val.filter((_, i) => i % every === 0);
  const { scale } = settings.augmentation;
  const middle = Math.sqrt(scale.min * scale.max);
  const { patches } = settings;
  const loader = createLoader({
    ...settings,
    dataset,
    samples,
    batch: Math.min(settings.batch, samples.length),
    // Of the seeds of trainings none is this one: crops are nobody's training crops.
    seed: 0x5c07e,
    augmentation: {
      ...settings.augmentation,
      scale: { min: middle, max: middle, step: middle },
      flip: 0,
      brightness: 0,
      contrast: 0,
      saturation: 0,
    },
    ...(patches ? { patches: withoutAugmentation(patches) } : {}),
    workers: 0,
    shuffle: false,
    dropLast: false,
  });
  const confusion = createConfusion(dataset.classes.length);
  let [sum, batches] = [0, 0];
  const epochs = Math.max(1, Math.ceil(FEWEST_CROPS / samples.length));
  try {
    for (let epoch = 0; epoch < epochs; epoch++) {
      for await (const batch of loader.batches(epoch)) {
        const value = noGrad(() =>
          scope(() => {
            const { images, labels } = toTensors(batch, device);
            const logits = network.forward(images, { training: false });
            addToConfusion(confusion, classMap(logits), batch.labels, dataset.ignore);
            return loss(logits, labels).item();
          }),
        );
        // Crops without a labelled pixel have no loss.
        if (Number.isNaN(value)) continue;
        sum += value;
        batches++;
      }
    }
  } finally {
    await loader.close();
  }
  const dice = diceOf(confusion)
    .slice(1)
    .filter((value) => !Number.isNaN(value));
  const score =
    dataset.rank === 3
      ? dice.reduce((total, value) => total + value, 0) / dice.length
      : segmentationScores(confusion).miou;
  return { score, loss: sum / batches };
}

const withoutAugmentation = (
  patches: NonNullable<TrainSettings['patches']>,
): NonNullable<TrainSettings['patches']> => ({
  ...patches,
  augmentation: NO_VOLUME_AUGMENTATION,
});
