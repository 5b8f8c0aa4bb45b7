/** @file The memory that trainings say they are about to need: beside what they took, and with advice where it is too much. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EventLog } from '../../src/run/eventLog.ts';
import type { RunEventBody } from '../../src/run/events.ts';
import type { DryRun } from '../../src/train/dryRun.ts';
import { type MemoryNeed, tellMemoryNeed } from '../../src/train/memoryNeed.ts';

const main = resolve(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js');

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'espalier-need-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a dry run', () => {
  // Large enough for activations to count beside the program itself, small enough for a few seconds.
  const words = ['data=scenes:96x96', 'preset=demo', 'threads=1', 'workers=0', 'crop=97', 'filters=12', 'batch=8'];
  it.each(['random:3:5x3', 'unet:levels=4'])(
    'of a training of %s predicts its peak within a fifth',
    { timeout: 300_000 },
    async (arch) => {
      const command = [main, 'train', `arch=${arch}`, ...words, '--dry-run', '--json'];
      const { stdout } = await promisify(execFile)(process.execPath, command, { cwd: folder });
      const { need, peakBytes } = JSON.parse(stdout) as DryRun & { need: MemoryNeed };
      expect(need.neededBytes / peakBytes).toBeGreaterThan(0.8);
      expect(need.neededBytes / peakBytes).toBeLessThan(1.2);
      expect(need.availableBytes).toBeGreaterThan(peakBytes / 2);
    },
  );
});

describe('a need', () => {
  it('is told at the start, with advice where there is less', () => {
    const events: RunEventBody[] = [];
    const lines: string[] = [];
    const log = { append: (event: RunEventBody) => events.push(event) } as unknown as EventLog;
    const watcher = { progress: () => undefined, line: (text: string) => void lines.push(text) };
    tellMemoryNeed({ neededBytes: 2 ** 30, availableBytes: 2 ** 31 }, log, watcher);
    expect(lines).toEqual(['predicted peak memory 1.00 GiB of 2.00 GiB']);
    tellMemoryNeed({ neededBytes: 2 ** 32, availableBytes: 2 ** 31 }, log, watcher);
    expect(lines.at(-1)).toBe(
      'warning: predicted peak memory 4.00 GiB of 2.00 GiB: this will not fit; raise accumulate, lower batch or crop, or take fewer filters',
    );
    expect(events.map(({ type }) => type)).toEqual(['note', 'note', 'warning']);
  });
});
