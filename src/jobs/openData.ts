/**
 * @file The data set of a run: as its settings ask for it when it is trained, and the same one, in the same fold and prepared in the same way, when its
 * network is scored.
 */
import { existsSync } from 'node:fs';
import { ConfigError } from '../base/errors.ts';
import { openDataSet } from '../data/detect.ts';
import type { DataSet } from '../data/types.ts';
import { readHeldOut, withHeldOut } from '../data/validation.ts';
import type { TrainConfig } from '../run/config/schemas.ts';
import type { RunFolder } from '../run/folder.ts';
import { loadConfigFile } from '../run/openRun.ts';
import type { NetworkDescription } from './network.ts';

/** Settings that choose and prepare a data set. */
type DataSettings = Pick<TrainConfig, 'data'> &
  Partial<Pick<TrainConfig, 'seed' | 'fold' | 'folds' | 'preparation' | 'heldOut'>>;

/**
 * The data set of a search or training; volumes in the fold and with the preparation that the settings ask for. With `heldOut` training samples are
 * validated on, and the validation split is called `reported`.
 */
export async function openTrainingData(settings: DataSettings): Promise<DataSet> {
  const { data, seed, fold, folds, preparation = {}, heldOut } = settings;
  const opened = await openDataSet(data, {
    ...(seed === undefined ? {} : { seed }),
    ...(fold === undefined ? {} : { fold }),
    ...(folds === undefined ? {} : { folds }),
  });
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

/**
 * The data set that the network of a run is scored on: that of its training unless `data` names another.
 * @throws ConfigError when it is of other classes, another rank or other modalities.
 */
export async function openRunData(
  folder: RunFolder,
  { classes, volumes }: NetworkDescription,
  data?: string,
): Promise<DataSet> {
  // A folder for a model hub has no settings of its own.
  const trained = (existsSync(folder.config) ? loadConfigFile(folder.config) : {}) as Partial<DataSettings>;
  const source = data ?? trained.data;
  if (source === undefined) throw new ConfigError(`${folder.path} does not say what it was trained on`, 'add data=...');
  const dataset = await openTrainingData({ ...trained, data: source });
  if (dataset.classes.length !== classes.length) {
    throw new ConfigError(
      `${dataset.name} has ${dataset.classes.length} classes, the network tells ${classes.length} apart`,
      'give the data set it was trained on',
    );
  }
  if (dataset.rank !== (volumes ? 3 : 2)) {
    throw new ConfigError(
      `${dataset.name} holds ${dataset.rank === 3 ? 'volumes' : 'pictures'}, the network reads ${volumes ? 'volumes' : 'pictures'}`,
      'give the data set it was trained on',
    );
  }
  if (dataset.rank === 2 || !volumes) return dataset;
  if (dataset.modalities.length !== volumes.modalities.length) {
    throw new ConfigError(
      `${dataset.name} has the modalities ${dataset.modalities.join(', ')}, the network reads ${volumes.modalities.join(', ')}`,
      'give the data set it was trained on',
    );
  }
  return { ...dataset, preparation: volumes.preparation };
}
