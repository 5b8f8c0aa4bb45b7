/**
 * @file Train and val of data that come without a split. The side of a sample is decided by a hash of its id: more data, other data or another
 * order leave every sample where it was.
 *
 * The rule: SHA-256 of `<seed>:<group>` gives each group of samples a place in [0, 1); the group of a sample is its own id unless the data say
 * otherwise. Fold f of n is [f / n, (f + 1) / n); part `fold` is val. Sizes are therefore only about equal. Small data may leave a fold empty: it
 * then takes the first group of the fold that has most. Only in that case can new data move a sample, and a run keeps the split it began with.
 */
import { createHash } from 'node:crypto';
import { ConfigError, DataError } from '../base/errors.ts';
import { appendAll } from '../base/lists.ts';
import type { DataSetBase, Sample } from './types.ts';

/** Which part is val. */
export interface FoldOptions {
  /** From 0 to `folds` - 1; default 0. */
  fold?: number;
  /** Number of parts; default 5, so that about a fifth is val. */
  folds?: number;
  /** Another one is another split; default 0. */
  splitSeed?: number;
  /** The group of a sample by its id: samples of one group are on the same side. By default each is its own. */
  groupOf?: GroupOf;
  /** The folder or file that lists the samples, for errors. */
  where?: string;
}

/** The group of a sample by its id, such as the video of a frame. */
export type GroupOf = (id: string) => string;

/** Where a group lies, in [0, 1): the same on every machine, whatever form of Unicode a file system gives its name. */
export function placeOf(group: string, splitSeed = 0): number {
  const hash = createHash('sha256')
    .update(`${splitSeed}:${group.normalize('NFC')}`)
    .digest();
  return hash.readUIntBE(0, 6) / 2 ** 48;
}

/**
 * Splits samples into `folds` parts by the rule above; part `fold` is val. Over all folds every sample is in val once. Both splits are in the
 * order of ids.
 * @throws ConfigError for a fold out of range, DataError for fewer groups than folds.
 */
export function splitFold(samples: readonly Sample[], options: FoldOptions = {}): DataSetBase['splits'] {
  const { fold = 0, folds = 5 } = options;
  if (!Number.isInteger(folds) || folds < 2) throw new ConfigError(`folds ${folds}`, 'expected a whole number from 2');
  if (!Number.isInteger(fold) || fold < 0 || fold >= folds) {
    throw new ConfigError(`fold ${fold} of ${folds}`, `expected a whole number from 0 to ${folds - 1}`);
  }
  const groups = placedGroups(samples, options);
  if (groups.length < folds) {
    const what = `${groups.length} labelled ${options.groupOf ? 'groups' : 'samples'}`;
    const where = options.where === undefined ? '' : `${options.where}: `;
    throw new DataError(`${where}${what} make no ${folds} folds`, 'lower folds or add data');
  }
  const parts: Group[][] = Array.from({ length: folds }, () => []);
  for (const group of groups) parts[Math.min(folds - 1, Math.floor(group.place * folds))].push(group);
  for (const part of parts) {
    if (part.length > 0) continue;
    const largest = parts.reduce((most, other) => (other.length > most.length ? other : most));
    appendAll(part, largest.splice(0, 1));
  }
  return sidesOf(samples, parts[fold]);
}

/**
 * Splits samples in two: val are the groups whose place is below `valShare`; where there is none the first, where they are all of them all but the
 * last. Both splits are in the order of ids.
 * @throws DataError for fewer than two groups.
 */
export function splitShare(
  samples: readonly Sample[],
  valShare: number,
  options: Pick<FoldOptions, 'splitSeed' | 'groupOf'> = {},
): DataSetBase['splits'] {
  const groups = placedGroups(samples, options);
  if (groups.length < 2) {
    const what = `${groups.length} ${options.groupOf ? 'group' : 'labelled image'}`;
    throw new DataError(`cannot split ${what} into train and val`, 'add more');
  }
  const below = groups.filter(({ place }) => place < valShare).length;
  return sidesOf(samples, groups.slice(0, Math.min(groups.length - 1, Math.max(1, below))));
}

/**
 * Splits images that come without a split: val is the share that they state, or a fold; of fewer images than folds the first fold is a share.
 * @throws ConfigError for a fold other than the first of data that state a share.
 */
export function splitImages(
  samples: readonly Sample[],
  { valShare, ...rule }: FoldOptions & { valShare?: number | undefined },
): DataSetBase['splits'] {
  const { fold = 0, folds = 5, groupOf } = rule;
  if (valShare !== undefined && fold > 0)
    throw new ConfigError(
      `fold=${fold}: data.yaml states \`valShare\`, which is one split`,
      'leave `valShare` out of data.yaml to have folds',
    );
  if (valShare !== undefined) return splitShare(samples, valShare, rule);
  const groups = groupOf ? new Set(samples.map(({ id }) => groupOf(id))).size : samples.length;
  return fold === 0 && groups < folds ? splitShare(samples, 1 / folds, rule) : splitFold(samples, rule);
}

interface Group {
  readonly name: string;
  readonly place: number;
  readonly samples: Sample[];
}

/** The groups in the order of their places. */
function placedGroups(
  samples: readonly Sample[],
  { splitSeed = 0, groupOf = (id) => id }: Pick<FoldOptions, 'splitSeed' | 'groupOf'>,
): Group[] {
  const groups = new Map<string, Group>();
  for (const sample of samples) {
    const name = groupOf(sample.id);
    const group = groups.get(name);
    if (group) group.samples.push(sample);
    else groups.set(name, { name, place: placeOf(name, splitSeed), samples: [sample] });
  }
  return [...groups.values()].sort((a, b) => a.place - b.place || (a.name < b.name ? -1 : 1));
}

function sidesOf(samples: readonly Sample[], val: readonly Group[]): DataSetBase['splits'] {
  const chosen = new Set(val.flatMap((group) => group.samples));
  const ordered = [...samples].sort((a, b) => (a.id < b.id ? -1 : Number(a.id > b.id)));
  return {
    train: ordered.filter((sample) => !chosen.has(sample)),
    val: ordered.filter((sample) => chosen.has(sample)),
  };
}
