/** @file Signals, a second process, a full disk, a read-only folder, damaged checkpoints: what the command line says and what is left. */
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import { formatGenotype, randomGenotype } from '../../src/space/genotype.ts';
import { MAIN } from '../helpers/cli.ts';
import { writeSceneFolder } from '../helpers/scenes.ts';
import { sharedFolder } from '../helpers/temporaryFolder.ts';
import { TINY_SEARCH, TINY_TRAIN } from '../helpers/tinyRuns.ts';
import { type Ended, readWhole, run, start } from './program.ts';

const folder = sharedFolder();
beforeAll(() => {
  writeSceneFolder(join(folder, 'own'));
  const genotype = randomGenotype({ layers: 3, blocks: 2, filters: 2 }, createRandom(2));
  writeFileSync(join(folder, 'small.json'), formatGenotype(genotype));
});

const LONG = {
  search: ['search', 'data=own', ...TINY_SEARCH, 'epochs=100000'],
  train: ['train', 'arch=small.json', 'data=own', ...TINY_TRAIN, 'epochs=100000'],
};
const SHORT = {
  search: ['search', 'data=own', ...TINY_SEARCH],
  train: ['train', 'arch=small.json', 'data=own', ...TINY_TRAIN],
};
const events = (command: string, name: string) => readWhole(join(folder, 'runs'), command, name);

/** Starts a run and waits until it has taken a step. */
async function underWay(command: 'search' | 'train', name: string) {
  const started = start(folder, [...LONG[command], `name=${name}`]);
  while (started.child.exitCode === null && !events(command, name).some(({ type }) => type === 'step'))
    await new Promise((resolve) => setTimeout(resolve, 20));
  return started;
}

describe.each([
  ['search', 'SIGINT', 130],
  ['train', 'SIGTERM', 143],
  ['train', 'SIGHUP', 129],
] as const)('%s', (command, signal, code) => {
  it(`on ${signal} finishes the step, saves, says how to go on, and goes on there`, async () => {
    const name = `stopped-${signal}`;
    const { child, ended } = await underWay(command, name);
    child.kill(signal);
    const { error, ...result } = await ended;
    expect(result.code).toBe(code);
    expect(error).toContain(`${signal}: stopping after this step and saving; press Ctrl-C again to quit now`);
    expect(error).toContain(`resume with: espalier ${command} --resume name=${name}\n`);
    const before = events(command, name);
    expect(before.at(-1)).toMatchObject({ type: 'end', status: 'stopped' });
    expect(readdirSync(join(folder, 'runs', command, name))).not.toContain('run.lock');
    // Nothing is done again: the first step of the second process follows the last of the first.
    const steps = before.filter(({ type }) => type === 'step').length;
    const again = start(folder, [command, '--resume', `name=${name}`]);
    while (events(command, name).filter(({ type }) => type === 'step').length < steps + 2)
      await new Promise((resolve) => setTimeout(resolve, 20));
    again.child.kill(signal);
    expect((await again.ended).code).toBe(code);
    const taken = events(command, name).flatMap((event) =>
      event.type === 'step' ? [event.epoch * 1000 + event.step] : [],
    );
    expect(taken).toEqual([...new Set(taken)].sort((a, b) => a - b));
  });
});

describe('without a watcher', () => {
  it.each(['SIGTERM', 'SIGHUP'] as const)('a run writes on, and on %s saves and releases its lock', async (signal) => {
    const name = `unwatched-${signal}`;
    const { child, ended } = await underWay('search', name);
    child.stdout.destroy();
    child.stderr.destroy();
    child.kill(signal);
    expect((await ended).code).toBe({ SIGTERM: 143, SIGHUP: 129 }[signal]);
    expect(events('search', name).at(-1)).toMatchObject({ type: 'end', status: 'stopped' });
    expect(readdirSync(join(folder, 'runs/search', name))).not.toContain('run.lock');
  });

  it('a run ends as usual, and with the same bytes', async () => {
    const [watched, unwatched] = ['seen', 'unseen'].map((name) => start(folder, [...SHORT.search, `name=${name}`]));
    unwatched.child.stdout.destroy();
    unwatched.child.stderr.destroy();
    expect(await watched.ended).toMatchObject({ code: 0 });
    expect(await unwatched.ended).toMatchObject({ code: 0 });
    const last = (name: string) =>
      readFileSync(join(folder, 'runs/search', name, 'checkpoints/last/tensors.safetensors'));
    expect(last('unseen').equals(last('seen'))).toBe(true);
  });

  it('a command ends as usual when its reader has gone', async () => {
    for (const words of [['--help'], ['info', 'small.json'], ['data', 'check', 'own']]) {
      const { child, ended } = start(folder, words);
      child.stdout.destroy();
      expect(await ended, words[0]).toMatchObject({ code: 0, error: expect.not.stringContaining('Error') });
    }
  });

  it('a result that cannot be written down is an error (needs /dev/full)', async (context) => {
    if (!existsSync('/dev/full')) context.skip('this system has no /dev/full');
    const full = openSync('/dev/full', 'w');
    const result = spawnSync(process.execPath, [MAIN, 'info', 'small.json'], {
      cwd: folder,
      stdio: ['ignore', full, 'pipe'],
    });
    closeSync(full);
    expect(result.status).toBe(1);
    expect(String(result.stderr)).toMatch(/^espalier: standard output: .*ENOSPC/);
    expect(String(result.stderr)).not.toMatch(/^\s+at /m);
  });
});

