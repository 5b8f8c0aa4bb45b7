/**
 * @file The sides that a run gave its samples, applied to its data as they are now: what was trained on never becomes val.
 */
import type { SplitRecord } from './splitRecord.ts';
import { recordOf } from './splitRecord.ts';
import type { DataSet, Sample, SplitName } from './types.ts';

/** How the samples of a data set differ from those of a record. */
export interface DataChange {
  readonly added: number;
  readonly missing: number;
  /** Files of other sizes. */
  readonly changed: number;
  /** On another side than recorded. */
  readonly moved: number;
  /** In both. */
  readonly common: number;
}

/** Samples of train and val on the sides that the record gives them, others where they are. A split that comes with the data stays as it is. */
export function keepSides<Of extends DataSet>(dataset: Of, record: SplitRecord): Of {
  if (dataset.splitRule !== 'hash') return dataset;
  const { train, val } = record.splits;
  const sideOf = ({ id }: Sample, now: SplitName): SplitName => (val?.has(id) ? 'val' : train?.has(id) ? 'train' : now);
  const all = [
    ...dataset.splits.train.map((sample) => ({ sample, side: sideOf(sample, 'train') })),
    ...dataset.splits.val.map((sample) => ({ sample, side: sideOf(sample, 'val') })),
  ].sort((a, b) => (a.sample.id < b.sample.id ? -1 : Number(a.sample.id > b.sample.id)));
  const on = (wanted: SplitName) => all.filter(({ side }) => side === wanted).map(({ sample }) => sample);
  return { ...dataset, splits: { train: on('train'), val: on('val') } };
}

/** Compares by id. */
export function compareToRecord(dataset: DataSet, record: SplitRecord): DataChange {
  const { splits } = recordOf(dataset);
  // A part that was not read when the record was made says nothing about the others.
  const known = Object.entries(splits).filter(([name]) => name in record.splits || name === 'train' || name === 'val');
  const [before, now] = [flat(record), flat({ splits: Object.fromEntries(known) })];
  const common = [...now].filter(([id]) => before.has(id)).map(([id, sample]) => [sample, before.get(id)!] as const);
  return {
    added: now.size - common.length,
    missing: before.size - common.length,
    changed: common.filter(([a, b]) => a.bytes !== b.bytes).length,
    moved: common.filter(([a, b]) => a.split !== b.split).length,
    common: common.length,
  };
}

/** The change in words, such as "6 samples are new, 1 is missing"; undefined where there is none. */
export function describeChange({ added, missing, changed, moved }: DataChange): string | undefined {
  const parts = (
    [
      [added, 'new'],
      [missing, 'missing'],
      [changed, 'changed'],
      [moved, 'in another split'],
    ] as const
  ).filter(([count]) => count > 0);
  if (parts.length === 0) return undefined;
  const words = parts.map(([count, what], i) => {
    const unit = i > 0 ? '' : count === 1 ? ' sample' : ' samples';
    return `${count}${unit} ${count === 1 ? 'is' : 'are'} ${what}`;
  });
  return words.join(', ');
}

const flat = ({ splits }: Pick<SplitRecord, 'splits'>): Map<string, { split: string; bytes: number }> =>
  new Map(
    Object.entries(splits).flatMap(([split, samples]) =>
      [...samples].map(([id, bytes]) => [id, { split, bytes }] as const),
    ),
  );
