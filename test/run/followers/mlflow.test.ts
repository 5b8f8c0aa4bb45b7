/** @file Runs sent to MLflow: a stub of its server refuses what the published protocol does, and keeps what it was told. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { mlflowCommand } from '../../../src/cli/mlflow.ts';
import { openEventLog } from '../../../src/run/eventLog.ts';
import type { RunEventBody } from '../../../src/run/events.ts';
import { createRunFolder } from '../../../src/run/folder.ts';
import { MLFLOW_LIMITS, mlflowKey } from '../../../src/run/followers/mlflow.ts';
import { sendToMlflow } from '../../../src/run/followers/mlflowClient.ts';
import { temporaryFolder } from '../../helpers/temporaryFolder.ts';

interface Entry {
  readonly key: string;
  readonly value: string | number;
  readonly timestamp?: number;
  readonly step?: number;
}

/** What the stub was told of its only run. */
const state = {
  experiments: new Map<string, string>(),
  runs: 0,
  requests: [] as string[],
  metrics: [] as Entry[],
  params: new Map<string, string>(),
  tags: new Map<string, string>(),
  status: '',
  authorization: '' as string | undefined,
  broken: 0,
};

const INVALID = 'INVALID_PARAMETER_VALUE';
const isName = (key: string) =>
  /^[\w\-. /]+$/.test(key) && key.length <= 250 && key.split('/').every((part) => !['', '.', '..'].includes(part));

/** The checks of `mlflow.utils.validation`. */
function faultOf(body: Body, bytes: number): string | undefined {
  const { metrics, params, tags } = body;
  if (bytes > 1e6) return `a request of ${bytes} bytes`;
  if (metrics.length > 1000 || params.length > 100 || tags.length > 100) return 'too many of a kind';
  if (metrics.length + params.length + tags.length > 1000) return 'too many in all';
  for (const { key } of [...metrics, ...params, ...tags]) if (!isName(key)) return `the name ${key}`;
  for (const { value, timestamp, step } of metrics)
    if (![value, timestamp, step].every((number) => Number.isFinite(number))) return 'a metric that is no number';
  for (const { key, value } of params) {
    if (String(value).length > 250) return `a long value of ${key}`;
    if (state.params.has(key) && state.params.get(key) !== value) return `another value of ${key}`;
  }
  for (const { key, value } of tags) if (String(value).length > 5000) return `a long value of ${key}`;
  return undefined;
}

type Body = Record<string, string> & { metrics: Entry[]; params: Entry[]; tags: Entry[] };

function answer(path: string, body: Body, query: URLSearchParams, bytes: number): [number, object] {
  switch (path) {
    case 'experiments/get-by-name': {
      const id = state.experiments.get(query.get('experiment_name') as string);
      if (id === undefined) return [404, { error_code: 'RESOURCE_DOES_NOT_EXIST', message: 'no such experiment' }];
      return [200, { experiment: { experiment_id: id } }];
    }
    case 'experiments/create':
      state.experiments.set(body.name, '7');
      return [200, { experiment_id: '7' }];
    case 'runs/create':
      if (body.experiment_id !== '7') return [404, { error_code: 'RESOURCE_DOES_NOT_EXIST', message: 'no experiment' }];
      state.runs++;
      return [200, { run: { info: { run_id: `run${state.runs}` } } }];
    case 'runs/log-batch': {
      const fault = body.run_id === 'run1' ? faultOf(body, bytes) : 'no such run';
      if (fault !== undefined) return [400, { error_code: INVALID, message: fault }];
      const { metrics, params, tags } = body;
      state.metrics.push(...metrics);
      for (const { key, value } of params) state.params.set(key, String(value));
      for (const { key, value } of tags) state.tags.set(key, String(value));
      return [200, {}];
    }
    case 'runs/update':
      state.status = body.status;
      return [200, {}];
    default:
      return [404, { error_code: 'ENDPOINT_NOT_FOUND', message: path }];
  }
}

