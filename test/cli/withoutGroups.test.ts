import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runCommand } from '../helpers/cli.ts';
import { sharedFolder } from '../helpers/temporaryFolder.ts';
import { TINY_SEARCH } from '../helpers/tinyRuns.ts';

const folder = sharedFolder();

const preload = pathToFileURL(join(import.meta.dirname, 'withoutGroups.mjs')).href;
const SEARCH = ['search', 'data=scenes:64x48', ...TINY_SEARCH, 'epochs=1', 'warmupEpochs=0', 'batch=100', 'threads=1'];
const ADVICE = 'on Debian and Ubuntu: apt-get install libgloo-dev, remove build/native, and npm run setup';
const MESSAGE = `espalier: this build has no process groups: its libtorch has none, or the headers of Gloo were not found; ${ADVICE}\n`;

/** Runs the command line with that addon to its end. */
const runWithout = (words: readonly string[], env: Record<string, string> = {}) =>
  runCommand(folder, words, { node: ['--import', preload], env });

describe('a build without process groups', () => {
  it('says so once behind launch, before any process is started', () => {
    const { code, out, error } = runWithout(['launch', 'processes=2', '--', ...SEARCH]);
    expect([code, out, error]).toEqual([1, '', MESSAGE]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('says so on a rank that another launcher started', () => {
    const place = { RANK: '1', WORLD_SIZE: '2', MASTER_ADDR: '127.0.0.1', MASTER_PORT: '29500' };
    const { code, out, error } = runWithout(SEARCH, place);
    expect([code, out, error]).toEqual([1, '', MESSAGE]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('still prints what a cluster runs, and searches by itself', () => {
    const script = runWithout(['launch', 'print=slurm', '--', ...SEARCH]);
    expect([script.code, script.out]).toEqual([0, expect.stringContaining('srun')]);
    const { code, out } = runWithout([...SEARCH, 'name=alone'], { WORLD_SIZE: '1' });
    expect([code, out]).toEqual([0, expect.stringMatching(/-> .*genotype\.json/)]);
  });

  it('is not what an addon is taken for that does not load', () => {
    const { code, error } = runWithout(['launch', '--', ...SEARCH], { ADDON_FAULT: 'broken' });
    expect([code, error]).toEqual([
      1,
      expect.stringMatching(
        /^espalier: the addon does not load: .*espalier\.node: libtorch\.so: .*; run: npm run setup\n$/,
      ),
    ]);
  });
});
