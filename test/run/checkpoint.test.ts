/** @file Checkpoints come back, are verified, and survive a crash at any point of a save. */
import { randomUUID } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../src/base/errors.ts';
import { hasCheckpoint, loadCheckpoint, saveCheckpoint } from '../../src/run/checkpoint.ts';
import { setAside, writeAtomically, writeFolderAtomically } from '../../src/run/files.ts';
import type { StoredTensor } from '../../src/run/safetensors.ts';
import { temporaryFolder } from '../helpers/temporaryFolder.ts';

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
    expect(readdirSync(join(root, 'checkpoints')).sort()).toEqual(['last', 'last.previous']);
    expect(loadCheckpoint<{ epoch: number }>(`${folder}.previous`).state.epoch).toBe(1);
  });

  it('survive a crash between the two renames', () => {
    const folder = join(temporaryFolder(), 'last');
    saveCheckpoint(folder, { tensors: tensorOf(1), state: 1 });
    renameSync(folder, `${folder}.previous`);
    expect(hasCheckpoint(folder)).toBe(true);
    expect(loadCheckpoint(folder)).toMatchObject({ state: 1, damage: expect.stringMatching(/state\.json: .*ENOENT/) });
    // A reader, such as the dashboard, must not move what a writer is about to move.
    expect(existsSync(folder)).toBe(false);
    saveCheckpoint(folder, { tensors: tensorOf(2), state: 2 });
    expect(loadCheckpoint(folder).state).toBe(2);
  });

  it('are the same bytes for the same state, in whatever order its keys were set', () => {
    const root = temporaryFolder();
    const bytes = (name: string, state: unknown) => {
      saveCheckpoint(join(root, name), { tensors: tensorOf(1), state });
      return readFileSync(join(root, name, 'state.json'), 'utf8');
    };
    const first = bytes('a', { epoch: 1, current: { steps: 2, loss: { total: 3, steps: 2 } }, list: [{ b: 1, a: 2 }] });
    expect(bytes('b', { list: [{ a: 2, b: 1 }], current: { loss: { steps: 2, total: 3 }, steps: 2 }, epoch: 1 })).toBe(
      first,
    );
  });

  it('clear away what a killed save left', () => {
    const root = temporaryFolder();
    mkdirSync(join(root, `.last.${randomUUID()}.tmp`));
    const other = `.best.${randomUUID()}.tmp`;
    mkdirSync(join(root, other));
    saveCheckpoint(join(root, 'last'), { tensors: {}, state: null });
    expect(readdirSync(root).sort()).toEqual([other, 'last']);
  });

  it.each<[string, (folder: string) => void]>([
    ['its tensors are cut off', (folder) => truncateSync(join(folder, 'tensors.safetensors'), 20)],
    ['its state is cut off', (folder) => truncateSync(join(folder, 'state.json'), 20)],
    ['its tensors are gone', (folder) => rmSync(join(folder, 'tensors.safetensors'))],
    ['it is gone', (folder) => rmSync(folder, { recursive: true })],
  ])('fall back to the one before when %s, and lose neither by the next save', (_, damage) => {
    const folder = join(temporaryFolder(), 'last');
    saveCheckpoint(folder, { tensors: tensorOf(1), state: 1 });
    saveCheckpoint(folder, { tensors: tensorOf(2), state: 2 });
    expect(loadCheckpoint(folder)).not.toHaveProperty('damage');
    damage(folder);
    expect(loadCheckpoint(folder).state).toBe(1);
    expect(loadCheckpoint(folder).damage).toMatch(/last/);
    setAside(folder);
    saveCheckpoint(folder, { tensors: tensorOf(3), state: 3 });
    expect(loadCheckpoint(folder).state).toBe(3);
    expect(loadCheckpoint(`${folder}.previous`).state).toBe(1);
  });

  it('notice every flipped bit that matters', () => {
    const folder = join(temporaryFolder(), 'last');
    const content = { tensors: tensorOf(1, -2), state: { epoch: 3, step: 17, name: 'ä', list: [0.1, null] } };
    saveCheckpoint(folder, content);
    for (const name of ['state.json', 'tensors.safetensors']) {
      const path = join(folder, name);
      const whole = readFileSync(path);
      for (let bit = 0; bit < 8 * whole.length; bit++) {
        const flipped = Buffer.from(whole);
        flipped[bit >> 3] ^= 1 << (bit & 7);
        writeFileSync(path, flipped);
        try {
          const { tensors, state } = loadCheckpoint(folder);
          // White space may change: it says nothing.
          expect({ bit, state, w: [...tensors.w.data] }).toEqual({
            bit,
            state: content.state,
            w: [...content.tensors.w.data],
          });
        } catch (error) {
          expect(error).toBeInstanceOf(DataError);
        }
      }
      writeFileSync(path, whole);
    }
  });

  it('of version 0.1, which have no checksum of the state, are read', () => {
    const folder = join(temporaryFolder(), 'last');
    saveCheckpoint(folder, { tensors: tensorOf(1), state: 7 });
    const path = join(folder, 'state.json');
    const { stateSha256: _, ...old } = JSON.parse(readFileSync(path, 'utf8'));
    writeFileSync(path, JSON.stringify(old));
    expect(loadCheckpoint(folder).state).toBe(7);
  });

  it('refuse keys that reach for the prototype', () => {
    const folder = join(temporaryFolder(), 'last');
    saveCheckpoint(folder, { tensors: tensorOf(1), state: { a: 1 } });
    const path = join(folder, 'state.json');
    for (const key of ['__proto__', 'constructor', 'prototype', '\\u005f_proto__']) {
      const text = readFileSync(path, 'utf8');
      writeFileSync(path, text.replace('"a": 1', `"a": {"${key}": {"polluted": true}}`));
      expect(() => loadCheckpoint(folder)).toThrow(/state\.json: .*is not allowed/);
      writeFileSync(path, text);
    }
  });

  it('keep the old one when the new one cannot be written', () => {
    const root = temporaryFolder();
    const folder = join(root, 'last');
    saveCheckpoint(folder, { tensors: tensorOf(1), state: 1 });
    const tensors = { w: { dtype: 'float32', shape: [2], data: new Uint8Array(4) } } as const;
    expect(() => saveCheckpoint(folder, { tensors, state: 2 })).toThrow();
    expect(() => writeFolderAtomically(folder, { 'no/such/file': 'x' })).toThrow();
    expect(loadCheckpoint(folder)).toEqual({ tensors: expect.anything(), state: 1 });
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
    expect(() => loadCheckpoint(folder)).toThrow(/version 1, got 9/);
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
