/**
 * @file The recipe of a race, derived from the data: scale, crop, batch, loss weights, augmentation. Settings of `train` that are written down, so that they
 * can be read and changed.
 */
import { DataError } from '../../base/errors.ts';
import { checkDataSet } from '../../data/check/check.ts';
import { loadSample } from '../../data/sample.ts';
import type { DataSet, ImageSet, Sample } from '../../data/types.ts';
import { planVolumes } from '../../data/volumes/plan.ts';
import { addToConfusion, createConfusion, segmentationScores } from '../../metrics/confusion.ts';
import type { Layer } from '../../run/config/config.ts';
import { haveAnUp } from './upright.ts';

/** Samples that are looked at. */
const GLANCE = 24;
/** Sides of crops are multiples of this, which every network of a race can read. */
const SIDE = 32;
/** Longest side of a crop of images. */
const LONGEST_CROP = 256;
/** Images up to this long side keep their size; larger ones are halved while their labels bear it. */
const LONG_SIDE = 320;
/** What the labels must keep of themselves, as mean IoU, when they are reduced and enlarged again. */
const KEPT_DETAIL = 0.9;
/** Pixels of a batch of images, about. */
const BATCH_PIXELS = 8 * 160 * 224;
/** A class with a smaller share is rare: weights raise it. */
const RARE = 0.03;

/** What all trainings share, whatever the data. */
const COMMON = {
  optimizer: 'adamw',
  learningRate: 0.002,
  decay: 0.01,
  ema: 0.98,
  warmupSteps: 20,
} as const;

/** Settings of `train` for a data set, and why. @throws DataError for data on which nothing can be learnt. */
export async function deriveRecipe(dataset: DataSet): Promise<{ recipe: Layer; reasons: string[] }> {
  if (dataset.classes.length < 2)
    throw new DataError(`${dataset.name} has one class: there is nothing to tell apart`, 'label at least two classes');
  const report = await checkDataSet({ ...dataset, splits: { ...dataset.splits, val: [] } }, { limit: GLANCE });
  const wrong = report.problems.find(({ severity, file }) => severity === 'error' && file !== dataset.name);
  if (wrong) throw new DataError(`${wrong.file}: ${wrong.message}`, wrong.fix);
  const present = report.classShares.filter((share) => share > 0);
  if (present.length < 2)
    throw new DataError(
      `${dataset.name}: ${present.length === 0 ? 'no pixel is labelled' : 'every labelled pixel has one class'} in ${report.counts.train.read} training samples`,
      'check the masks: espalier data check',
    );
  if (report.rank === 3) {
    const { fingerprint } = report;
    if (!fingerprint) throw new DataError(`${dataset.name}: no training volume could be read`);
    const { crop, batch, preparation } = planVolumes(fingerprint, dataset.splits.train.length);
    return {
      recipe: {
        ...COMMON,
        crop: smallEnough(crop),
        batch: Math.max(2, Math.min(4, batch)),
        preparation,
        // Left and right may be classes.
        augmentation: { flip: false },
      },
      reasons: [
        `volumes: patches of ${smallEnough(crop).join(' x ')} at the median spacing, Dice + ${dataset.regions ? 'binary ' : ''}cross-entropy; nothing is mirrored, since left and right may be classes`,
      ],
    };
  }
  const pictures = dataset as ImageSet;
  const { sizes } = report;
  const middle = sizes
    .flatMap(({ width, height, count }) => Array.from({ length: count }, () => ({ width, height })))
    .sort((a, b) => a.width * a.height - b.width * b.height);
  const { width, height } = middle[middle.length >> 1] ?? { width: SIDE, height: SIDE };
  const scale = await chooseScale(pictures, Math.max(width, height));
  const side = (length: number) => Math.max(SIDE, Math.min(LONGEST_CROP, SIDE * Math.floor(length / scale / SIDE)));
  const crop = [side(height), side(width)];
  const batch = Math.max(
    1,
    Math.min(8, Math.round(BATCH_PIXELS / (crop[0] * crop[1])), Math.floor(dataset.splits.train.length / 2)),
  );
  // Dice counts regions alike, however small they are.
  const rarest = dataset.regions ? 1 : Math.min(...present);
  const upright = await haveAnUp(pictures, glanceAt(pictures, GLANCE));
  return {
    recipe: {
      ...COMMON,
      scale,
      crop,
      batch,
      classWeights: rarest < RARE ? 'sqrt' : 'none',
      augmentation: { scale: [0.75, 1.5], colour: 0.2, ...(upright ? {} : { turns: true }) },
    },
    reasons: [
      `images of ${width} x ${height} at 1/${scale} of their size, crops of ${crop[1]} x ${crop[0]}, ${batch} a step`,
      dataset.regions
        ? 'regions: Dice + binary cross-entropy, each of them alike'
        : rarest < RARE
          ? `classes weighted by the square root of their rarity: the rarest has ${(100 * rarest).toPrecision(2)} % of the pixels`
          : 'classes weigh alike: none is rare',
      upright
        ? 'images have an up: they are mirrored from left to right only'
        : 'images have no up, by their classes and brightness: they are turned and mirrored',
    ],
  };
}

/** Halves the longest side until a patch has at most 64k voxels: a race needs many steps more than large patches. */
function smallEnough(crop: readonly number[]): number[] {
  const sides = [...crop];
  while (sides.reduce((product, side) => product * side, 1) > 2 ** 17) {
    const longest = sides.indexOf(Math.max(...sides));
    if (sides[longest] <= SIDE) break;
    sides[longest] = Math.max(SIDE, SIDE * Math.round(sides[longest] / 2 / SIDE));
  }
  return sides;
}

/** The largest reduction that long images need and their labels bear: 1, 2 or 4. */
async function chooseScale(dataset: ImageSet, longSide: number): Promise<number> {
  let scale = 1;
  while (scale < 4 && longSide / scale > LONG_SIDE && (await keptDetail(dataset, 2 * scale)) >= KEPT_DETAIL) scale *= 2;
  return scale;
}

/** About `count` training samples, evenly spread. */
function glanceAt({ splits: { train } }: DataSet, count: number): Sample[] {
  const every = Math.max(1, Math.floor(train.length / count));
  return train.filter((_, i) => i % every === 0);
}

/** The mean IoU of labels with themselves after they were reduced by `scale` and enlarged again, over some images. */
async function keptDetail(dataset: ImageSet, scale: number): Promise<number> {
  const confusion = createConfusion(dataset.classes.length);
  for (const sample of glanceAt(dataset, 8)) {
    const { width, height, label } = await loadSample(dataset, sample);
    const nearest = (at: number, length: number) =>
      Math.min(length - 1, scale * Math.floor(at / scale) + Math.floor(scale / 2));
    const reduced = label.map((value, i) => {
      const near = label[nearest(Math.floor(i / width), height) * width + nearest(i % width, width)];
      // What does not count on either side is no loss of detail.
      return near === dataset.ignore ? (value === dataset.ignore ? 0 : value) : near;
    });
    addToConfusion(confusion, reduced, label, dataset.ignore);
  }
  return segmentationScores(confusion).miou;
}
