/** @file The page on Python: its script, as it stands there, reads a run that an earlier version wrote. Skipped without python3. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openRunFolder } from '../../src/run/folder.ts';
import { readResults } from '../../src/run/results.ts';
import { readSafetensors } from '../../src/run/safetensors.ts';
import { temporaryFolder } from '../helpers/temporaryFolder.ts';

const root = resolve(import.meta.dirname, '..', '..');
const hasPython = spawnSync('python3', ['--version']).status === 0;
if (!hasPython) console.warn('no python3: the script of docs/python.md is not run');

describe.skipIf(!hasPython)('the script of docs/python.md', () => {
  const [, script] = /```python read_run.py\n([\s\S]*?)```/.exec(
    readFileSync(join(root, 'docs', 'python.md'), 'utf8'),
  )!;

  it.each(['search', 'train'])('reads a run of %s to what is in it', (command) => {
    const file = join(temporaryFolder(), 'read_run.py');
    writeFileSync(file, script);
    const run = join(root, 'test', 'jobs', 'fbeecb3', command, 'fbeecb3');
    const { stdout, stderr, status } = spawnSync('python3', [file, run], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
    const { results, last } = openRunFolder(run);
    const stored = join(last, 'tensors.safetensors');
    const { tensors } = readSafetensors(readFileSync(stored), stored);
    const values = Object.values(tensors).reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
    expect(stdout).toContain(`tensors: ${Object.keys(tensors).length} values: ${values}\n`);
    expect(stdout).toContain(`epochs: ${readResults(results).length} columns: epoch, `);
    expect(stdout).toContain(`command: espalier ${command} data=scenes`);
    expect(stdout).toContain('architecture: auto-deeplab of 2 layers\n');
    expect(stdout).toContain('ended: stopped\n');
  });
});
