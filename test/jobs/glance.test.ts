/** @file What is known of the data is said before the first step, and what cannot be read ends the run there: nothing is left behind. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodePng } from '../../src/data/images/png.ts';
import { searchJob } from '../../src/jobs/searchJob.ts';
import { trainJob } from '../../src/jobs/trainJob.ts';
import { SIDE, writeFolder } from '../helpers/folders.ts';
import { temporaryFolder } from '../helpers/temporaryFolder.ts';
import { TINY_NETWORK, TINY_SEARCH } from '../helpers/tinyRuns.ts';

const flat = (value: number) =>
  encodePng({ width: SIDE, height: SIDE, channels: 1, data: new Uint8Array(SIDE * SIDE).fill(value) });
const search = Object.fromEntries(TINY_SEARCH.map((word) => word.split('='))) as Record<string, string>;
const searchSettings = Object.fromEntries(
  Object.entries(search).map(([key, value]) => [key, key === 'preset' ? value : Number(value)]),
);

async function start(command: 'search' | 'train', data: string, runs: string): Promise<string[]> {
  const lines: string[] = [];
  const watcher = { progress: () => undefined, line: (text: string) => lines.push(text) };
  const common = { data, runs, name: 'x', threads: 1 };
  if (command === 'train')
    await trainJob({ layers: [{ arch: 'unet', ...TINY_NETWORK, steps: 1, ...common }] }, watcher);
  else await searchJob({ layers: [{ ...searchSettings, ...common }] }, watcher);
  return lines;
}

describe.each(['search', 'train'] as const)('%s', (command) => {
  it('stops before its first step at a mask with a value of no class', async () => {
    const root = temporaryFolder();
    writeFolder(join(root, 'data'), 10);
    writeFileSync(join(root, 'data/masks/05.png'), flat(9));
    await expect(start(command, join(root, 'data'), join(root, 'runs'))).rejects.toThrow(
      /05\.png: label values 9 belong to none of the 3 classes; name them/,
    );
    expect(existsSync(join(root, 'runs'))).toBe(false);
  });

  it('refuses data with one class', async () => {
    const root = temporaryFolder();
    writeFolder(join(root, 'data'), 10, ['all'], () => 0);
    await expect(start(command, join(root, 'data'), join(root, 'runs'))).rejects.toThrow(
      /data: expected at least two classes, got one \(all\)/,
    );
    expect(existsSync(join(root, 'runs'))).toBe(false);
  });

  it('reports a class that no mask has, in its lines and in its log', async () => {
    const root = temporaryFolder();
    writeFolder(join(root, 'data'), 10, ['ground', 'disc', 'bar', 'pole']);
    const lines = await start(command, join(root, 'data'), join(root, 'runs'));
    const wanted = /class 3 \(pole\) occurs in none of the 8 train samples/;
    expect(lines).toContainEqual(expect.stringMatching(wanted));
    expect(readFileSync(join(root, 'runs', command, 'x', 'events.jsonl'), 'utf8')).toMatch(wanted);
  });
});
