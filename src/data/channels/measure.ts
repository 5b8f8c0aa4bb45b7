/**
 * @file The normalisation of a data set, from its training images.
 */
import { spread } from '../check/parts.ts';
import { type DataSet, ownChannels } from '../types.ts';
import { loadChannels } from './read.ts';
import { createChannelStatistics, MEASURED_IMAGES, normalisationOf } from './statistics.ts';

/**
 * The data set with the normalisation of its channels; as it is where its images are 8-bit RGB, or where it has one. Reads up to 64 training images.
 * @throws DataError that names an image which cannot be read
 */
export async function withNormalisation(dataset: DataSet): Promise<DataSet> {
  if (dataset.rank === 3) return dataset;
  const channels = ownChannels(dataset);
  if (channels === undefined || channels.normalisation !== undefined) return dataset;
  const statistics = createChannelStatistics(channels);
  for (const { source } of spread(dataset.splits.train, MEASURED_IMAGES))
    if (source.kind === 'files') statistics.add((await loadChannels(source.image, channels)).data);
  return { ...dataset, channels: { ...channels, normalisation: normalisationOf(statistics.result(), channels) } };
}
