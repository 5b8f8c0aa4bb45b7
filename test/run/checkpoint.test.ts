/** @file Checkpoints come back, are verified, and survive a crash at any point of a save. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../src/base/errors.ts';
import { hasCheckpoint, loadCheckpoint, saveCheckpoint } from '../../src/run/checkpoint.ts';
import { writeAtomically, writeFolderAtomically } from '../../src/run/files.ts';
import type { StoredTensor } from '../../src/run/safetensors.ts';
import { temporaryFolder } from './disk.ts';

const tensorOf = (...values: number[]): Record<string, StoredTensor> => ({
  w: { dtype: 'float32', shape: [values.length], data: new Uint8Array(Float32Array.from(values).buffer) },
});

describe('checkpoints', () => {
  it('come back as saved, the newest one, and leave nothing else behind', () => {
    const root = temporaryFolder();
    const folder = join(root, 'checkpoints', 'last');
    expect(hasCheckpoint(folder)).toBe(false);
    for (let epoch = 0; epoch < 3; epoch++) saveCheckpoint(folder, { tensors: tensorOf(epoch, 2), state: { epoch } });
    expect(hasCheckpoint(folder)).toBe(true);
    const { tensors, state } = loadCheckpoint<{ epoch: number }>(folder);
    expect(state.epoch).toBe(2);
    expect([...new Float32Array(tensors.w.data.slice().buffer)]).toEqual([2, 2]);
    expect(readdirSync(join(root, 'checkpoints'))).toEqual(['last']);
  });

  it('survive a crash between the two renames', () => {
    const folder = join(temporaryFolder(), 'last');
    saveCheckpoint(folder, { tensors: tensorOf(1), state: 1 });
    renameSync(folder, `${folder}.previous`);
    expect(hasCheckpoint(folder)).toBe(true);
    expect(loadCheckpoint(folder).state).toBe(1);
    // A reader, such as the dashboard, must not move what a writer is about to move.
    expect(existsSync(folder)).toBe(false);
    saveCheckpoint(folder, { tensors: tensorOf(2), state: 2 });
    expect(loadCheckpoint(folder).state).toBe(2);
  });

  it('clear away what a killed save left', () => {
    const root = temporaryFolder();
    mkdirSync(join(root, '.last.abandoned.tmp'));
    mkdirSync(join(root, '.best.other.tmp'));
    saveCheckpoint(join(root, 'last'), { tensors: {}, state: null });
    expect(readdirSync(root).sort()).toEqual(['.best.other.tmp', 'last']);
  });

  it('survive a crash after the second rename', () => {
    const folder = join(temporaryFolder(), 'last');
    saveCheckpoint(folder, { tensors: tensorOf(1), state: 1 });
    mkdirSync(`${folder}.previous`);
    writeFileSync(join(`${folder}.previous`, 'state.json'), 'old');
    expect(loadCheckpoint(folder).state).toBe(1);
    saveCheckpoint(folder, { tensors: tensorOf(2), state: 2 });
    expect(loadCheckpoint(folder).state).toBe(2);
    expect(existsSync(`${folder}.previous`)).toBe(false);
  });

  it('keep the old one when the new one cannot be written', () => {
    const root = temporaryFolder();
    const folder = join(root, 'last');
    saveCheckpoint(folder, { tensors: tensorOf(1), state: 1 });
    const tensors = { w: { dtype: 'float32', shape: [2], data: new Uint8Array(4) } } as const;
    expect(() => saveCheckpoint(folder, { tensors, state: 2 })).toThrow();
    expect(() => writeFolderAtomically(folder, { 'no/such/file': 'x' })).toThrow();
    expect(loadCheckpoint(folder).state).toBe(1);
    expect(readdirSync(root)).toEqual(['last']);
  });

  it('are refused when damaged, with the file named', () => {
    const folder = join(temporaryFolder(), 'last');
    saveCheckpoint(folder, { tensors: tensorOf(1), state: 1 });
    const path = join(folder, 'tensors.safetensors');
    const bytes = readFileSync(path);
    bytes[bytes.length - 1] ^= 1;
    writeFileSync(path, bytes);
    expect(() => loadCheckpoint(folder)).toThrow(DataError);
    expect(() => loadCheckpoint(folder)).toThrow(/tensors\.safetensors: expected sha256/);
    writeFileSync(join(folder, 'state.json'), '{"version":1');
    expect(() => loadCheckpoint(folder)).toThrow(/state\.json: expected JSON/);
    writeFileSync(join(folder, 'state.json'), '{"version":9,"sha256":"","state":1}');
    expect(() => loadCheckpoint(folder)).toThrow(/version 1, came 9/);
    expect(() => loadCheckpoint(join(folder, 'absent'))).toThrow(DataError);
  });
});

describe('writeAtomically', () => {
  it('replaces a file and leaves no temporary one, also when it fails', () => {
    const folder = temporaryFolder();
    const path = join(folder, 'deep', 'a.txt');
    writeAtomically(path, 'one');
    writeAtomically(path, Uint8Array.of(116, 119, 111));
    expect(readFileSync(path, 'utf8')).toBe('two');
    expect(() => writeAtomically(join(folder, 'deep'), 'a folder is there')).toThrow();
    expect(readdirSync(folder)).toEqual(['deep']);
    expect(readdirSync(join(folder, 'deep'))).toEqual(['a.txt']);
  });
});
