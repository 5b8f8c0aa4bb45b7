/** @file The stream of the dashboard: new events within a second, nothing lost over breaks and restarts, bounded memory. */
import { appendFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RunEvent } from '../../src/run/events.ts';
import type { RunHistory, RunsMessage } from '../../src/server/api.ts';
import { createApp, MOST_STREAMS } from '../../src/server/app.ts';
import { openEventStream } from '../../src/server/eventStream.ts';
import { createRunIndex } from '../../src/server/runIndex.ts';
import type { Dashboard } from '../../src/server/serve.ts';
import { createWatch } from '../../src/server/watch.ts';
import { folderOfTests, get, openStream, serve } from './dashboards.ts';
import { recordManySteps, recordSearch } from './recordedRuns.ts';

let root: string;
let dashboard: Dashboard;

beforeAll(async () => {
  root = folderOfTests();
  dashboard = await serve(root);
});

const record = (name: string) => recordSearch(root, { name, epochs: 6, steps: 2, layers: 4, unfinished: true });
const historyOf = (name: string) => get<RunHistory>(dashboard.port, `/api/runs/search/${name}/history`);

describe('the stream', () => {
  it('tells new events within a second, and the table with them', async () => {
    const run = await record('live');
    const { offset, events } = await historyOf('live');
    const stream = await openStream(dashboard.port, `run=search/live&from=${offset}`);
    const first = (await stream.next('runs')).data as RunsMessage;
    expect(first.changed.map(({ id }) => id)).toContain('search/live');
    const started = performance.now();
    run.addEpoch();
    const message = await stream.next('events');
    expect(performance.now() - started).toBeLessThan(1000);
    const [next] = message.data as RunEvent[];
    expect(next.seq).toBe((events.at(-1)?.seq ?? 0) + 1);
    const table = (await stream.next('runs')).data as RunsMessage;
    expect(table.changed.map(({ id }) => id)).toEqual(['search/live']);
    await stream.close();
  });

  it('goes on where a reader stood, whatever server it finds: nothing twice, nothing lost', async () => {
    const run = await record('restart');
    const stream = await openStream(dashboard.port, 'run=search/restart&from=0');
    const seen: RunEvent[] = [];
    const message = await stream.next('events');
    seen.push(...(message.data as RunEvent[]));
    await stream.close();
    run.addEpoch();
    const other = await serve(root);
    const again = await openStream(other.port, 'run=search/restart&from=0', { 'last-event-id': message.id ?? '' });
    seen.push(...((await again.next('events')).data as RunEvent[]));
    await again.close();
    expect(seen).toEqual((await historyOf('restart')).events);
  });

  it('never tells half a line', async () => {
    const run = await record('torn');
    const { offset } = await historyOf('torn');
    const stream = await openStream(dashboard.port, `run=search/torn&from=${offset}`);
    const line = `{"seq":999,"time":"2026-06-30T10:00:00.000Z","type":"note","message":"whole"}\n`;
    appendFileSync(run.folder.events, line.slice(0, 40));
    await new Promise((resolve) => setTimeout(resolve, 700));
    appendFileSync(run.folder.events, line.slice(40));
    expect((await stream.next('events')).data).toEqual([JSON.parse(line)]);
    await stream.close();
  });

  it('says when the log is another one, when a position is none, and when there is no run', async () => {
    const run = await record('replaced');
    const stream = await openStream(dashboard.port, 'run=search/replaced&from=0');
    await stream.next('events');
    const copy = `${run.folder.events}.new`;
    writeFileSync(copy, '{"seq":0,"time":"2026-06-30T10:00:00.000Z","type":"note","message":"new"}\n');
    renameSync(copy, run.folder.events);
    await stream.next('reset');
    await stream.close();
    for (const from of ['7', '99999999']) {
      const lost = await openStream(dashboard.port, `run=search/replaced&from=${from}`);
      await lost.next('reset');
      await lost.close();
    }
    const none = await openStream(dashboard.port, 'run=search/none');
    await none.next('gone');
    await none.close();
    rmSync(run.folder.path, { recursive: true });
  });

  it('holds 1,000 idle streams and a slow reader in little memory', async () => {
    const long = recordManySteps(root, 'slow', 200_000);
    const crowded = await serve(root);
    await get(crowded.port, '/api/runs');
    const before = process.memoryUsage.rss();
    // A reader that takes the headers and then nothing of 30 MB.
    const slow = request({ host: '127.0.0.1', port: crowded.port, path: '/api/stream?run=train/slow&from=0' });
    await new Promise<void>((resolve) => {
      slow.on('response', (answer) => {
        answer.pause();
        resolve();
      });
      slow.end();
    });
    const streams = await Promise.all(
      Array.from({ length: 1000 }, async () => {
        const sent = request({ host: '127.0.0.1', port: crowded.port, path: '/api/stream' });
        await new Promise<void>((resolve, reject) => {
          sent.on('response', (answer) => {
            answer.resume();
            answer.once('data', () => resolve());
          });
          sent.on('error', reject);
          sent.end();
        });
        return sent;
      }),
    );
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const grown = (process.memoryUsage.rss() - before) / 2 ** 20;
    // Clients and server are one process here: 1,000 connections twice, and no part of the 30 MB.
    expect(grown).toBeLessThan(250);
    for (const stream of [...streams, slow]) stream.destroy();
    rmSync(long.path, { recursive: true });
  });

  it('is refused where too many are open, and counted out when it ends', async () => {
    const watch = createWatch(createRunIndex(root));
    const web = new Map();
    const ask = (followers: number) =>
      createApp({ root, watch: { ...watch, followers }, web, hosts: ['localhost'] }).request('/api/stream', {
        headers: { host: 'localhost' },
      });
    expect((await ask(MOST_STREAMS)).status).toBe(503);
    expect((await ask(MOST_STREAMS - 1)).status).toBe(200);

    const stream = openEventStream(watch, { offset: 0 });
    const reader = stream.getReader();
    await reader.read();
    expect(watch.followers).toBe(1);
    await reader.cancel();
    expect(watch.followers).toBe(0);
    watch.close();
  });
});
