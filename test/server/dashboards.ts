/** @file Dashboards for tests: served from a folder of runs and ended with the file; raw requests; a reader of event streams. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll } from 'vitest';
import { type Dashboard, type ServeOptions, serveDashboard } from '../../src/server/serve.ts';

const folders: string[] = [];
const open: Dashboard[] = [];

afterAll(async () => {
  await Promise.all(open.map((dashboard) => dashboard.close()));
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A new empty folder; it goes when the file's tests end. */
export function folderOfTests(): string {
  const path = mkdtempSync(join(tmpdir(), 'espalier-ui-'));
  folders.push(path);
  return path;
}

/** A page of one line instead of the built one. */
export function emptyPage(): string {
  const web = folderOfTests();
  mkdirSync(join(web, 'assets'));
  writeFileSync(join(web, 'index.html'), '<!doctype html><title>page</title>\n');
  writeFileSync(join(web, 'assets', 'page-1.js'), 'export {};\n');
  return web;
}

/** The page as `npm run build:web` leaves it. */
export const builtPage = (): string => resolve(import.meta.dirname, '..', '..', 'dist', 'web');

/** Serves a folder of runs on a free port. */
export async function serve(root: string, options: Partial<ServeOptions> = {}): Promise<Dashboard> {
  const base = { root, web: emptyPage(), host: '127.0.0.1', port: 0, searchPort: false };
  const dashboard = await serveDashboard({ ...base, ...options });
  open.push(dashboard);
  return dashboard;
}

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A request as it stands: the path is not tidied up, and any header may be set. */
export const ask = (
  port: number,
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (answer) => {
      const pieces: Buffer[] = [];
      answer.on('data', (piece: Buffer) => pieces.push(piece));
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(pieces) }),
      );
    });
    sent.on('error', reject);
    sent.end();
  });

/** The JSON of an address; fails unless it is there. */
export async function get<Value>(port: number, path: string): Promise<Value> {
  const { status, body } = await ask(port, path);
  if (status !== 200) throw new Error(`${path}: ${status} ${body.toString('utf8')}`);
  return JSON.parse(body.toString('utf8')) as Value;
}

/** One message of an event stream. */
export interface StreamMessage {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: unknown;
}

/** An open event stream. */
export interface StreamReader {
  /** The next message of a kind; others are skipped. */
  next(event: string): Promise<StreamMessage>;
  close(): Promise<void>;
}

/** Opens `/api/stream` as a browser does. */
export async function openStream(
  port: number,
  query: string,
  headers: Record<string, string> = {},
): Promise<StreamReader> {
  const ended = new AbortController();
  const answer = await fetch(`http://127.0.0.1:${port}/api/stream?${query}`, { headers, signal: ended.signal });
  if (!answer.ok || answer.body === null) throw new Error(`stream: ${answer.status}`);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  return {
    async next(event) {
      for (;;) {
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          const found = parseMessage(text.slice(0, end));
          text = text.slice(end + 2);
          if (found?.event === event) return found;
        }
        const { done, value } = await reader.read();
        if (done) throw new Error(`the stream ended before "${event}"`);
        text += value;
      }
    },
    async close() {
      ended.abort();
      await reader.cancel().catch(() => undefined);
    },
  };
}

function parseMessage(text: string): StreamMessage | undefined {
  const fields = new Map(text.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2) as [string, string]));
  const event = fields.get('event');
  return event === undefined
    ? undefined
    : { event, id: fields.get('id'), data: JSON.parse(fields.get('data') ?? 'null') };
}
