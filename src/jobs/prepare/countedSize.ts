/**
 * @file The size that budgets are counted for where none is set: that of the data. Of images the first of the validation split, as inference reads it; of
 * volumes the patch, since a network reads nothing larger.
 */
import { loadSample, loadStoredImage } from '../../data/sample.ts';
import type { DataSet } from '../../data/types.ts';
import { hasBudget } from '../../models/width.ts';
import type { Parallel } from '../../parallel/parallel.ts';
import type { SearchConfig } from '../../run/config/schemas/search.ts';
import type { TrainConfig } from '../../run/config/schemas/train.ts';
import { sidesOf } from '../settings.ts';

/** Settings with the size that their budget is counted for; as they are where they have no budget, or a size. All ranks get that of the first. */
export async function withCountedSize<Config extends TrainConfig | SearchConfig>(
  config: Config,
  dataset: DataSet,
  crop: number | readonly number[],
  parallel?: Parallel,
): Promise<Config> {
  if (config.size !== undefined || !hasBudget(config.budget)) return config;
  const own = parallel === undefined || parallel.rank === 0 ? await sizeOfData(config, dataset, crop) : undefined;
  const [size] = parallel ? await parallel.gather(own) : [own];
  return { ...config, size };
}

async function sizeOfData(
  config: Pick<TrainConfig, 'scale'> & Partial<Pick<TrainConfig, 'longSide'>>,
  dataset: DataSet,
  crop: number | readonly number[],
): Promise<number[]> {
  const sample = dataset.splits.val[0] ?? dataset.splits.train[0];
  if (dataset.rank === 3 || !sample) return [...sidesOf(crop, dataset.rank)];
  const { source } = sample;
  const { width, height } =
    source.kind === 'files' ? await loadStoredImage(dataset, source.image) : await loadSample(dataset, sample);
  const { scale, longSide } = config;
  const factor = (longSide === undefined ? 1 : longSide / Math.max(width, height)) / scale;
  return [height, width].map((side) => Math.max(1, Math.round(side * factor)));
}
