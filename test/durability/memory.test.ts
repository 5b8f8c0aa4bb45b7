/** @file A run that asks for more memory than there is: one line with advice, and a run folder that can be read. Linux: `prlimit` sets the limit. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { MAIN } from '../helpers/cli.ts';
import { temporaryFolder } from '../helpers/temporaryFolder.ts';
import { TINY_SEARCH } from '../helpers/tinyRuns.ts';
import { readWhole } from './program.ts';

const hasLimit = spawnSync('prlimit', ['--version']).status === 0;

it.skipIf(!hasLimit)('is refused by libtorch with advice, not ended by the system', () => {
  const folder = temporaryFolder();
  // Room for node and libtorch, none for the activations of 16 crops of 2049 pixels.
  const words = ['search', 'data=scenes:64x48', ...TINY_SEARCH, 'batch=16', 'crop=2049', 'filters=8', 'name=large'];
  const { status, stderr } = spawnSync(
    'prlimit',
    [`--data=${3 * 2 ** 30}`, process.execPath, '--max-old-space-size=512', MAIN, ...words],
    { cwd: folder, encoding: 'utf8' },
  );
  expect(stderr).toMatch(/espalier: .*use a smaller batch or crop/);
  expect(status).toBe(1);
  const events = readWhole(join(folder, 'runs'), 'search', 'large');
  expect(events.at(-1)).toMatchObject({ type: 'end', status: 'failed' });
});
