/**
 * @file A data set in one line: which layout was recognised, which classes it has and who named them. A training begins with it.
 */
import { describeChannels } from './channels/format.ts';
import { describeRegions } from './regions/regions.ts';
import { type DataSet, ownChannels } from './types.ts';

/** So many classes are named. */
const MOST_NAMED = 12;

/** Such as `street, layout folder: 3 classes from data.yaml (road, tree, car), 80 train and 20 val images`. */
export function describeDataSet(dataset: DataSet): string {
  const { name, layout, rank, classes, classesFrom, splits, splitRule } = dataset;
  const names = classes.slice(0, MOST_NAMED).map((entry) => entry.name);
  if (classes.length > MOST_NAMED) names.push(`${classes.length - MOST_NAMED} more`);
  const source = classesFrom ?? 'the layout';
  const count = `${classes.length} class${classes.length === 1 ? '' : 'es'}`;
  const { train, val } = splits;
  const regions = dataset.regions ? `; regions: ${describeRegions(dataset)}` : '';
  const ignored = describeIgnored(dataset);
  const what = `${rank === 2 ? 'images' : 'volumes'}${ofChannels(dataset)}`;
  return `${name}, layout ${layout}: ${count} from ${source} (${names.join(', ')}), ${train.length} train and ${val.length} val ${what}${splitRule === 'hash' ? ', split by hash' : ''}${regions}${ignored === '' ? '' : `; ${ignored}`}`;
}

/** Of images that are not 8-bit RGB: ` of 4 channels (red, green, blue, nir) of 16 bits, by data.yaml`; else nothing. */
export function ofChannels(dataset: DataSet): string {
  const channels = dataset.rank === 2 ? ownChannels(dataset) : undefined;
  return channels === undefined ? '' : ` of ${describeChannels(channels)}, by ${channels.from}`;
}

/** Which label values do not count, where some have no place among those of classes: negative ones and NaN. */
export function describeIgnored(dataset: DataSet): string {
  if (dataset.rank === 2 || dataset.ignoredLabels === undefined) return '';
  const inMap = dataset.labelMap.flatMap((id, value) => (id === dataset.ignore ? [value] : []));
  return `ignored label values: ${[...inMap, ...dataset.ignoredLabels].join(', ')}`;
}