const server = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    const url = new URL(request.url as string, 'http://stub');
    const path = url.pathname.replace('/api/2.0/mlflow/', '');
    const bytes = Buffer.concat(parts);
    state.requests.push(path);
    state.authorization = request.headers.authorization;
    const [code, body] =
      path === 'runs/log-batch' && state.broken-- > 0
        ? [503, { message: 'away' }]
        : answer(path, bytes.length > 0 ? JSON.parse(bytes.toString()) : {}, url.searchParams, bytes.length);
    response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
});
let address = '';
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());
beforeEach(() => {
  state.experiments.clear();
  Object.assign(state, { runs: 0, requests: [], metrics: [], status: '', broken: 0 });
  state.params.clear();
  state.tags.clear();
});

function runOf(...bodies: RunEventBody[]) {
  const folder = createRunFolder(temporaryFolder(), 'train', 'first');
  const append = (...more: RunEventBody[]) => {
    const log = openEventLog(folder.events);
    for (const body of more) log.append(body);
    log.close();
  };
  append(...bodies);
  return { folder, append, target: { server: `${address}/`, experiment: 'segmentation' } };
}

const start = (config: Record<string, unknown>, more = {}): RunEventBody => ({
  type: 'start',
  command: 'espalier train data=street',
  config,
  versions: { espalier: '0.1.0' },
  ...more,
});
const step = (i: number): RunEventBody => ({
  type: 'step',
  phase: 'train',
  epoch: 0,
  step: i,
  loss: 1 / i,
  learningRate: 0.1,
});
const epoch = (metrics: Record<string, number | null>): RunEventBody => ({
  type: 'epoch',
  phase: 'train',
  epoch: 0,
  metrics,
});
const end = (status: 'done' | 'diverged' | 'stopped'): RunEventBody => ({ type: 'end', status, message: 'it is over' });

