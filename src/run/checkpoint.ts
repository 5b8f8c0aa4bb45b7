/**
 * @file Checkpoints: a folder with the tensors (safetensors) and the rest of the state (JSON), swapped in whole and verified when loaded.
 */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../base/errors.ts';
import { findFolder, writeFolderAtomically } from './files.ts';
import { readSafetensors, type StoredTensor, writeSafetensors } from './safetensors.ts';

/** Everything needed to go on: tensors by name and any state that JSON holds (counters, seeds, generator state). */
export interface Checkpoint<State = unknown> {
  readonly tensors: Record<string, StoredTensor>;
  readonly state: State;
}

const tensorsFile = 'tensors.safetensors';
const stateFile = 'state.json';
const formatVersion = 1;
const swapsTolerated = 5;

/** Writes the checkpoint to `folder`; the one before stays valid until the new one is in place. */
export function saveCheckpoint(folder: string, checkpoint: Checkpoint): void {
  const tensors = writeSafetensors(checkpoint.tensors);
  const state = { version: formatVersion, sha256: sha256(tensors), state: checkpoint.state };
  writeFolderAtomically(folder, { [tensorsFile]: tensors, [stateFile]: `${JSON.stringify(state, null, 2)}\n` });
}

/** Whether there is a checkpoint at `folder`, also after a crash in the middle of a save. */
export function hasCheckpoint(folder: string): boolean {
  return findFolder(folder) !== undefined;
}

/**
 * Loads a checkpoint and verifies it; changes nothing, and may run while another process saves. `State` is what the caller saved; its
 * form is the caller's business.
 *
 * @throws DataError when a file is missing, damaged or does not belong to the other.
 */
export function loadCheckpoint<State = unknown>(folder: string): Checkpoint<State> {
  for (let attempt = 1; ; attempt++) {
    const place = findFolder(folder) ?? folder;
    const before = identity(place);
    try {
      return loadFrom(place) as Checkpoint<State>;
    } catch (error) {
      // A save swapped the folder between two reads: the files were of different checkpoints.
      const swapped = identity(findFolder(folder) ?? folder) !== before;
      if (!swapped || attempt === swapsTolerated) throw error;
    }
  }
}

function loadFrom(folder: string): Checkpoint {
  const statePath = join(folder, stateFile);
  const tensorsPath = join(folder, tensorsFile);
  const header = parseState(readFile(statePath).toString('utf8'), statePath);
  const bytes = readFile(tensorsPath);
  const found = sha256(bytes);
  if (found !== header.sha256) {
    throw new DataError(
      `${tensorsPath}: expected sha256 ${header.sha256}, came ${found}`,
      'the checkpoint is damaged; take another one',
    );
  }
  return { tensors: readSafetensors(bytes, tensorsPath).tensors, state: header.state };
}

function identity(folder: string): number | undefined {
  return statSync(folder, { throwIfNoEntry: false })?.ino;
}

function parseState(text: string, path: string): { sha256: string; state: unknown } {
  let value: { version?: unknown; sha256?: unknown; state?: unknown } | null;
  try {
    value = JSON.parse(text);
  } catch {
    throw new DataError(`${path}: expected JSON, came ${text.length} characters that are not`);
  }
  if (typeof value !== 'object' || value === null || typeof value.sha256 !== 'string') {
    throw new DataError(`${path}: expected the state of a checkpoint with version, sha256 and state`);
  }
  if (value.version !== formatVersion) {
    throw new DataError(
      `${path}: expected checkpoint version ${formatVersion}, came ${JSON.stringify(value.version)}`,
      'use the version of espalier that wrote it',
    );
  }
  return { sha256: value.sha256, state: value.state };
}

function readFile(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new DataError(`${path}: expected a checkpoint file, came ${(error as NodeJS.ErrnoException).code ?? error}`);
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
