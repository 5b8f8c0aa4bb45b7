/**
 * @file The data set of a run: as its settings ask for it when it is trained, and the same one, on the same sides and prepared in the same way, when
 * its network is scored.
 */
import { existsSync } from 'node:fs';
import { ConfigError } from '../base/errors.ts';
import { asNetworkReads } from '../data/channels/derive.ts';
import { openDataSet } from '../data/detect.ts';
import { readHeldOut, withHeldOut } from '../data/heldOut/validation.ts';
import { namedRegions, requireRegions } from '../data/regions/named.ts';
import { compareToRecord, describeChange, keepSides } from '../data/sides.ts';
import type { SplitRecord } from '../data/splitRecord.ts';
import { orderClasses, orderModalities } from '../data/splits.ts';
import type { DataSet, Sample } from '../data/types.ts';
import type { TrainConfig } from '../run/config/schemas/train.ts';
import type { RunFolder } from '../run/folder.ts';
import { loadConfigFile } from '../run/openRun.ts';
import type { NetworkDescription } from './network.ts';
import { type KnownSplit, readSplit } from './prepare/knownSplit.ts';

/** Settings that choose and prepare a data set. */
export type DataSettings = Pick<TrainConfig, 'data'> &
  Partial<Pick<TrainConfig, 'splitSeed' | 'fold' | 'folds' | 'preparation' | 'heldOut'>>;

/**
 * The data set of a search or training, in the fold and with the preparation that the settings ask for. With `heldOut` training samples are validated on,
 * and the validation split is called `reported`.
 */
export async function openTrainingData({
  data,
  splitSeed = 0,
  fold = 0,
  folds = 5,
  preparation = {},
  heldOut,
}: DataSettings): Promise<DataSet> {
  const opened = await openDataSet(data, { splitSeed, fold, folds });
  const dataset = heldOut === undefined ? opened : withHeldOut(opened, readHeldOut(heldOut));
  if (dataset.rank === 2) return dataset;
  const { spacingMm, normalisation, cropForeground } = preparation;
  if (normalisation && normalisation.length !== dataset.modalities.length) {
    throw new ConfigError(
      `preparation.normalisation has ${normalisation.length} entries for the modalities ${dataset.modalities.join(', ')}`,
      'give one for each',
    );
  }
  return {
    ...dataset,
    preparation: {
      ...dataset.preparation,
      ...(spacingMm ? { spacingMm } : {}),
      ...(normalisation ? { normalisation } : {}),
      ...(cropForeground === undefined ? {} : { cropForeground }),
    },
  };
}

/** A data set on the sides of an earlier run, and what the user should know about how the two differ. */
export interface FoundData {
  readonly dataset: DataSet;
  readonly warnings: readonly string[];
}

/** Applies the sides of an earlier run; data that share no sample with it stay as they are. */
export function onKnownSides(dataset: DataSet, { record, run, own }: KnownSplit): FoundData {
  const sided = keepSides(dataset, record);
  const change = compareToRecord(sided, record);
  if (change.common === 0 && !own) return { dataset, warnings: [] };
  const words = describeChange(change);
  const kept = dataset.splitRule === 'hash' ? '; the others keep the side that they had' : '';
  return {
    dataset: sided,
    warnings: [
      ...(words === undefined ? [] : [`the data are not those of ${run}: ${words}${kept}`]),
      ...trainedOn(sided, record),
    ],
  };
}

/** Validation samples on which the earlier run was trained. */
const trainedOn = ({ splits: { val } }: DataSet, record: SplitRecord): string[] =>
  describeTrainedOn(val, record, 'validation samples were trained on');

/** Samples that are scored although a further run of an ensemble was trained on them. */
export function trainedOnBy({ path }: Pick<RunFolder, 'path'>, samples: readonly Sample[]): string[] {
  const known = readSplit(path, false);
  return known ? describeTrainedOn(samples, known.record, `samples were trained on by ${path}`) : [];
}

function describeTrainedOn(samples: readonly Sample[], { splits: { train } }: SplitRecord, what: string): string[] {
  const count = samples.filter(({ id }) => train?.has(id)).length;
  return count === 0 ? [] : [`${count} of ${samples.length} ${what}: scores on them are too good`];
}

/**
 * The data set that the network of a run is scored on: that of its training unless `data` names another; its classes and modalities in the order of the
 * network.
 * @throws ConfigError when it is of other classes, another rank, other modalities or other channels.
 */
export async function openRunData(
  folder: RunFolder,
  { classes, regions, volumes, images }: Pick<NetworkDescription, 'classes' | 'regions' | 'volumes' | 'images'>,
  data?: string,
): Promise<FoundData> {
  // A folder for a model hub has no settings of its own.
  const trained = (existsSync(folder.config) ? loadConfigFile(folder.config) : {}) as Partial<DataSettings>;
  const source = data ?? trained.data;
  if (source === undefined) throw new ConfigError(`${folder.path} does not say what it was trained on`, 'add data=...');
  const opened = await openTrainingData({ ...trained, data: source });
  if (opened.rank !== (volumes ? 3 : 2)) {
    throw new ConfigError(
      `${opened.name} holds ${opened.rank === 3 ? 'volumes' : 'images'}, the network reads ${volumes ? 'volumes' : 'images'}`,
      'give the data set it was trained on',
    );
  }
  const who = 'the network';
  const inOrder = orderClasses(
    opened,
    classes.map(({ name }) => name),
    who,
  );
  const named = requireRegions(inOrder, namedRegions({ classes, regions }), who);
  const ordered = volumes && named.rank === 3 ? orderModalities(named, volumes.modalities, who) : named;
  const known = readSplit(folder.path, data === undefined);
  const found = known ? onKnownSides(ordered, known) : { dataset: ordered, warnings: unknownSplit(ordered, folder) };
  const { dataset } = found;
  return dataset.rank === 3 && volumes
    ? { ...found, dataset: { ...dataset, preparation: volumes.preparation } }
    : { ...found, dataset: asNetworkReads(dataset, images, 'the network') };
}

/** What is to be said of a run whose split is not known: one of an earlier version. */
export function unknownSplit({ splitRule }: DataSet, { path, config }: Pick<RunFolder, 'path' | 'config'>): string[] {
  if (splitRule !== 'hash' || !existsSync(config)) return [];
  return [`${path} does not say how its data were split: validation samples may have been trained on`];
}