describe('a run', () => {
  it('arrives with settings, metrics by step, tags and its end', async () => {
    const { folder, target } = runOf(
      start({ seed: 0, crop: [33, 65], weights: { decay: 0.1 }, data: 'street' }),
      step(1),
      step(2),
      epoch({ loss: 0.5, miou: null }),
      {
        type: 'evaluation',
        epoch: 0,
        split: 'val',
        miou: 0.6,
        pixelAccuracy: 0.7,
        meanAccuracy: 0.5,
        iou: [0.6, null],
        classNames: ['road & path', '..'],
      },
      end('done'),
    );
    const outcome = await sendToMlflow(folder, { ...target, authorization: 'Bearer secret' });
    expect(outcome).toEqual({ runId: 'run1', events: 6, ended: true });
    expect(state.authorization).toBe('Bearer secret');
    expect([...state.experiments]).toEqual([['segmentation', '7']]);
    expect(Object.fromEntries(state.params)).toEqual({
      seed: '0',
      crop: '[33,65]',
      'weights.decay': '0.1',
      data: 'street',
    });
    expect(Object.fromEntries(state.tags)).toEqual({
      'espalier.command': 'espalier train data=street',
      'espalier.version.espalier': '0.1.0',
      'espalier.result': 'it is over',
    });
    const told = state.metrics.map(({ key, value, step: at }) => [key, value, at]);
    expect(told).toEqual([
      ['step/loss', 1, 1],
      ['step/learningRate', 0.1, 1],
      ['step/loss', 0.5, 2],
      ['step/learningRate', 0.1, 2],
      ['train/loss', 0.5, 1],
      ['val/miou', 0.6, 1],
      ['val/pixelAccuracy', 0.7, 1],
      ['val/meanAccuracy', 0.5, 1],
      ['iou/road _ path', 0.6, 1],
    ]);
    expect(state.metrics.every(({ timestamp }) => Math.abs((timestamp as number) - Date.now()) < 60_000)).toBe(true);
    expect(state.status).toBe('FINISHED');
  });

  it('is sent on from where it was, as the same run, and a broken connection makes no second one', async () => {
    const { folder, append, target } = runOf(start({ threads: 2 }), step(1));
    expect((await sendToMlflow(folder, target)).ended).toBe(false);
    expect(state.status).toBe('RUNNING');
    append(step(2), end('stopped'), start({ threads: 4 }, { resumedEpoch: 0 }), step(3));
    state.broken = 1;
    await expect(sendToMlflow(folder, target)).rejects.toThrow(/runs\/log-batch was refused \(503\): away/);
    await sendToMlflow(folder, target);
    append(end('diverged'));
    expect(await sendToMlflow(folder, target)).toMatchObject({ runId: 'run1', events: 1, ended: true });
    expect(state.metrics.filter(({ key }) => key === 'step/loss').map(({ step: at }) => at)).toEqual([1, 2, 3]);
    expect(state.params.get('threads')).toBe('2');
    expect([state.runs, state.status]).toEqual([1, 'FAILED']);
    const before = state.requests.length;
    expect(await sendToMlflow(folder, target)).toEqual({ runId: 'run1', events: 0, ended: true });
    expect(state.requests.length).toBe(before);
  });

  it('of any size stays within the limits of a request', async () => {
    const settings = Object.fromEntries(Array.from({ length: 250 }, (_, i) => [`key${i}`, 'x'.repeat(i * 40)]));
    const metrics = Object.fromEntries(Array.from({ length: 2500 }, (_, i) => [`${'long name '.repeat(40)}${i}`, i]));
    const { folder, target } = runOf(
      start(settings),
      epoch(metrics),
      ...Array.from({ length: 1200 }, (_, i) => step(i + 1)),
      {
        type: 'end',
        status: 'done',
        message: 'y'.repeat(20_000),
      },
    );
    await sendToMlflow(folder, target);
    expect(state.params.size).toBe(250);
    expect(state.metrics).toHaveLength(2500 + 2400);
    expect(state.requests.filter((path) => path === 'runs/log-batch').length).toBeGreaterThanOrEqual(3 + 1 + 5);
    expect(state.tags.get('espalier.result')).toHaveLength(MLFLOW_LIMITS.tagValue);
  });

  it('names the server that refuses, or is away', async () => {
    const { folder, target } = runOf(start({}));
    await expect(sendToMlflow(folder, { ...target, server: 'http://127.0.0.1:1' })).rejects.toThrow(
      /^http:\/\/127\.0\.0\.1:1: no answer .*; is it the address of an MLflow server\?$/,
    );
    await expect(sendToMlflow(folder, { ...target, server: `${address}/elsewhere` })).rejects.toThrow(
      /was refused \(404\)/,
    );
  });
});

it('keys are names that the server takes, whatever they were made from', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ maxLength: 400 }), fc.constantFrom('', '/', '..', 'a/../b', './x', 'é')),
      (name) => {
        expect(isName(mlflowKey(`iou/${name}`))).toBe(true);
      },
    ),
  );
  expect(mlflowKey('train/loss')).toBe('train/loss');
});

it('says in the run folder where it was sent to', async () => {
  const { folder, target } = runOf(start({}), end('done'));
  await sendToMlflow(folder, target);
  expect(JSON.parse(readFileSync(join(folder.path, 'mlflow.json'), 'utf8'))).toMatchObject({
    server: target.server,
    experiment: 'segmentation',
    runId: 'run1',
  });
});

it('is a command, which follows a run to its end', async () => {
  const { folder, append, target } = runOf(start({ seed: 0 }), step(1));
  const lines: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => lines.push(String(text)) > 0);
  const words = [
    `run=${folder.path}`,
    `server=${target.server}`,
    'experiment=segmentation',
    'everySeconds=1',
    '--follow',
  ];
  const following = mlflowCommand.run(words);
  while (lines.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  append(step(2), end('done'));
  await following;
  vi.restoreAllMocks();
  expect(lines).toEqual([
    `${target.server}: 2 events of ${folder.path} as run run1\n`,
    `${target.server}: 2 events of ${folder.path} as run run1\n`,
  ]);
  expect(state.status).toBe('FINISHED');
});
