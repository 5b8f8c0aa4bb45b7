/** @file One command in several processes: what it says, what it leaves, and how it ends when one of them does. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readWhole, run, start } from '../durability/program.ts';
import { MAIN } from '../helpers/cli.ts';
import { freePort, hasGroups, startRank } from '../helpers/ranks.ts';
import { writeSceneFolder } from '../helpers/scenes.ts';
import { sharedFolder } from '../helpers/temporaryFolder.ts';
import { TINY_SEARCH, TINY_TRAIN } from '../helpers/tinyRuns.ts';

const folder = sharedFolder();
beforeAll(() => {
  writeSceneFolder(join(folder, 'own'));
});

const events = (command: string, name: string) => readWhole(join(folder, 'runs'), command, name);
const SEARCH = ['search', 'data=own', ...TINY_SEARCH, 'threads=1'];
const stepsOf = (command: string, name: string) =>
  events(command, name).flatMap((event) => (event.type === 'step' ? [event.epoch * 1000 + event.step] : []));

/** Starts a long search in two processes and waits until it has taken a step; gives also the ids of the ranks. */
async function underWay(name: string, environment: Record<string, string> = {}) {
  Object.assign(process.env, environment);
  const started = start(folder, ['launch', '--processes', '2', '--', ...SEARCH, 'epochs=100000', `name=${name}`]);
  for (const key of Object.keys(environment)) delete process.env[key];
  while (started.child.exitCode === null && stepsOf('search', name).length === 0)
    await new Promise((resolve) => setTimeout(resolve, 50));
  const pids = execFileSync('ps', ['-o', 'pid=', '--ppid', String(started.child.pid)], { encoding: 'utf8' });
  return {
    ...started,
    ranks: pids
      .trim()
      .split('\n')
      .map(Number)
      .sort((a, b) => a - b),
  };
}

