/** @file Run folders: never the same twice, found again, nothing outside the root. */
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError, DataError } from '../../src/base/errors.ts';
import { createRunFolder, listRunFolders, openRunFolder } from '../../src/run/folder.ts';
import { sharedFolder, temporaryFolder } from '../helpers/temporaryFolder.ts';

const now = new Date(2025, 5, 3, 4, 5, 6);

describe('run folders', () => {
  it('take the date and a counter as name', () => {
    const root = temporaryFolder();
    const names = [0, 1, 2].map(() => createRunFolder(root, 'search', undefined, now).name);
    expect(names).toEqual(['2025-06-03_04-05-06', '2025-06-03_04-05-06-2', '2025-06-03_04-05-06-3']);
  });

  it('never overwrite a named run', () => {
    const root = temporaryFolder();
    const folder = createRunFolder(root, 'train', 'first');
    expect(folder.last).toBe(join(root, 'train', 'first', 'checkpoints', 'last'));
    expect(existsSync(folder.samples)).toBe(true);
    // Killed before it wrote anything: the name is free.
    writeFileSync(join(folder.path, 'run.lock'), '{}');
    expect(createRunFolder(root, 'train', 'first')).toEqual(folder);
    writeFileSync(folder.config, 'seed: 0\n');
    expect(() => createRunFolder(root, 'train', 'first')).toThrow(ConfigError);
    expect(() => createRunFolder(root, 'train', 'first')).toThrow(/--resume/);
  });

  it.each(['', '..', '.', '../x', 'a/b', 'a\\b', '-a', '.hidden', 'a\0'])('refuse the name %j', (name) => {
    const root = temporaryFolder();
    expect(() => createRunFolder(root, 'train', name)).toThrow(ConfigError);
    expect(readdirSync(root)).toEqual([]);
  });

  it('open again and are listed once they hold something', () => {
    const root = temporaryFolder();
    const folder = createRunFolder(root, 'train', 'a');
    expect(() => openRunFolder(folder.path)).toThrow(DataError);
    expect(() => openRunFolder(join(root, 'nothing'))).toThrow(DataError);
    writeFileSync(folder.config, 'seed: 0\n');
    expect(openRunFolder(folder.path)).toEqual(folder);
    mkdirSync(join(root, 'train', 'empty'));
    expect(listRunFolders(root)).toEqual([folder]);
    expect(listRunFolders(join(root, 'absent'))).toEqual([]);
  });

  /** Everything that a run keeps, and that races keep beside it; what later commands add is looked at when they write. */
  const LATER = ['evaluations', 'predictions', 'export'];
  const { command: _, name: __, path: own, ...paths } = createRunFolder(sharedFolder(), 'train', 'a');
  const kept = Object.values(paths).map((path) => relative(own, path));
  const inRaces = ['train', 'architectures', 'probes', 'answers.json', 'race.json', 'verdict.json', 'unknown'];
  it.each([...kept.filter((name) => !LATER.includes(name)), 'checkpoints', ...inRaces])(
    'are refused when %s is a link that leads out of them, also to nothing',
    (name) => {
      const root = temporaryFolder();
      const outside = join(temporaryFolder(), 'outside');
      const folder = createRunFolder(root, 'train', 'a');
      writeFileSync(folder.config, 'seed: 0\n');
      writeFileSync(folder.events, '');
      const path = join(folder.path, name);
      rmSync(path, { recursive: true, force: true });
      mkdirSync(dirname(path), { recursive: true });
      symlinkSync(outside, path);
      expect(() => openRunFolder(folder.path)).toThrow(DataError);
      if (name.includes('.')) writeFileSync(outside, 'x');
      else mkdirSync(outside);
      expect(() => openRunFolder(folder.path)).toThrow(/leads out of it/);
    },
  );

  it('may themselves lie behind a link, and hold links that stay inside', () => {
    const root = temporaryFolder();
    const folder = createRunFolder(root, 'train', 'a');
    writeFileSync(join(folder.path, 'real.yaml'), 'seed: 0\n');
    symlinkSync('real.yaml', folder.config);
    const link = join(temporaryFolder(), 'link');
    symlinkSync(root, link);
    expect(openRunFolder(join(link, 'train', 'a')).name).toBe('a');
  });
});
