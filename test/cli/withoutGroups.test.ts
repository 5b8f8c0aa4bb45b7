/** @file What several processes say where the addon was built without process groups: one error, and what to do. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TINY_SEARCH } from '../helpers/tinyRuns.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'espalier-without-groups-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const main = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js');
const preload = pathToFileURL(join(import.meta.dirname, 'withoutGroups.mjs')).href;
const SEARCH = ['search', 'data=scenes:64x48', ...TINY_SEARCH, 'epochs=1', 'warmupEpochs=0', 'batch=100', 'threads=1'];
const ADVICE = 'on Debian and Ubuntu: apt-get install libgloo-dev, remove build/native, and npm run setup';
const MESSAGE = `espalier: this build has no process groups: its libtorch has none, or the headers of Gloo were not found; ${ADVICE}\n`;

/** Runs the command line with that addon to its end. */
function runWithout(words: readonly string[], environment: Record<string, string> = {}) {
  const env = { ...process.env, ...environment };
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', preload, main, ...words], {
    ...{ cwd: folder, encoding: 'utf8', env },
  });
  return { status, stdout, stderr };
}

describe('a build without process groups', () => {
  it('says so once behind launch, before any process is started', () => {
    const { status, stdout, stderr } = runWithout(['launch', 'processes=2', '--', ...SEARCH]);
    expect([status, stdout, stderr]).toEqual([1, '', MESSAGE]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('says so on a rank that another launcher started', () => {
    const place = { RANK: '1', WORLD_SIZE: '2', MASTER_ADDR: '127.0.0.1', MASTER_PORT: '29500' };
    const { status, stdout, stderr } = runWithout(SEARCH, place);
    expect([status, stdout, stderr]).toEqual([1, '', MESSAGE]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('still prints what a cluster runs, and searches by itself', () => {
    const script = runWithout(['launch', 'print=slurm', '--', ...SEARCH]);
    expect([script.status, script.stdout]).toEqual([0, expect.stringContaining('srun')]);
    const { status, stdout } = runWithout([...SEARCH, 'name=alone'], { WORLD_SIZE: '1' });
    expect([status, stdout]).toEqual([0, expect.stringContaining('found: ')]);
  });

  it('is not what an addon is taken for that does not load', () => {
    const { status, stderr } = runWithout(['launch', '--', ...SEARCH], { ADDON_FAULT: 'broken' });
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(
        /^espalier: the addon does not load: .*espalier\.node: libtorch\.so: .*; run: npm run setup\n$/,
      ),
    ]);
  });
});
