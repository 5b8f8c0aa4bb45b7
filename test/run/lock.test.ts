/** @file One process a run: a living owner is named and keeps it, a dead one loses it. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../src/base/errors.ts';
import { lockRun } from '../../src/run/lock.ts';
import { temporaryFolder } from '../helpers/temporaryFolder.ts';

const module = resolve(import.meta.dirname, '..', '..', 'dist', 'run', 'lock.js');
const lockIn = (folder: string, then: string) =>
  `import { lockRun } from ${JSON.stringify(module)};
   try { const lock = lockRun(${JSON.stringify(folder)}); ${then} } catch (error) { console.log(error.message); }`;
const run = (script: string) =>
  execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }).trim();
const onLinux = process.platform === 'linux';

describe('the lock of a run', () => {
  it('is held by one, names it to the other, and leaves nothing when it is given back', () => {
    const folder = temporaryFolder();
    const lock = lockRun(folder, new Date('2025-01-02T03:04:05Z'));
    expect(run(lockIn(folder, 'console.log("mine")'))).toBe(
      `${join(folder, 'run.lock')}: the run is in the hands of process ${process.pid} on ${hostname()} since 2025-01-02T03:04:05.000Z; wait for it, or stop it first`,
    );
    expect(() => lockRun(folder)).toThrow(DataError);
    lock.release();
    lock.release();
    expect(readdirSync(folder)).toEqual([]);
    expect(run(lockIn(folder, 'console.log("mine")'))).toBe('mine');
  });

  it('is taken over from a process that was killed, and says from whom', async () => {
    const folder = temporaryFolder();
    const script = lockIn(folder, 'console.log("mine"); setInterval(() => lock, 1000);');
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    expect(() => lockRun(folder)).toThrow(`process ${child.pid} on`);
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    const lock = lockRun(folder);
    expect(lock.takenFrom?.pid).toBe(child.pid);
    expect(readdirSync(folder)).toEqual(['run.lock']);
    lock.release();
  });

  it.skipIf(!onLinux)('is taken over when the number of its owner belongs to another process now', () => {
    const folder = temporaryFolder();
    const path = join(folder, 'run.lock');
    lockRun(folder);
    const owner = JSON.parse(readFileSync(path, 'utf8'));
    writeFileSync(path, JSON.stringify({ ...owner, began: `${owner.began}0` }));
    expect(lockRun(folder).takenFrom?.pid).toBe(process.pid);
  });

  it('of another machine holds, and the file to remove is named', () => {
    const folder = temporaryFolder();
    const path = join(folder, 'run.lock');
    writeFileSync(path, JSON.stringify({ pid: 7, host: 'elsewhere', time: '2025' }));
    expect(() => lockRun(folder)).toThrow(
      `${path}: the run is in the hands of process 7 on elsewhere since 2025; wait for it; if that process is gone, remove this file`,
    );
  });

  it.each(['', '{"pid":', '[]', 'null', '{"pid":"1","host":"a","time":"b"}', '{"__proto__":{},"pid":1}'])(
    'that nobody can have written, %j, is replaced',
    (text) => {
      const folder = temporaryFolder();
      writeFileSync(join(folder, 'run.lock'), text);
      const lock = lockRun(folder);
      expect(lock.takenFrom).toBeUndefined();
      lock.release();
      expect(existsSync(join(folder, 'run.lock'))).toBe(false);
    },
  );

  it('goes to exactly one of many that take over at once', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'run.lock'), JSON.stringify({ pid: 2 ** 22 + 5, host: hostname(), time: 'x' }));
    // They wait for one moment, then all lock; the winner keeps it until all have tried.
    const at = Date.now() + 1500;
    const script = `while (Date.now() < ${at}); ${lockIn(folder, 'console.log("mine"); setTimeout(() => lock, 1500);')}`;
    const outputs = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        let text = '';
        child.stdout.on('data', (part) => {
          text += part;
        });
        await once(child, 'close');
        return text.trim();
      }),
    );
    expect(outputs.filter((text) => text === 'mine')).toHaveLength(1);
    expect(outputs.filter((text) => text.includes('in the hands of'))).toHaveLength(5);
  });
});
