/**
 * @file The weights of the best epochs of a training, each a file beside its checkpoints, and the network that is their average.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DataError } from '../../base/errors.ts';
import { noGrad } from '../../engine/autograd.ts';
import { add, copyInto, scale, toDevice } from '../../engine/operators.ts';
import { scope } from '../../engine/tensor.ts';
import type { Network } from '../../models/network.ts';
import { writeAtomically } from '../../run/files.ts';
import type { RunFolder } from '../../run/folder.ts';
import { readSafetensors, type StoredTensor, writeSafetensors } from '../../run/safetensors.ts';
import type { TrainProgress } from '../../train/trainState.ts';
import { loadTensor, requireSameTensors, storeTensors } from '../checkpoint/tensors.ts';

/** The epoch of a file of kept weights, counted from 0. */
const KEPT = /^epoch-(\d{1,9})\.safetensors$/;
const folderOf = ({ last }: RunFolder): string => dirname(last);
const fileOf = (folder: RunFolder, epoch: number): string => join(folderOf(folder), `epoch-${epoch}.safetensors`);

/** Writes the weights of an epoch; the same again after a kill. */
export function saveKept(folder: RunFolder, epoch: number, { parameters }: Pick<Network, 'parameters'>): void {
  writeAtomically(fileOf(folder, epoch), writeSafetensors(storeTensors(parameters.entries())));
}

/** Removes the files of epochs that are not kept; to be called once a checkpoint says which are, or a resumed run would miss one. */
export function removeOthers(folder: RunFolder, kept: TrainProgress['kept']): void {
  for (const name of readdirSync(folderOf(folder))) {
    const epoch = KEPT.exec(name)?.[1];
    if (epoch !== undefined && !kept.some((one) => one.epoch === Number(epoch)))
      rmSync(join(folderOf(folder), name), { force: true });
  }
}

/** @throws DataError where the file is missing or damaged. */
function loadKept(folder: RunFolder, epoch: number): Record<string, StoredTensor> {
  const file = fileOf(folder, epoch);
  try {
    return readSafetensors(readFileSync(file), file).tensors;
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${file}: cannot be read (${(error as NodeJS.ErrnoException).code})`, 'train again');
  }
}

/** Makes a network the mean of the weights of some epochs, its norm statistics too: those belong to no weights, and are to be measured anew. */
export function loadAverage(
  folder: RunFolder,
  epochs: readonly number[],
  { parameters }: Pick<Network, 'parameters'>,
): void {
  const own = parameters.entries();
  const all = epochs.map((epoch) => loadKept(folder, epoch));
  for (const stored of all) requireSameTensors(own, stored);
  noGrad(() => {
    for (const [name, tensor] of own)
      scope(() => {
        const tensors = all.map((stored) => loadTensor(stored[name]));
        // What was not trained is left as it is, not rounded.
        const isSame = all.every((stored) => Buffer.compare(stored[name].data, all[0][name].data) === 0);
        const mean = isSame ? tensors[0] : scale(tensors.reduce(add), 1 / epochs.length);
        copyInto(tensor, toDevice(mean, tensor.device));
      });
  });
}
