/** @file Temporary files of writers that were killed: they go, and nothing else does. */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeAtomically, writeFolderAtomically } from '../../src/run/files.ts';
import { createRunFolder } from '../../src/run/folder.ts';
import { openRun } from '../../src/run/openRun.ts';
import { temporaryFolder } from '../helpers/temporaryFolder.ts';

/** A leftover in `folder` of a write to `name`, `hours` old. */
function leave(folder: string, name: string, hours = 0): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `.${name}.${randomUUID()}.tmp`);
  writeFileSync(path, 'half');
  const time = Date.now() / 1000 - hours * 3600;
  utimesSync(path, time, time);
  return path;
}

describe('a run that is opened', () => {
  it('removes what killed writers left in it, of whatever age, and nothing else', () => {
    const root = temporaryFolder();
    const folder = createRunFolder(root, 'search', 'a');
    const { path, samples, last, evaluations } = folder;
    writeFileSync(folder.config, 'seed: 0\n');
    const elsewhere = temporaryFolder();
    symlinkSync(elsewhere, join(path, 'linked'));
    const gone = [
      ...['genotype.json', 'architecture.json', 'config.yaml'].map((name) => leave(path, name)),
      leave(samples, '1.png'),
      leave(join(path, 'architectures'), 'c1.json'),
    ];
    const half = join(dirname(last), `.best.${randomUUID()}.tmp`);
    mkdirSync(half);
    writeFileSync(join(half, 'tensors.safetensors'), 'half');
    const kept = [
      // Another process asks for the lock in this moment.
      leave(path, 'run.lock'),
      // Written by commands that do not hold the run.
      leave(join(evaluations, 'test'), 'scores.json'),
      leave(folder.predictions, 'a.png'),
      leave(elsewhere, 'b.png'),
      ...['.notes.tmp', 'genotype.json.tmp', '.genotype.json.old.tmp'].map((name) => join(path, name)),
    ];
    for (const file of kept.slice(-3)) writeFileSync(file, 'mine');
    openRun('search', { config: { runs: root, name: 'a' }, folder }).close();
    for (const file of [...gone, half]) expect(existsSync(file), file).toBe(false);
    for (const file of kept) expect(existsSync(file), file).toBe(true);
  });
});

describe('the first write to a folder', () => {
  it('removes what is older than an hour: a younger one may still be written', () => {
    const folder = temporaryFolder();
    const old = [leave(folder, 'a.png', 2), leave(folder, 'run.lock', 2)];
    const young = leave(folder, 'b.png', 0.5);
    writeAtomically(join(folder, 'c.png'), 'whole');
    for (const file of old) expect(existsSync(file)).toBe(false);
    expect(existsSync(young)).toBe(true);
    // Once a folder: a prediction of a hundred thousand images does not list them as many times.
    const later = leave(folder, 'a.png', 2);
    writeAtomically(join(folder, 'd.png'), 'whole');
    expect(existsSync(later)).toBe(true);
  });

  it('of a checkpoint removes every half of it, and not those of its neighbours', () => {
    const folder = temporaryFolder();
    const [own, other] = ['last', 'last.one'].map((name) => leave(folder, name));
    writeFolderAtomically(join(folder, 'last'), { 'a.json': '{}' });
    expect(existsSync(own)).toBe(false);
    expect(existsSync(other)).toBe(true);
    expect(readdirSync(folder)).toHaveLength(2);
  });
});
