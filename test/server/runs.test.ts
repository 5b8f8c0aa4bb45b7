/** @file What the dashboard tells of runs: live, finished, killed, copied, damaged, long. */
import { appendFileSync, cpSync, mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openRunFolder } from '../../src/run/folder.ts';
import { loadReportData } from '../../src/run/report/data.ts';
import type { EventPage, RunDetail, RunHistory, RunScores, RunSummary } from '../../src/server/api.ts';
import { createRunIndex } from '../../src/server/runIndex.ts';
import type { Dashboard } from '../../src/server/serve.ts';
import { folderOfTests, get, serve } from './dashboards.ts';
import { type RecordedRun, recordEvaluation, recordManySteps, recordSearch, recordTraining } from './recordedRuns.ts';

let root: string;
let dashboard: Dashboard;
let search: RecordedRun;
let training: RecordedRun;
const runs = () => get<RunSummary[]>(dashboard.port, '/api/runs');
const summaryOf = async (id: string) => (await runs()).find((run) => run.id === id);

beforeAll(async () => {
  root = folderOfTests();
  search = await recordSearch(root, { name: 'garden', epochs: 4, steps: 3, layers: 5 });
  training = await recordTraining(root, { name: 'orchard', epochs: 4, steps: 3 });
  dashboard = await serve(root);
});

describe('the table of runs', () => {
  it('tells scores, costs, pace and settings', async () => {
    const found = await runs();
    expect(found.map(({ id }) => id)).toEqual(['search/garden', 'train/orchard']);
    const [garden, orchard] = found;
    expect(garden).toMatchObject({ state: 'done', epochs: 4, plannedEpochs: 4, share: 1, stepSeconds: 0.64 });
    expect(garden.score?.name).toBe('mIoU');
    expect(garden.settings).toMatchObject({ layers: '5', 'architecture.learningRate': '0.02' });
    expect(garden.parameters).toBeUndefined();
    expect(orchard.parameters).toBeGreaterThan(1000);
    expect(orchard.multiplyAdds).toBeGreaterThan(1e6);
    expect(orchard.size).toHaveLength(2);
    expect(orchard.peakBytes).toBe(8.3e8);
  });

  it('tells a run that goes on from one whose process is gone or that has been silent', async () => {
    const { folder } = await recordSearch(root, { name: 'states', epochs: 4, steps: 2, unfinished: true });
    const lock = join(folder.path, 'run.lock');
    const stateNow = async () => (await summaryOf('search/states'))?.state;
    expect(await stateNow()).toBe('running');
    expect((await summaryOf('search/states'))?.secondsLeft).toBeGreaterThan(0);
    const lockOf = (pid: number, host = hostname()) => JSON.stringify({ pid, host, time: new Date().toISOString() });
    writeFileSync(lock, lockOf(process.pid));
    expect(await stateNow()).toBe('running');
    // No process has a number beyond the largest of Linux.
    writeFileSync(lock, lockOf(2 ** 22 + 1));
    expect(await stateNow()).toBe('crashed');
    writeFileSync(lock, lockOf(1, 'elsewhere'));
    expect(await stateNow()).toBe('running');
    const old = new Date(Date.now() - 16 * 60_000);
    utimesSync(folder.events, old, old);
    expect(await stateNow()).toBe('crashed');
    rmSync(folder.path, { recursive: true });
    expect(await stateNow()).toBeUndefined();
  });

  it('shows one run when it is given one, and nothing for an empty folder', async () => {
    const single = await serve(training.folder.path);
    expect((await get<RunSummary[]>(single.port, '/api/runs')).map(({ id }) => id)).toEqual(['train/orchard']);
    const empty = await serve(folderOfTests());
    expect(await get(empty.port, '/api/runs')).toEqual([]);
  });
});

