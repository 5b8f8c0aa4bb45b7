import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { placeInGroup } from '../../src/engine/group.ts';
import { freePort, hasGroups, runRanks, startRank } from '../helpers/ranks.ts';

const program = join(import.meta.dirname, 'groupProgram.mjs');
const told = (out: string) => JSON.parse(out) as Record<string, unknown>;

describe('the place of a process', () => {
  const environment = { WORLD_SIZE: '4', RANK: '3', MASTER_ADDR: 'head', MASTER_PORT: '29500' };

  it('is read from the environment that every launcher sets', () => {
    expect(placeInGroup(environment)).toEqual({
      ...{ rank: 3, size: 4, localRank: 0, localSize: 1, host: 'head', port: 29500, served: false, attempt: '0' },
    });
    const torchrun = { LOCAL_RANK: '1', LOCAL_WORLD_SIZE: '2', TORCHELASTIC_USE_AGENT_STORE: 'True' };
    const place = placeInGroup({ ...environment, ...torchrun, TORCHELASTIC_RESTART_COUNT: '2' });
    expect(place).toMatchObject({ localRank: 1, localSize: 2, served: true, attempt: '2' });
  });

  it.each([
    ['3', '0', 3],
    ['4(x2),3', '1', 4],
    ['4(x2),3', '2', 3],
    ['1(x5)', '4', 1],
    ['nonsense', '0', 1],
    ['4', '7', 1],
  ])('under Slurm shares node %s of %s', (counts, node, localSize) => {
    const slurm = { SLURM_STEP_TASKS_PER_NODE: counts, SLURM_NODEID: node };
    expect(placeInGroup({ ...environment, ...slurm })).toMatchObject({ localSize });
    expect(placeInGroup({ ...environment, ...slurm, LOCAL_WORLD_SIZE: '2' })).toMatchObject({ localSize: 2 });
  });

  it('is none for a single process', () => {
    expect(placeInGroup({})).toBeNull();
    expect(placeInGroup({ ...environment, WORLD_SIZE: '1' })).toBeNull();
  });

  it.each([
    ['RANK', undefined, 'WORLD_SIZE is set, RANK is not'],
    ['RANK', '4', 'RANK: expected a number below WORLD_SIZE=4, got 4'],
    ['RANK', 'x', 'RANK: expected a whole number from 0, got "x"'],
    ['MASTER_ADDR', undefined, 'MASTER_ADDR is not'],
    ['MASTER_PORT', '0', 'MASTER_PORT: expected a whole number from 1, got "0"'],
    ['WORLD_SIZE', '-1', 'WORLD_SIZE: expected a whole number from 1, got "-1"'],
  ])('%s=%s is refused', (name, value, message) => {
    expect(() => placeInGroup({ ...environment, [name]: value })).toThrow(message);
  });
});

describe.skipIf(!hasGroups)('a group', () => {
  it('adds up, compares, shares, gathers and meets, also in three', async () => {
    for (const size of [2, 3]) {
      const ends = await runRanks(size, [program, 'exchanges']);
      expect(ends.map(({ code, error }) => [code, error])).toEqual(ends.map(() => [0, '']));
      const ranks = ends.map((_, rank) => rank);
      const sum = (of: (rank: number) => number) => ranks.reduce((total, rank) => total + of(rank), 0);
      const texts = ranks.map((rank) => 'ä'.repeat(rank));
      const mean = (of: (rank: number) => number) => sum(of) / size;
      ends.forEach(({ out }, rank) => {
        expect(told(out)).toEqual({
          means: [
            [3, 4].map((factor, i) => mean((r) => factor * (r + 1) + (i === 0 ? 10 * r : 20))),
            null,
            [1, 2].map((used) => mean((r) => used * (r + 1))),
          ],
          left: null,
          summed: [sum((r) => r + 1), 10 * size],
          largest: [size - 1, 0],
          shared: [size + 4],
          gathered: ranks.map((r) => [r, r * r]),
          many: [0, 1, 2, 3, 4].map((i) => sum((r) => r + i)),
          texts,
          total: sum((r) => (r + 1) ** 2),
          gradient: 2 * (rank + 1) * sum((r) => r + 2),
        });
      });
    }
  });

  it('ends soon and names the rank that was killed', async () => {
    const [survivor, killed] = await runRanks(2, [program, 'killed', '60', '2']);
    expect(killed.signal).toBe('SIGKILL');
    expect(survivor.code).toBe(1);
    const message = 'rank 1 of 2 fell silent for 2 s';
    expect(told(survivor.out)).toEqual({ name: 'GroupError', message, missing: [1] });
  });

  it('names the rank that is behind when patience ends', async () => {
    // Patience is also what it may take to come, on a busy machine.
    const [waiting] = await runRanks(2, [program, 'behind', '6', '30']);
    const message = 'rank 1 of 2 did not take part within 6 s';
    expect(told(waiting.out)).toEqual({ name: 'GroupError', message, missing: [1] });
  });

  it('ends with the reason of the rank that failed', async () => {
    const [other] = await runRanks(2, [program, 'failing']);
    const message = 'rank 1 of 2 ended: the reason';
    expect(told(other.out)).toEqual({ name: 'GroupError', message, missing: [1] });
  });

  it('names the ranks that do not come', async () => {
    const place = { size: 3, port: await freePort() };
    const [first, second] = [0, 2].map((rank) => startRank(rank, place, [program, 'exchanges', '5']));
    for (const { out } of [await first.ended, await second.ended])
      expect(told(out)).toMatchObject({ message: 'rank 1 of 3 did not join within 5 s', missing: [1] });
    const alone = await startRank(1, { size: 2, port: await freePort() }, [program, 'exchanges', '1']).ended;
    expect(told(alone.out)).toMatchObject({ missing: [0], message: expect.stringContaining('rank 0 is missing') });
  });

  it('waits for a late rank', async () => {
    const place = { size: 2, port: await freePort() };
    const early = startRank(1, place, [program, 'exchanges']);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const late = startRank(0, place, [program, 'exchanges']);
    expect([(await early.ended).code, (await late.ended).code]).toEqual([0, 0]);
  });

  it('says that its port is taken, also by a program that never answers', async () => {
    const server = createServer().listen(0, '0.0.0.0');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    const [serving, meeting] = await Promise.all(
      [0, 1].map((rank) => startRank(rank, { size: 2, port }, [program, 'exchanges', '1']).ended),
    );
    server.close();
    const message = `port ${port} is taken by another process of this machine`;
    expect(told(serving.out)).toMatchObject({ name: 'GroupError', message });
    expect(told(meeting.out)).toMatchObject({ name: 'GroupError', missing: [0] });
    expect(meeting.seconds).toBeLessThan(60);
  });

  it('refuses two of the same rank, and ranks of different sizes', async () => {
    const place = { size: 2, port: await freePort() };
    // Rank 0 last: whoever waits for it comes while the group is there.
    const ends = await Promise.all([1, 1, 0].map((rank) => startRank(rank, place, [program, 'behind', '30']).ended));
    const twice = ends
      .flatMap(({ out }) => (out === '' ? [] : [told(out)]))
      .filter(({ message }) => String(message).includes('two processes'));
    expect(twice).toHaveLength(1);
    const port = await freePort();
    const zero = startRank(0, { size: 2, port }, [program, 'exchanges', '5']);
    const other = await startRank(1, { size: 3, port }, [program, 'exchanges', '5']).ended;
    expect(told(other.out)).toMatchObject({ message: 'rank 1 expects 3 ranks, rank 0 expects 2' });
    expect(told((await zero.ended).out)).toMatchObject({ missing: [1] });
  });
});
