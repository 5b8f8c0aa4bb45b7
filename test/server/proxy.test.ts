/** @file The dashboard under further names, behind a reverse proxy with TLS, and below a path: addresses, streams, tokens, and the page in Chromium. */
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isBasePath, isHostName } from '../../src/server/guard.ts';
import { chromiumPath, launchChromium } from '../helpers/chromium.ts';
import { ask, builtPage, folderOfTests, serve } from './dashboards.ts';
import { recordTraining } from './recordedRuns.ts';

let root: string;
const ends: (() => void)[] = [];
beforeAll(async () => {
  root = folderOfTests();
  await recordTraining(root, { name: 'orchard', epochs: 2, steps: 2 });
});
afterAll(() => {
  for (const end of ends) end();
});

interface ProxyOptions {
  /** Port of the dashboard. */
  readonly to: number;
  /** Path below which it answers. */
  readonly path: string;
  /** Whether it takes the path away. */
  readonly strip: boolean;
  /** Headers that it adds. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A reverse proxy as nginx or Traefik is set up: it hands on what lies below a path, and names itself or the server in Host. */
function startProxy({ to, path, strip, headers = {} }: ProxyOptions): Promise<number> {
  const server = createServer((incoming, outgoing) => {
    const { url = '/' } = incoming;
    if (url !== path && !url.startsWith(`${path}/`) && !url.startsWith(`${path}?`)) {
      outgoing.writeHead(404).end();
      return;
    }
    const rest = strip ? url.slice(path.length) || '/' : url;
    const passed = { ...incoming.headers, ...headers };
    const options = { host: '127.0.0.1', port: to, path: rest, method: incoming.method, headers: passed };
    const inner = request(options, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    outgoing.on('close', () => inner.destroy());
    inner.on('error', () => outgoing.destroy());
    incoming.pipe(inner);
  });
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

describe('further names', () => {
  it('are answered where they are set, with a token, and the refusal of others says how', async () => {
    const { port, token, url, urls } = await serve(root, { hosts: ['GPU01.lab', '192.168.1.20'] });
    const status = async (host: string) =>
      (await ask(port, '/api/runs', { host, authorization: `Bearer ${token}` })).status;
    for (const host of ['gpu01.lab', 'gpu01.lab:8080', 'Gpu01.Lab', '192.168.1.20:8080', `localhost:${port}`])
      expect(await status(host), host).toBe(200);
    for (const host of ['gpu02.lab', 'gpu01.lab.evil.example', 'xgpu01.lab', '192.168.1.2'])
      expect(await status(host), host).toBe(403);
    const refused = await ask(port, '/', { host: 'gpu02.lab:80' });
    expect(JSON.parse(String(refused.body)).error).toMatch(/start it with hosts=gpu02\.lab/);
    expect(token).toMatch(/^[\w-]{32}$/);
    expect(urls).toEqual([`http://GPU01.lab:${port}/?token=${token}`, `http://192.168.1.20:${port}/?token=${token}`]);
    expect(url).toContain('127.0.0.1');
  });

  it('are plain names: no ports, paths, wildcards or markup', () => {
    for (const name of ['gpu01.lab', 'a', '10.0.0.1', '[::1]', 'my_box', 'xn--bcher-kva.example'])
      expect(isHostName(name), name).toBe(true);
    for (const name of ['', '*', 'a:80', 'a/b', 'a b', '.a', 'a-', '[::1', '<b>', 'a\n', `${'a'.repeat(300)}`])
      expect(isHostName(name), name).toBe(false);
    fc.assert(fc.property(fc.string(), (text) => !isHostName(text) || /^[\w.[\]:-]+$/.test(text)));
  });
});

describe('behind a proxy with TLS', () => {
  const secure = { host: '127.0.0.1:1', 'x-forwarded-host': 'runs.example', 'x-forwarded-proto': 'https' };
  const origin = { origin: 'https://runs.example' };

  it('its headers count where it is trusted, and for the names that are set', async () => {
    const { port, token, urls } = await serve(root, { hosts: ['runs.example'], proxy: true });
    const status = async (headers: Record<string, string>) =>
      (await ask(port, '/api/runs', { authorization: `Bearer ${token}`, ...headers })).status;
    expect(await status({ ...secure, ...origin })).toBe(200);
    expect(await status(secure)).toBe(200);
    expect(await status({ ...secure, 'x-forwarded-host': 'runs.example, inner', ...origin })).toBe(200);
    for (const wrong of ['http://runs.example', 'https://evil.example', 'https://127.0.0.1:1', 'null'])
      expect(await status({ ...secure, origin: wrong }), wrong).toBe(403);
    expect(await status({ ...secure, 'x-forwarded-host': 'evil.example' })).toBe(403);
    expect(await status({ ...secure, ...origin, authorization: 'Bearer x' })).toBe(401);
    expect(urls).toEqual([`https://runs.example/?token=${token}`]);
    const entry = await ask(port, `/?token=${token}`, secure);
    expect([entry.status, entry.headers.location]).toEqual([303, './']);
    expect(entry.headers['set-cookie']?.[0]).toMatch(/; Secure/);
  });

  it('and nowhere else: anybody can send them', async () => {
    const { port, token } = await serve(root, { hosts: ['runs.example'] });
    const allowed = { authorization: `Bearer ${token}` };
    const status = async (headers: Record<string, string>) =>
      (await ask(port, '/api/runs', { ...allowed, ...headers })).status;
    expect(await status({ host: 'evil.example', 'x-forwarded-host': 'runs.example' })).toBe(403);
    expect(await status({ host: 'runs.example', 'x-forwarded-host': 'evil.example' })).toBe(200);
    const refused = await ask(port, '/api/runs', { ...allowed, ...secure, host: 'runs.example', ...origin });
    expect(refused.status).toBe(403);
    expect(JSON.parse(String(refused.body)).error).toMatch(/proxy with TLS start it with proxy=true/);
    const entry = await ask(port, `/?token=${token}`, { host: 'runs.example', 'x-forwarded-prefix': '/lab' });
    expect(entry.headers['set-cookie']?.[0]).toMatch(/Path=\/(;|$)/);
    expect(entry.headers['set-cookie']?.[0]).not.toMatch(/Secure/);
  });
});

const WAYS = [
  ['takes the path away', true, undefined],
  ['leaves the path on', false, '/lab/espalier'],
  ['leaves the path on, set with a slash at its end', false, '/lab/espalier/'],
] as const;

describe.each(WAYS)('below a path, where the proxy %s', (_, strip, base) => {
  const path = '/lab/espalier';
  const start = async (web?: string) => {
    const headers = { 'x-forwarded-prefix': path, 'x-forwarded-proto': 'http' };
    const dashboard = await serve(root, { proxy: true, ...(base ? { base } : {}), ...(web ? { web } : {}) });
    return { ...dashboard, outer: await startProxy({ to: dashboard.port, path, strip, headers }) };
  };

  it('page, files, API and streams are found, and a token sets a cookie for that path', async () => {
    const { outer, token } = await start();
    const entry = await ask(outer, `${path}/?token=${token}`);
    expect([entry.status, entry.headers.location]).toEqual([303, './']);
    const [cookie, ...attributes] = (entry.headers['set-cookie']?.[0] ?? '').split('; ');
    expect(attributes).toContain(`Path=${path}/`);
    const seen = async (place: string) => (await ask(outer, `${path}${place}`, { cookie })).status;
    for (const place of ['/', '/assets/page-1.js', '/api/runs', '/api/runs/train/orchard/history'])
      expect(await seen(place), place).toBe(200);
    for (const place of ['/api/none', '/../secret', '/nowhere']) expect(await seen(place), place).toBe(404);
    expect((await ask(outer, '/api/runs', { cookie })).status).toBe(404);
    if (base) {
      const bare = await ask(outer, path, { cookie });
      expect([bare.status, bare.headers.location]).toEqual([308, './espalier/']);
      expect((await ask(outer, `${path}?token=${token}`)).headers.location).toBe('./espalier/');
    }
  });

  it.skipIf(chromiumPath === undefined)('the page works in Chromium, live', async () => {
    const { outer, token } = await start(builtPage());
    const browser = await launchChromium();
    try {
      const page = await browser.newPage();
      const complaints: string[] = [];
      page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(String(error)));
      page.on('response', (answer) => {
        if (answer.status() >= 400) complaints.push(`${answer.status()} ${answer.url()}`);
      });
      await page.goto(`http://127.0.0.1:${outer}${path}/?token=${token}`);
      await page.locator('table').getByText('orchard').first().waitFor();
      expect(new URL(page.url()).search).toBe('');
      // A run that begins while the page is open comes by the stream.
      const name = `later-${strip}-${base?.length}`;
      await recordTraining(root, { name, epochs: 2, steps: 2 });
      await page.locator('table').getByText(name).first().waitFor();
      await page.goto(`http://127.0.0.1:${outer}${path}/#/train/orchard/samples`);
      const image = page.locator('.card img').first();
      await image.waitFor();
      expect(await image.getAttribute('src')).toMatch(/^api\/runs\/train\/orchard\/samples\//);
      await page.waitForFunction('[...document.images].every((image) => image.complete && image.naturalWidth > 0)');
      expect(complaints).toEqual([]);
    } finally {
      await browser.close();
    }
  });
});

it('a base is a plain path', () => {
  for (const path of ['/', '/lab', '/lab/', '/a/b.c/~d_e-f']) expect(isBasePath(path), path).toBe(true);
  for (const path of ['', 'lab', '//evil.example', '/a//b', '/..', '/a/../b', '/a b', '/a?b', '/a#b', '/<b>', '/\\a'])
    expect(isBasePath(path), path).toBe(false);
});