describe('one run', () => {
  it('tells what its folder holds', async () => {
    const detail = await get<RunDetail>(dashboard.port, '/api/runs/train/orchard');
    expect(detail.samples).toEqual(['scene-100.png', 'scene-101.png', 'scene-102.png']);
    expect(detail.documents).toEqual(['genotype', 'graph', 'data']);
    expect(detail.pictures).toEqual(['genotype', 'confusion']);
    expect(detail.config).toContain('data: scenes');
    expect(detail.command).toContain('espalier train');
    const scores = await get<RunScores>(dashboard.port, '/api/runs/train/orchard/scores');
    expect(scores.perClass?.at(-1)?.[0]).toBe('mean');
    expect(scores.confusion?.counts.length).toBe(scores.confusion?.names.length);
  });

  it('lists evaluations apart from the scores of the training; what is damaged, unfinished or a link is left out', async () => {
    const copy = join(root, 'train', 'evaluated');
    cpSync(training.folder.path, copy, { recursive: true });
    const scores = await get<RunScores>(dashboard.port, '/api/runs/train/evaluated/scores');
    const folder = openRunFolder(copy);
    recordEvaluation(folder, 'b');
    recordEvaluation(folder, 'a', { time: '2026-01-03T00:00:00.000Z', window: [32, 32], overlap: 0.5 });
    recordEvaluation(folder, 'damaged', { scores: { miou: 7 } });
    mkdirSync(join(copy, 'evaluations', 'unfinished'));
    symlinkSync(join(copy, 'evaluations', 'b'), join(copy, 'evaluations', 'linked'));
    const { evaluations } = await get<RunDetail>(dashboard.port, '/api/runs/train/evaluated');
    expect(evaluations.map(({ name, how }) => [name, how])).toEqual([
      ['b', 'best weights; scales 0.75, 1; mirrored along width; whole images'],
      ['a', 'best weights; scales 0.75, 1; mirrored along width; window 32x32, overlap 0.5'],
    ]);
    expect(evaluations[0]).toMatchObject({ dataset: 'other', trainedOn: false, scores: { miou: 0.5 } });
    expect(await get<RunScores>(dashboard.port, '/api/runs/train/evaluated/scores')).toEqual(scores);
    rmSync(copy, { recursive: true });
  });

  it('tells its documents as they stand', async () => {
    const graph = await get<{ parameters: number; nodes: { parameters: number }[] }>(
      dashboard.port,
      '/api/runs/train/orchard/documents/graph',
    );
    expect(graph.nodes.reduce((sum, node) => sum + node.parameters, 0)).toBe(graph.parameters);
    const data = await get<{ report: { classShares: number[] } }>(
      dashboard.port,
      '/api/runs/search/garden/documents/data',
    );
    expect(data.report.classShares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1);
  });

  it('tells of a short history every event that counts, as the report does', async () => {
    const { folder, append } = await recordSearch(root, { name: 'resumed', epochs: 4, steps: 3, unfinished: true });
    append({ type: 'start', command: 'again', config: { epochs: 4 }, versions: {}, resumedEpoch: 1, resumedStep: 1 });
    append({ type: 'step', phase: 'search', epoch: 1, step: 2, loss: 1, learningRate: 0.1 });
    const { events, total } = await get<RunHistory>(dashboard.port, '/api/runs/search/resumed/history');
    const counted = loadReportData(folder).events;
    expect(events).toEqual(counted);
    expect(total).toBeGreaterThan(events.length);
  });

  it('leaves out damaged lines and a torn last one, and says how many', async () => {
    const copy = join(root, 'search', 'damaged');
    cpSync(search.folder.path, copy, { recursive: true });
    const log = join(copy, 'events.jsonl');
    appendFileSync(log, 'no JSON\n{"type":"step"}\n[]\n');
    appendFileSync(
      log,
      '{"seq":999,"time":"2026-06-30T10:00:00.000Z","type":"note","message":"after"}\n{"seq":1000,"ti',
    );
    const { events } = await get<RunHistory>(dashboard.port, '/api/runs/search/damaged/history');
    expect(events.at(-1)).toMatchObject({ type: 'note', message: 'after' });
    expect((await summaryOf('search/damaged'))?.damaged).toBe(3);
  });

  it('tells of a run that has only begun', async () => {
    const bare = join(root, 'train', 'bare');
    mkdirSync(bare);
    writeFileSync(join(bare, 'config.yaml'), 'epochs: 3\n');
    expect(await summaryOf('train/bare')).toMatchObject({ state: 'running', epochs: 0 });
    expect(await get<RunHistory>(dashboard.port, '/api/runs/train/bare/history')).toEqual({
      events: [],
      offset: 0,
      total: 0,
    });
    rmSync(bare, { recursive: true });
  });
});

describe('the index of runs', () => {
  it('looks again for who asks while it is looking, once for all of them: a run may have begun meanwhile', async () => {
    const own = folderOfTests();
    await recordSearch(own, { name: 'unfinished', epochs: 2, steps: 2, unfinished: true });
    let looks = 0;
    const index = createRunIndex(own, () => {
      looks++;
      return Date.now();
    });
    const asked = [index.refresh(), index.refresh(), index.refresh()];
    await asked[0];
    expect(looks).toBe(1);
    await Promise.all(asked);
    expect(looks).toBe(2);
    await index.refresh();
    expect(looks).toBe(3);
  });
});

describe('a run of 100,000 events', () => {
  it('is told in bounded size, with its spikes, and page by page in full', async () => {
    const folder = recordManySteps(root, 'long', 100_000);
    const started = process.cpuUsage();
    const history = await get<RunHistory>(dashboard.port, '/api/runs/train/long/history');
    const seconds = process.cpuUsage(started).user / 1e6;
    expect(history.total).toBe(100_000);
    const steps = history.events.filter((event) => event.type === 'step');
    expect(steps.length).toBeGreaterThan(1000);
    expect(steps.length).toBeLessThan(3100);
    const all: number[] = [];
    let page: EventPage = { events: [], offset: 0, atEnd: false };
    while (!page.atEnd) {
      page = await get<EventPage>(dashboard.port, `/api/runs/train/long/events?from=${page.offset}`);
      for (const event of page.events) if (event.type === 'step') all.push(event.loss ?? 0);
    }
    expect(page.offset).toBe(history.offset);
    const losses = steps.map(({ loss }) => loss ?? 0);
    expect(Math.max(...losses)).toBe(all.reduce((most, loss) => Math.max(most, loss)));
    expect(Math.min(...losses)).toBe(all.reduce((least, loss) => Math.min(least, loss)));
    // Of the processor, so that a busy machine does not count: for the table's first look at the run and for the history.
    expect(seconds).toBeLessThan(2);
    rmSync(folder.path, { recursive: true });
  });
});
