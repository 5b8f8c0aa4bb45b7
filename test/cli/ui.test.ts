/** @file `espalier ui` as a user starts it, also where there is no libtorch. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { sharedFolder } from '../helpers/temporaryFolder.ts';
import { recordTraining } from '../server/recordedRuns.ts';

const root = resolve(import.meta.dirname, '..', '..');
const folder = sharedFolder();

beforeAll(async () => {
  await recordTraining(join(folder, 'runs'), { name: 'orchard', epochs: 2, steps: 2 });
  // An installation without its addon: nothing but the compiled files.
  mkdirSync(join(folder, 'package'));
  cpSync(join(root, 'dist'), join(folder, 'package', 'dist'), { recursive: true });
  cpSync(join(root, 'package.json'), join(folder, 'package', 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'package', 'node_modules'));
});

const start = (...words: string[]) =>
  spawn(process.execPath, [join(folder, 'package', 'dist', 'cli', 'main.js'), 'ui', ...words], { cwd: folder });

describe('espalier ui', () => {
  it('prints where it is, shows the runs without libtorch, and ends when it is asked to', async () => {
    const server = start('runs', 'port=0');
    const [line] = (await once(server.stdout, 'data')) as [Buffer];
    const url = /http:\/\/127\.0\.0\.1:\d+\//.exec(line.toString())?.[0];
    expect(url).toBeDefined();
    const runs = (await (await fetch(`${url}api/runs`)).json()) as { id: string }[];
    expect(runs.map(({ id }) => id)).toEqual(['train/orchard']);
    expect(await (await fetch(url as string)).text()).toContain('<title>Espalier</title>');
    server.kill('SIGTERM');
    const [code] = (await once(server, 'exit')) as [number];
    expect(code).toBe(0);
  });

  it.each([
    [['nowhere'], /nowhere: no such folder; make a run first: espalier demo/],
    [['runs', 'more'], /expected one folder of runs/],
    [['runs', 'port=70000'], /port/],
    [['runs', 'token=short'], /token/],
    [['runs', 'host=203.0.113.9'], /cannot listen/],
  ])('answers %j with what to do', async (words, message) => {
    const server = start(...(words as string[]));
    let said = '';
    server.stderr.on('data', (piece: Buffer) => {
      said += piece.toString();
    });
    const [code] = (await once(server, 'close')) as [number];
    expect(code).toBeGreaterThan(0);
    expect(said).toMatch(message as RegExp);
    expect(said).not.toContain('    at ');
  });
});
