/**
 * @file Checkpoints: a folder with the tensors (safetensors) and the rest of the state (JSON), swapped in whole and verified when loaded.
 * The one before is kept: a damaged checkpoint costs the work of one interval, not of the run.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../base/errors.ts';
import { parseJson } from '../base/json.ts';
import { showShort } from '../base/text.ts';
import { previousOf, writeFolderAtomically } from './files.ts';
import { readSafetensors, type StoredTensor, writeSafetensors } from './safetensors.ts';

/** Everything needed to resume: tensors by name and any state that JSON holds (counters, seeds, generator state). */
export interface Checkpoint<State = unknown> {
  readonly tensors: Record<string, StoredTensor>;
  readonly state: State;
}

const tensorsFile = 'tensors.safetensors';
const stateFile = 'state.json';
const formatVersion = 1;
const swapsTolerated = 5;

/** Writes the checkpoint to `folder`; the one before is kept beside it. */
export function saveCheckpoint(folder: string, checkpoint: Checkpoint): void {
  const tensors = writeSafetensors(checkpoint.tensors);
  const state = inOrder(checkpoint.state);
  const header = { version: formatVersion, sha256: sha256(tensors), stateSha256: sha256OfState(state), state };
  writeFolderAtomically(folder, { [tensorsFile]: tensors, [stateFile]: `${JSON.stringify(header, null, 2)}\n` });
}

/** The state with the keys of all objects in the order of their names: the same state is the same bytes, however it was put together. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, inOrder(inner)]));
}

/** Whether there is a checkpoint at `folder`, also after a crash in the middle of a save. */
export function hasCheckpoint(folder: string): boolean {
  return existsSync(folder) || existsSync(previousOf(folder));
}

/** A checkpoint as it was found. */
export interface FoundCheckpoint<State> extends Checkpoint<State> {
  /** Why the newest one could not be read, when this is the one before it. */
  readonly damage?: string;
}

/**
 * Loads a checkpoint and verifies it, or the one before where it is missing or damaged. Changes nothing, and may run while another process
 * saves. `State` is what the caller saved; its form is the caller's business.
 *
 * @throws DataError when both are missing or damaged, about the newest.
 */
export function loadCheckpoint<State = unknown>(folder: string): FoundCheckpoint<State> {
  for (let attempt = 1; ; attempt++) {
    const before = identity(folder);
    try {
      return loadFrom(folder) as Checkpoint<State>;
    } catch (error) {
      // A save swapped the folder between two reads: the files were of different checkpoints.
      if (identity(folder) !== before && attempt < swapsTolerated) continue;
      const previous = loadPrevious(folder);
      if (previous === undefined) throw error;
      return { ...(previous as Checkpoint<State>), damage: (error as Error).message };
    }
  }
}

function loadPrevious(folder: string): Checkpoint | undefined {
  try {
    return loadFrom(previousOf(folder));
  } catch {
    return undefined;
  }
}

function loadFrom(folder: string): Checkpoint {
  const statePath = join(folder, stateFile);
  const tensorsPath = join(folder, tensorsFile);
  const header = parseState(readFile(statePath).toString('utf8'), statePath);
  const bytes = readFile(tensorsPath);
  const found = sha256(bytes);
  if (found !== header.sha256) throw damaged(tensorsPath, header.sha256, found);
  return { tensors: readSafetensors(bytes, tensorsPath).tensors, state: header.state };
}

function identity(folder: string): number | undefined {
  return statSync(folder, { throwIfNoEntry: false })?.ino;
}

/**
 * The state of a checkpoint from the text of its file, verified; `path` is named in errors.
 * @throws DataError for anything but a whole, undamaged state.
 */
export function parseState(text: string, path: string): { sha256: string; state: unknown } {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    throw new DataError(
      `${path}: expected JSON, got ${text.length} characters that are not: ${(error as Error).message}`,
    );
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new DataError(`${path}: expected the state of a checkpoint with version, sha256 and state`);
  const header = value as Record<string, unknown>;
  const unknown = Object.keys(header).find((key) => !headerKeys.includes(key));
  if (unknown !== undefined || typeof header.sha256 !== 'string')
    throw new DataError(`${path}: expected the state of a checkpoint with version, sha256 and state`);
  if (header.version !== formatVersion) {
    throw new DataError(
      `${path}: expected checkpoint version ${formatVersion}, got ${showShort(header.version)}`,
      'use the version of espalier that wrote it',
    );
  }
  // Absent in checkpoints of version 0.1.
  if (header.stateSha256 !== undefined) {
    const found = sha256OfState(header.state);
    if (found !== header.stateSha256) throw damaged(`${path}: its state`, showShort(header.stateSha256), found);
  }
  return { sha256: header.sha256, state: header.state };
}

const headerKeys = ['version', 'sha256', 'stateSha256', 'state'];

const damaged = (what: string, expected: string, found: string): DataError =>
  new DataError(`${what}: expected sha256 ${expected}, got ${found}`, 'the checkpoint is damaged; take another one');

function readFile(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new DataError(`${path}: expected a checkpoint file, got ${(error as NodeJS.ErrnoException).code ?? error}`);
  }
}

function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Of the state as JSON writes it: how its file is laid out does not count. Empty for what is nested too deeply to be written. */
function sha256OfState(state: unknown): string {
  try {
    return sha256(JSON.stringify(state) ?? 'null');
  } catch {
    return '';
  }
}