describe.skipIf(!hasGroups)('espalier launch', () => {
  it('searches in two processes into one run', async () => {
    const { code, out, error } = await run(folder, ['launch', 'processes=2', '--', ...SEARCH, 'name=two']);
    expect([code, error]).toEqual([0, expect.not.stringMatching(/ranks? [\d,]+ of/)]);
    expect(out.match(/-> .*genotype\.json/g)).toHaveLength(1);
    expect(readdirSync(join(folder, 'runs', 'search'))).toEqual(['two']);
    expect(events('search', 'two').at(-1)).toMatchObject({ type: 'end', status: 'undecided' });
    const notes = events('search', 'two').flatMap((event) => (event.type === 'note' ? [event.message] : []));
    expect(notes).toContainEqual(expect.stringContaining('2 processes share each batch'));
    expect(notes).toContainEqual(
      expect.stringMatching(
        /\d+ % of rank 0's time spent in collectives \(.*\); \d+ % of the gradient all-reduce overlapped with the backward pass/,
      ),
    );
    const ranks = events('search', 'two').flatMap((event) => (event.type === 'ranks' ? [event] : []));
    expect(ranks.map(({ epoch }) => epoch)).toEqual([0, 1]);
    for (const { computedSeconds, exchangedSeconds, hiddenSeconds } of ranks)
      for (const seconds of [computedSeconds, exchangedSeconds, hiddenSeconds]) {
        expect(seconds).toHaveLength(2);
        for (const each of seconds) expect(each).toBeGreaterThan(0);
      }
  });

  it('trains and scores in two processes', async () => {
    const words = [
      'train',
      'arch=runs/search/two',
      'data=own',
      ...TINY_TRAIN,
      'threads=1',
      'name=two',
      'syncNorms=true',
    ];
    const { code, out } = await run(folder, ['launch', 'processes=2', '--', ...words]);
    expect(code).toBe(0);
    expect(out.match(/report: /g)).toHaveLength(1);
    const trained = join(folder, 'runs', 'train', 'two');
    const scores = readFileSync(join(trained, 'per_class.csv'), 'utf8');
    // Each scored its part of the samples: here are pictures of the first one's.
    const kept = readdirSync(join(trained, 'samples'));
    await run(folder, ['evaluate', 'run=runs/train/two', 'name=again', 'threads=1']);
    const again = join(trained, 'evaluations', 'again');
    expect(readFileSync(join(again, 'per_class.csv'), 'utf8')).toBe(scores);
    const all = readdirSync(join(again, 'samples'));
    expect(kept).toEqual(all.filter((_, i) => i % 2 === 0));
    expect(all.length).toBeGreaterThan(kept.length);
  });

  // Ten volumes: three rounds, and one whose windows are shared out.
  it('trains and scores volumes in three processes', async () => {
    const words = ['train', 'arch=dints-random:1:2x2', 'data=phantoms', 'crop=[16,16,16]', 'filters=2', 'batch=3'];
    const more = ['steps=2', 'warmupSteps=0', 'workers=0', 'threads=1', 'name=volumes'];
    const { code, error, out } = await run(folder, ['launch', 'processes=3', '--', ...words, ...more]);
    expect([code, error]).toEqual([0, expect.anything()]);
    expect(out.match(/report: /g)).toHaveLength(1);
    const trained = join(folder, 'runs', 'train', 'volumes');
    const scores = readFileSync(join(trained, 'per_class.csv'), 'utf8');
    await run(folder, ['evaluate', 'run=runs/train/volumes', 'name=again', 'threads=1']);
    expect(readFileSync(join(trained, 'evaluations', 'again', 'per_class.csv'), 'utf8')).toBe(scores);
  });

  it('on a signal finishes the step, saves once, and resumes with another number of processes', async () => {
    const { child, ended } = await underWay('stopped');
    child.kill('SIGTERM');
    const { code, error } = await ended;
    expect([code, error]).toEqual([143, expect.anything()]);
    expect(error).toContain('resume with: espalier search --resume name=stopped');
    expect(events('search', 'stopped').at(-1)).toMatchObject({ type: 'end', status: 'stopped' });
    const before = stepsOf('search', 'stopped').length;
    const again = start(folder, ['search', '--resume', 'name=stopped']);
    while (stepsOf('search', 'stopped').length < before + 2) await new Promise((resolve) => setTimeout(resolve, 50));
    again.child.kill('SIGTERM');
    await again.ended;
    const taken = stepsOf('search', 'stopped');
    expect(taken).toEqual([...new Set(taken)].sort((a, b) => a - b));
  });

  it.each([
    ['follows', 1],
    ['leads', 0],
  ])('ends when a rank that %s is killed, and the run can go on', async (how, killed) => {
    const name = `killed-${how}`;
    const { ended, ranks } = await underWay(name, { ESPALIER_SILENCE: '3' });
    const started = performance.now();
    process.kill(ranks[killed], 'SIGKILL');
    const { code, error } = await ended;
    expect(code).toBe(137);
    expect(error).toContain(`espalier: rank ${killed} of 2 was ended by SIGKILL, and the run with it`);
    expect(error).toMatch(killed === 1 ? /rank 1 of 2 fell silent for 3 s/ : /rank 1: espalier: rank 0 of 2 is gone/);
    expect((performance.now() - started) / 1000).toBeLessThan(60);
    const before = stepsOf('search', name).length;
    const again = start(folder, ['launch', 'processes=2', '--', 'search', '--resume', `name=${name}`]);
    while (again.child.exitCode === null && stepsOf('search', name).length < before + 1)
      await new Promise((resolve) => setTimeout(resolve, 50));
    again.child.kill('SIGTERM');
    expect((await again.ended).code).toBe(143);
  });

  it('says on every rank where the commands or the data differ, and leaves nothing behind', async () => {
    const both = async (words: (rank: number) => string[]) => {
      const place = { size: 2, port: await freePort(), cwd: folder };
      return Promise.all([0, 1].map((rank) => startRank(rank, place, [MAIN, ...words(rank)]).ended));
    };
    for (const end of await both((rank) => [...SEARCH, 'name=other', `seed=${rank}`])) {
      expect(end.code).toBe(2);
      expect(end.error).toContain('rank 1 was started with "seed: 1", rank 0 with "seed: 0"');
    }
    writeSceneFolder(join(folder, 'copies', '0'));
    writeSceneFolder(join(folder, 'copies', '1'));
    rmSync(join(folder, 'copies', '1', 'images', 'train', 'p0.png'));
    rmSync(join(folder, 'copies', '1', 'masks', 'train', 'p0.png'));
    const place = { size: 2, port: await freePort() };
    const ends = await Promise.all(
      [0, 1].map((rank) => {
        const words = SEARCH.map((word) => (word === 'data=own' ? 'data=.' : word));
        const runs = `runs=${join(folder, 'runs')}`;
        return startRank(rank, { ...place, cwd: join(folder, 'copies', String(rank)) }, [
          MAIN,
          ...words,
          'name=other',
          runs,
        ]).ended;
      }),
    );
    for (const { code, error } of ends) {
      expect(code).toBe(1);
      expect(error).toMatch(/rank 1 sees other data than rank 0: 5 \+ 2 samples in \d+ bytes there, 6 \+ 2 samples in/);
    }
    expect(events('search', 'other')).toEqual([]);
  });

  it('says that its port is taken', async () => {
    const server = createServer().listen(0, '0.0.0.0');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    process.env.ESPALIER_PATIENCE = '3';
    const { code, error } = await run(folder, ['launch', `port=${port}`, '--', ...SEARCH, 'name=taken']);
    delete process.env.ESPALIER_PATIENCE;
    server.close();
    expect(code).toBe(1);
    expect(error).toContain(`port ${port} is taken by another process of this machine`);
  });

  it('wants a command', async () => {
    const { code, error } = await run(folder, ['launch', 'processes=2']);
    expect([code, error]).toEqual([2, expect.stringContaining('expected a command behind --')]);
  });
});
