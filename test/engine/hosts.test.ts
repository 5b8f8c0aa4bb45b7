/** @file Two hosts, as network namespaces with a cable between them: that ranks find each other across it, and what they say when it is cut. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasGroups, startRank } from '../helpers/ranks.ts';

const program = join(import.meta.dirname, 'groupProgram.mjs');
const hosts = [0, 1].map((i) => `espalier-${process.pid}-${i}`);
const ends = [0, 1].map((i) => `esp${process.pid % 10000}${'ab'[i]}`);
const addresses = ['10.213.7.1', '10.213.7.2'];
const ip = (...words: string[]) => spawnSync('ip', words, { encoding: 'utf8' });
const mayMakeHosts = ip('netns', 'add', `${hosts[0]}-try`).status === 0;
if (mayMakeHosts) ip('netns', 'delete', `${hosts[0]}-try`);
else console.log('skipped: this user may make no network namespaces (needs root and iproute2)');

describe.skipIf(!mayMakeHosts || !hasGroups)('two hosts', () => {
  beforeAll(() => {
    ip('link', 'add', ends[0], 'type', 'veth', 'peer', 'name', ends[1]);
    hosts.forEach((host, i) => {
      ip('netns', 'add', host);
      ip('link', 'set', ends[i], 'netns', host);
      ip('-n', host, 'address', 'add', `${addresses[i]}/24`, 'dev', ends[i]);
      for (const device of [ends[i], 'lo']) ip('-n', host, 'link', 'set', device, 'up');
    });
  });
  afterAll(() => {
    for (const host of hosts) ip('netns', 'delete', host);
  });

  const startBoth = (words: readonly string[]) =>
    hosts.map((host, rank) => {
      const place = { size: 2, port: 29_500, host: addresses[0], within: ['ip', 'netns', 'exec', host] };
      return startRank(rank, place, [program, ...words]);
    });

  it('exchange over the address at which they see each other', async () => {
    const [first, second] = await Promise.all(startBoth(['exchanges']).map(({ ended }) => ended));
    expect([first.code, first.error, second.code, second.error]).toEqual([0, '', 0, '']);
    expect(JSON.parse(first.out)).toMatchObject({ summed: [3, 20] });
  });

  it('end both, soon and with a reason, when the cable is cut', async () => {
    const ranks = startBoth(['endless', '60', '3']);
    await Promise.all(ranks.map(({ child }) => new Promise((resolve) => child.stderr.once('data', resolve))));
    const cut = performance.now();
    ip('-n', hosts[1], 'link', 'set', ends[1], 'down');
    const [first, second] = await Promise.all(ranks.map(({ ended }) => ended));
    expect((performance.now() - cut) / 1000).toBeLessThan(45);
    expect(JSON.parse(first.out)).toMatchObject({
      name: 'GroupError',
      message: 'rank 1 of 2 fell silent for 3 s',
      missing: [1],
    });
    const message = `rank 0 at ${addresses[0]}:29500 has not answered for 3 s`;
    expect(JSON.parse(second.out)).toMatchObject({ name: 'GroupError', message, missing: [0] });
    expect([first.code, second.code]).toEqual([1, 1]);
  });
});
