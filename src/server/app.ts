/**
 * @file The addresses of the dashboard and what they answer: the page, JSON about runs, pictures and volumes, one stream. Reads only; knows
 * run folders, never libtorch.
 */
import { type Context, Hono } from 'hono';
import { parseCsv } from '../base/csv.ts';
import { DataError } from '../base/errors.ts';
import { describeEvaluation, EVALUATION_RECORD, parseEvaluation } from '../run/evaluations.ts';
import {
  DOCUMENTS,
  type EvaluationSummary,
  type EventPage,
  PICTURES,
  type RunDetail,
  type RunHistory,
  type RunScores,
} from './api.ts';
import { type Collections, createCollections } from './collections/collections.ts';
import { createCurves } from './curves.ts';
import { openEventStream } from './eventStream.ts';
import { type GuardOptions, guard, withSlash } from './guard.ts';
import { readHistory } from './history.ts';
import { readPiece } from './logReader.ts';
import type { IndexedRun } from './runIndex.ts';
import { listInside, openInside, readInside, readTextInside } from './safeFiles.ts';
import type { Watch } from './watch.ts';
import type { WebFiles } from './webFiles.ts';

/** Streams beyond this are refused: a page needs one. */
export const MOST_STREAMS = 2000;

/** A picture that is an SVG may be anybody's: as an image, and sandboxed, nothing in it runs. */
const FILE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

const VOLUME_TYPE = 'application/gzip';

/** Files that are given out, by their ending. */
const FILE_TYPES: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  svg: 'image/svg+xml',
  'nii.gz': VOLUME_TYPE,
};

/** What the dashboard is made of. */
export interface AppOptions extends GuardOptions {
  /** The folder of the runs that are watched. */
  readonly root: string;
  readonly watch: Watch;
  readonly web: WebFiles;
}