it('a second signal ends the process at once, and the run is taken over', async () => {
  const { child, ended } = await underWay('search', 'twice');
  child.kill('SIGINT');
  await once(child.stderr, 'data');
  child.kill('SIGINT');
  child.kill('SIGINT');
  const { code, signal } = await ended;
  expect(code === 130 || signal === 'SIGINT').toBe(true);
  events('search', 'twice');
});

it('a second process is refused with the owner, and takes over when it was killed', async () => {
  const { child, ended } = await underWay('search', 'owned');
  const refused = await run(folder, ['search', '--resume', 'name=owned']);
  expect(refused.code).toBe(1);
  expect(refused.error).toMatch(new RegExp(`run.lock: the run is in the hands of process ${child.pid} on .* since `));
  child.kill('SIGKILL');
  await ended;
  const { child: next, ended: nextEnded } = start(folder, ['search', '--resume', 'name=owned']);
  while (events('search', 'owned').filter(({ type }) => type === 'start').length < 2)
    await new Promise((resolve) => setTimeout(resolve, 20));
  next.kill('SIGTERM');
  const { code, error } = await nextEnded;
  expect(code).toBe(143);
  expect(error).toContain(`note: took over the run from process ${child.pid} on `);
});

it('a damaged checkpoint costs the work since the one before, and is told', async () => {
  const words = [...SHORT.train, 'name=bent'];
  expect((await run(folder, words)).code).toBe(0);
  const path = join(folder, 'runs', 'train', 'bent', 'checkpoints');
  const reference = readFileSync(join(path, 'last', 'tensors.safetensors'));
  truncateSync(join(path, 'last', 'tensors.safetensors'), 1000);
  const { code, error } = await run(folder, ['train', '--resume', 'name=bent']);
  expect(code).toBe(0);
  expect(error).toMatch(
    /note: the last checkpoint cannot be read, resuming from the one before it: .*tensors.safetensors: expected sha256/,
  );
  expect(readFileSync(join(path, 'last', 'tensors.safetensors')).equals(reference)).toBe(true);
  expect(readdirSync(path)).toContain('last.damaged');
  truncateSync(join(path, 'last', 'state.json'), 10);
  truncateSync(join(path, 'last.previous', 'state.json'), 10);
  const lost = await run(folder, ['train', '--resume', 'name=bent']);
  expect(lost).toMatchObject({ code: 1 });
  expect(lost.error).toMatch(/^espalier: .*last\/state\.json: expected JSON/);
});

describe('a disk that is full', () => {
  const check = (ended: Ended) => {
    expect(ended.code).toBe(1);
    expect(ended.error).toMatch(
      /espalier: .*cannot be written, the disk is full \(ENOSPC\); free some space and continue with --resume/,
    );
    expect(ended.error).not.toMatch(/^\s+at /m);
  };

  it('ends the run with one line, whenever it fills up, and costs nothing that was written', async () => {
    const count = join(folder, 'operations');
    expect((await run(folder, [...SHORT.search, 'name=roomy'], { count })).code).toBe(0);
    const file = 'checkpoints/last/tensors.safetensors';
    const reference = readFileSync(join(folder, 'runs/search/roomy', file));
    const operations = Number(readFileSync(count, 'utf8'));
    for (const share of [0.02, 0.3, 0.6, 0.9]) {
      const name = `full-${share}`;
      check(await run(folder, [...SHORT.search, `name=${name}`], { fault: `full:${Math.ceil(share * operations)}` }));
      const left = events('search', name).filter(({ type }) => type === 'checkpoint');
      if (left.length > 0) expect(existsSync(join(folder, 'runs/search', name, file))).toBe(true);
      const words = events('search', name).length > 0 ? ['search', '--resume'] : SHORT.search;
      expect(await run(folder, [...words, `name=${name}`])).toMatchObject({ code: 0 });
      expect(readFileSync(join(folder, 'runs/search', name, file)).equals(reference), name).toBe(true);
    }
  });

  it('is a real one too (needs root, to mount a file system of 300 KiB)', async (context) => {
    const small = join(folder, 'small');
    mkdirSync(small);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=300k', 'tmpfs', small], { stdio: 'ignore' });
    } catch {
      context.skip('this user may not mount a small file system');
    }
    try {
      check(await run(folder, [...LONG.search, `runs=${small}`, 'name=full']));
      expect(readWhole(small, 'search', 'full').length).toBeGreaterThan(0);
    } finally {
      execFileSync('umount', [small]);
    }
  });
});

it('a folder that may not be written to is named before anything is computed', async (context) => {
  const closed = join(folder, 'closed');
  mkdirSync(closed);
  const isRoot = process.getuid?.() === 0;
  try {
    // Permissions do not bind root: a read-only mount does.
    if (isRoot) execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'tmpfs', closed], { stdio: 'ignore' });
    else chmodSync(closed, 0o500);
  } catch {
    context.skip('this user may not mount a read-only file system');
  }
  try {
    const { code, error } = await run(folder, [...SHORT.search, `runs=${closed}`]);
    expect(code).toBe(1);
    expect(error).toMatch(/^espalier: .*closed.*: cannot be written, .*; take another folder with runs=<folder>/);
  } finally {
    if (isRoot) execFileSync('umount', [closed]);
    else chmodSync(closed, 0o700);
  }
});