/** The dashboard as a function from requests to answers. */
export function createApp({ root, watch, web, base = '', ...guarding }: AppOptions): Hono {
  const app = new Hono({ getPath: (request) => pathBelow(request, base) });
  app.use(guard({ ...guarding, base }));
  const { index } = watch;
  const collections = createCollections(root, index);
  const curves = createCurves();
  /** Runs are found by id among those that the disk shows: no path is ever made of a request. */
  const find = async (command: string, name: string): Promise<IndexedRun | undefined> => {
    const id = `${command}/${name}`;
    if (!index.runs.has(id)) await index.refreshFor(command, name);
    return index.runs.get(id);
  };
  /** Answers an address of a run; 404 where there is no such run, or the answer is undefined. */
  const onRun = (path: string, answer: (run: IndexedRun, context: Context) => Promise<Response | undefined>) =>
    app.get(`/api/runs/:command/:name${path}`, async (context) => {
      const run = await find(context.req.param('command') ?? '', context.req.param('name') ?? '');
      const answered = run && (await answer(run, context));
      return answered ?? context.json({ error: 'there is no such run, or it has no such file' }, 404);
    });

  app.get('/api/runs', async (context) => {
    await index.refresh();
    return context.json([...index.runs.values()].map(({ summary }) => summary));
  });

  app.get('/api/collections', async (context) => {
    // Whoever follows the runs has them looked at.
    if (index.runs.size === 0) await index.refresh();
    return context.json(await collections.list());
  });

  app.get('/api/collections/:kind/:name', async (context) => {
    if (index.runs.size === 0) await index.refresh();
    const found = await collections.detail(context.req.param('kind'), context.req.param('name'));
    return found
      ? context.json(found)
      : context.json({ error: 'there is no such comparison, and no such trials' }, 404);
  });

  app.get('/api/stream', (context) => {
    if (watch.followers >= MOST_STREAMS) return context.json({ error: 'too many pages are open' }, 503);
    const run = context.req.query('run');
    const offset = parseOffset(context.req.header('last-event-id') ?? context.req.query('from'));
    const stream = openEventStream(watch, run === undefined ? { offset } : { run, offset });
    return context.body(stream, 200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  });

  onRun('', async ({ id }, context) => {
    await index.refresh();
    const run = index.runs.get(id);
    return run && context.json(await describe(run, collections));
  });

  onRun('/history', async ({ path }, context) => {
    const file = await openInside(path, 'events.jsonl');
    if (file === undefined) return context.json({ events: [], offset: 0, total: 0 } satisfies RunHistory);
    try {
      return context.json(await readHistory(file));
    } finally {
      await file.close();
    }
  });

  onRun('/curves', async (run, context) => {
    const found = await curves.of(run);
    return found && context.json(found);
  });

  onRun('/events', async ({ path }, context) => {
    const file = await openInside(path, 'events.jsonl');
    if (file === undefined) return undefined;
    try {
      const { events, offset, atEnd } = await readPiece(file, parseOffset(context.req.query('from')));
      return context.json({ events, offset, atEnd } satisfies EventPage);
    } finally {
      await file.close();
    }
  });

  onRun('/scores', async (run, context) => context.json(await readScores(run)));

  onRun('/documents/:document', async ({ path }, context) => {
    const name = fieldOf(DOCUMENTS, context.req.param('document') ?? '');
    const file = name && (await readInside(path, name));
    return file ? context.body(new Uint8Array(file.content), 200, { 'content-type': 'application/json' }) : undefined;
  });

  onRun('/pictures/:picture', async ({ path }, context) => {
    const name = fieldOf(PICTURES, context.req.param('picture') ?? '');
    return name === undefined ? undefined : typedFile(context.req.raw, path, name);
  });

  onRun('/samples/:sample', async ({ path }, context) =>
    typedFile(context.req.raw, path, 'samples', context.req.param('sample') ?? ''),
  );

  app.get('/api/*', (context) => context.json({ error: 'there is no such address' }, 404));

  app.get(NO_SLASH, (context) => context.redirect(withSlash(base), 308));

  app.get('*', (context) => {
    const file = web.get(context.req.path === '/' ? '/index.html' : context.req.path);
    if (file === undefined) return context.json({ error: 'there is no such address' }, 404);
    return context.body(new Uint8Array(file.content), 200, {
      'content-type': file.type,
      'cache-control': file.caching,
    });
  });

  app.onError((error, context) => context.json({ error: `the run could not be read: ${error.message}` }, 500));
  return app;
}

/** The path of a request without the base. */
function pathBelow(request: Request, base: string): string {
  const { pathname } = new URL(request.url);
  const isBelow = base !== '' && (pathname === base || pathname.startsWith(`${base}/`));
  return isBelow ? pathname.slice(base.length) || NO_SLASH : pathname;
}

/** What stands for a base that was asked for without its last slash: the page's relative addresses would lead beside it. */
const NO_SLASH = '/without-slash';

async function describe(run: IndexedRun, collections: Collections): Promise<RunDetail> {
  const { path, facts, summary } = run;
  const top = await listInside(path, '.');
  const samples = await listInside(path, 'samples');
  const config = top.includes('config.yaml') ? await readTextInside(path, 'config.yaml') : undefined;
  const keysOf = <Key extends string>(table: Readonly<Record<Key, string>>) =>
    (Object.keys(table) as Key[]).filter((key) => top.includes(table[key]));
  return {
    summary,
    command: facts.command,
    versions: facts.versions,
    config,
    samples: samples.filter((name) => typeOf(name)?.startsWith('image/')),
    volumes: samples.filter((name) => typeOf(name) === VOLUME_TYPE),
    evaluations: await readEvaluations(path),
    documents: keysOf(DOCUMENTS),
    pictures: keysOf(PICTURES),
    collections: await collections.of(run.id),
  };
}

/** More evaluations than this are left out, the oldest first. */
const MOST_EVALUATIONS = 100;

/** The evaluations of a run; what is damaged or unfinished is left out. */
async function readEvaluations(path: string): Promise<EvaluationSummary[]> {
  const found: EvaluationSummary[] = [];
  for (const name of await listInside(path, 'evaluations', 'folders')) {
    const text = await readTextInside(path, 'evaluations', name, EVALUATION_RECORD);
    if (text === undefined) continue;
    try {
      const evaluation = parseEvaluation(text, name);
      const { time, data, dataset, split, samples, trainedOn, scores } = evaluation;
      const how = describeEvaluation(evaluation);
      found.push({ name, time, data, dataset, split, samples, trainedOn, how, scores });
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
    }
  }
  return found.sort((a, b) => a.time.localeCompare(b.time)).slice(-MOST_EVALUATIONS);
}

async function readScores({ path }: IndexedRun): Promise<RunScores> {
  const table = async (name: string) => {
    const text = await readTextInside(path, name);
    try {
      return text === undefined ? undefined : parseCsv(text, name).rows;
    } catch (error) {
      // A table that is none costs its run the table, no more.
      if (error instanceof DataError) return undefined;
      throw error;
    }
  };
  const perClass = await table('per_class.csv');
  const [header, ...rows] = (await table('confusion_matrix.csv')) ?? [];
  const names = header?.slice(1) ?? [];
  const counts = rows.map((row) => row.slice(1).map(Number));
  const isWhole =
    names.length > 0 && counts.length === names.length && counts.every((row) => row.length === names.length);
  return { ...(perClass ? { perClass } : {}), ...(isWhole ? { confusion: { names, counts } } : {}) };
}

/** A file whose ending says what it is: 304 where the page has it as it is. */
async function typedFile(request: Request, ...place: [string, ...string[]]): Promise<Response | undefined> {
  const type = typeOf(place[place.length - 1]);
  const file = type && (await readInside(...place));
  if (!file) return undefined;
  const tag = `"${file.modified}-${file.content.length}"`;
  const headers = {
    'content-type': type,
    'content-security-policy': FILE_POLICY,
    etag: tag,
    'cache-control': 'no-cache',
  };
  if (request.headers.get('if-none-match') === tag) return new Response(null, { status: 304, headers });
  return new Response(new Uint8Array(file.content), { headers });
}

const typeOf = (name: string): string | undefined =>
  fieldOf(FILE_TYPES, /\.(nii\.gz|[a-z]+)$/i.exec(name)?.[1].toLowerCase() ?? '');

/** An own field of a table, asked for by a text from outside. */
const fieldOf = <Value>(table: Readonly<Record<string, Value>>, key: string): Value | undefined =>
  Object.hasOwn(table, key) ? table[key] : undefined;

const parseOffset = (text: string | undefined): number => (/^\d{1,15}$/.test(text ?? '') ? Number(text) : 0);
