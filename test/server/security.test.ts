/** @file The dashboard lets no one in: foreign names and pages, paths and links out of a run, markup in names, networks without the token. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseSampleVolume } from '../../src/data/sampleVolume.ts';
import { createRunFolder } from '../../src/run/folder.ts';
import type { RunDetail, RunSummary } from '../../src/server/api.ts';
import { createToken, HEADERS, hostsOf, isLoopback } from '../../src/server/guard.ts';
import { isPlainName, openInside } from '../../src/server/safeFiles.ts';
import type { Dashboard } from '../../src/server/serve.ts';
import { ask, emptyPage, folderOfTests, get, serve } from './dashboards.ts';
import { recordTraining, recordVolumes } from './recordedRuns.ts';

const SECRET = 'the secret of another folder';
let root: string;
let dashboard: Dashboard;
let run: string;

beforeAll(async () => {
  const outer = folderOfTests();
  root = join(outer, 'runs');
  mkdirSync(root);
  writeFileSync(join(outer, 'secret.png'), SECRET);
  writeFileSync(join(outer, 'secret.json'), `{"secret":"${SECRET}"}`);
  writeFileSync(join(outer, 'secret.nii.gz'), SECRET);
  const { folder } = await recordTraining(root, { name: 'orchard', epochs: 2, steps: 2 });
  run = folder.path;
  writeFileSync(join(run, 'inner.png'), SECRET);
  dashboard = await serve(root);
});

const hosted = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
  ask(dashboard.port, path, headers, method);

describe('paths', () => {
  const outside = [
    'secret.png',
    '../secret.png',
    '../../secret.nii.gz',
    '../../../secret.nii.gz',
    '../../secret.png',
    '../../../secret.png',
    'runs/../secret.png',
  ];
  const encode: ((path: string) => string)[] = [
    (path) => path,
    (path) => encodeURIComponent(path),
    (path) => encodeURIComponent(encodeURIComponent(path)),
    (path) => path.replaceAll('.', '%2e').replaceAll('/', '%2f'),
    (path) => path.replaceAll('.', '%252e').replaceAll('/', '%252f'),
    (path) => path.replaceAll('/', '\\'),
    (path) => path.replaceAll('/', '%5c'),
    (path) => path.replaceAll('/', '//'),
    (path) => path.replaceAll('../', '....//'),
    (path) => path.replaceAll('.', '%c0%ae'),
    (path) => `${path}%00.png`,
    (path) => `/${path}`,
    (path) => `scene-100.png/../${path}`,
  ];
  it.each(['samples', 'pictures', 'documents'])('never leave the folder of a run: %s', async (place) => {
    for (const target of outside)
      for (const encoded of encode) {
        const path = `/api/runs/train/orchard/${place}/${encoded(target)}`;
        const { status, body } = await hosted(path);
        expect(body.includes(SECRET), path).toBe(false);
        expect(status, path).not.toBe(200);
      }
  });

  it('never leave the folder of runs or of the page', async () => {
    for (const target of [...outside, 'etc/passwd', '../package.json', '../../../../../../etc/passwd'])
      for (const encoded of encode)
        for (const prefix of ['/', '/assets/', '/api/runs/', '/api/runs/train/', '/api/runs/../'])
          for (const ending of ['', '/history', '/documents/genotype']) {
            const { status, body } = await hosted(`${prefix}${encoded(target)}${ending}`);
            expect(body.includes(SECRET) || body.includes('root:')).toBe(false);
            expect(status).not.toBe(200);
          }
  });

  it('are those of files that are meant to be seen', async () => {
    for (const name of ['config.yaml', 'inner.png', 'network.json', 'events.jsonl', '__proto__', 'constructor'])
      for (const place of ['documents', 'pictures', 'samples'])
        expect((await hosted(`/api/runs/train/orchard/${place}/${name}`)).status).toBe(404);
    expect((await hosted('/api/runs/train/orchard/samples/scene-100.png')).status).toBe(200);
  });

  it('have plain names only', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        if (!isPlainName(name)) return;
        expect(name).not.toMatch(/[/\\\0]|^\./);
        expect(join('/a', name)).toBe(`/a/${name}`);
      }),
    );
    for (const name of ['', '.', '..', '.hidden', 'a/b', 'a\\b', 'a\0b', 'a\nb']) expect(isPlainName(name)).toBe(false);
    for (const name of ['a', 'a..b', 'Ünïcode 1.png', '<b>']) expect(isPlainName(name)).toBe(true);
  });
});

describe('links out of a run', () => {
  it('are not followed: files, folders, logs, runs', async () => {
    const outer = join(root, '..');
    const { folder } = await recordTraining(root, { name: 'linked', epochs: 2, steps: 2 });
    symlinkSync(join(outer, 'secret.png'), join(folder.samples, 'link.png'));
    symlinkSync(join(outer, 'secret.nii.gz'), join(folder.samples, 'link.nii.gz'));
    symlinkSync(join(outer, 'secret.json'), join(folder.path, 'genotype.json.link'));
    const trap = createRunFolder(root, 'train', 'trap');
    writeFileSync(trap.config, 'epochs: 1\n');
    symlinkSync(join(outer, 'secret.json'), trap.genotype);
    symlinkSync(join(run, 'events.jsonl'), trap.events);
    symlinkSync(join(outer, 'secret.png'), trap.confusionPicture);
    symlinkSync(outer, join(trap.path, 'samples', 'folder'));
    const elsewhere = folderOfTests();
    await recordTraining(elsewhere, { name: 'far', epochs: 2, steps: 2 });
    symlinkSync(join(elsewhere, 'train', 'far'), join(root, 'train', 'far'));
    symlinkSync(join(elsewhere, 'train'), join(root, 'elsewhere'));

    const runs = await get<RunSummary[]>(dashboard.port, '/api/runs');
    expect(runs.map(({ id }) => id).sort()).toEqual(['train/linked', 'train/orchard', 'train/trap']);
    const { samples, volumes } = await get<RunDetail>(dashboard.port, '/api/runs/train/linked');
    expect([...samples, ...volumes].filter((name) => name.startsWith('link'))).toEqual([]);
    for (const path of [
      'linked/samples/link.png',
      'linked/samples/link.nii.gz',
      'trap/documents/genotype',
      'trap/pictures/confusion',
    ])
      expect((await hosted(`/api/runs/train/${path}`)).status, path).toBe(404);
    expect(await get(dashboard.port, '/api/runs/train/trap/history')).toMatchObject({ events: [] });
    expect((await hosted('/api/runs/train/trap/samples/folder%2Fsecret.png')).status).toBe(404);
  });

  it('are not followed on the way to a file either', async () => {
    const folder = folderOfTests();
    mkdirSync(join(folder, 'real'));
    writeFileSync(join(folder, 'real', 'file'), 'x');
    symlinkSync(join(folder, 'real'), join(folder, 'link'));
    const file = await openInside(folder, 'real', 'file');
    expect(file).toBeDefined();
    await file?.close();
    expect(await openInside(folder, 'link', 'file')).toBeUndefined();
    expect(await openInside(folder, 'real')).toBeUndefined();
  });
});

describe('requests of other pages', () => {
  it('are refused by their name: DNS rebinding', async () => {
    for (const host of [
      'evil.example',
      'evil.example:4173',
      '127.0.0.1.evil.example',
      'localhost.evil.example',
      '[::2]',
    ])
      for (const path of ['/', '/api/runs', '/api/stream'])
        expect((await hosted(path, { host })).status, host).toBe(403);
    for (const host of ['localhost', 'LOCALHOST:1', '127.0.0.1', '[::1]:80'])
      expect((await hosted('/api/runs', { host })).status, host).toBe(200);
  });

  it('are refused by their origin', async () => {
    const host = `127.0.0.1:${dashboard.port}`;
    for (const origin of [
      'http://evil.example',
      'null',
      `https://${host}`,
      'http://127.0.0.1:1',
      `http://${host}.evil.example`,
    ])
      expect((await hosted('/api/runs', { host, origin })).status, origin).toBe(403);
    expect((await hosted('/api/runs', { host, origin: `http://${host}` })).status).toBe(200);
    for (const site of ['cross-site', 'same-site'])
      expect((await hosted('/api/runs', { host, 'sec-fetch-site': site, 'sec-fetch-mode': 'no-cors' })).status).toBe(
        403,
      );
    expect((await hosted('/', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' })).status).toBe(200);
  });

  it('that would change something are refused', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])
      expect((await hosted('/api/runs', {}, method)).status, method).toBe(405);
    expect((await hosted('/api/runs', {}, 'HEAD')).status).toBe(200);
  });
});

describe('answers', () => {
  it('carry the policy, whatever they are', async () => {
    const paths = [
      '/',
      '/assets/page-1.js',
      '/api/runs',
      '/api/none',
      '/none',
      '/api/runs/train/orchard/documents/genotype',
    ];
    for (const path of paths) {
      const { headers } = await hosted(path);
      for (const [name, value] of Object.entries(HEADERS)) expect(headers[name], `${path} ${name}`).toBe(value);
    }
    expect((await hosted('/api/runs', { host: 'evil.example' })).headers['x-content-type-options']).toBe('nosniff');
    expect(HEADERS['content-security-policy']).not.toMatch(/unsafe|\*|https?:/);
  });

  it('that are drawings of strangers run nothing', async () => {
    const evil = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>';
    writeFileSync(join(run, 'genotype.svg'), evil);
    const { headers, body } = await hosted('/api/runs/train/orchard/pictures/genotype');
    expect(body.toString()).toBe(evil);
    expect(headers['content-type']).toBe('image/svg+xml');
    expect(headers['content-security-policy']).toMatch(/default-src 'none'.*sandbox/);
  });

  it('that are volumes are no text, and run nothing', async () => {
    await recordVolumes(root, 'clinic');
    const { samples, volumes } = await get<RunDetail>(dashboard.port, '/api/runs/train/clinic');
    expect([samples, volumes]).toEqual([
      ['phantom-3.png', 'phantom-4.png'],
      ['phantom-3.nii.gz', 'phantom-4.nii.gz'],
    ]);
    const { headers, body } = await hosted('/api/runs/train/clinic/samples/phantom-3.nii.gz');
    expect(headers).toMatchObject({ 'content-type': 'application/gzip', 'x-content-type-options': 'nosniff' });
    // Compressed as a file, which the page unpacks itself.
    expect(headers['content-encoding']).toBeUndefined();
    expect(headers['content-security-policy']).toMatch(/default-src 'none'.*sandbox/);
    expect(parseSampleVolume(gunzipSync(body), 'sample').shape).toEqual([56, 72, 64]);
    for (const ending of ['nii', 'gz', 'tar.gz', 'nii.gz.html']) {
      writeFileSync(join(root, 'train', 'clinic', 'samples', `x.${ending}`), SECRET);
      expect((await hosted(`/api/runs/train/clinic/samples/x.${ending}`)).status, ending).toBe(404);
    }
  });

  it('do not come twice when nothing changed', async () => {
    const path = '/api/runs/train/orchard/samples/scene-100.png';
    const { headers } = await hosted(path);
    expect((await hosted(path, { 'if-none-match': headers.etag ?? '' })).status).toBe(304);
  });
});

describe('beyond this machine', () => {
  const address = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4')?.address;

  it('a token is required, made up where none is given', async () => {
    const open = await serve(root, { host: '0.0.0.0' });
    expect(open.token).toMatch(/^[\w-]{32}$/);
    expect(open.url).toContain(`?token=${open.token}`);
    const status = async (path: string, headers = {}) => (await ask(open.port, path, headers)).status;
    for (const path of ['/', '/api/runs', '/api/stream', '/assets/page-1.js']) expect(await status(path)).toBe(401);
    expect(await status('/api/runs', { authorization: `Bearer ${open.token}` })).toBe(200);
    for (const wrong of ['', 'x', `${open.token}x`, `${open.token?.slice(0, -1)}`])
      expect(await status('/api/runs', { authorization: `Bearer ${wrong}` })).toBe(401);
    const entry = await ask(open.port, `/?token=${open.token}`);
    expect(entry.status).toBe(303);
    expect(entry.headers.location).toBe('./');
    const cookie = entry.headers['set-cookie']?.[0] ?? '';
    expect(cookie).toMatch(/HttpOnly/i);
    expect(cookie).toMatch(/SameSite=Strict/i);
    expect(await status('/api/runs', { cookie: cookie.split(';')[0] })).toBe(200);
    expect(await status('/?token=wrong')).toBe(401);
    if (address) expect(await status('/api/runs', { host: `${address}:1` })).toBe(401);
    expect(await status('/api/runs', { host: 'evil.example', authorization: `Bearer ${open.token}` })).toBe(403);
  });

  it('is what is not loopback', () => {
    for (const host of ['127.0.0.1', '127.1.2.3', 'localhost', '::1']) expect(isLoopback(host)).toBe(true);
    for (const host of ['0.0.0.0', '::', '192.168.1.2', 'example.org', '127.0.0.1.example.org'])
      expect(isLoopback(host)).toBe(false);
    expect(hostsOf('127.0.0.1')).toEqual(['127.0.0.1', 'localhost', '[::1]']);
    expect(createToken()).not.toBe(createToken());
  });
});

describe('ports', () => {
  it('that are in use are passed over, or an error that says so', async () => {
    const blocker = createServer();
    const port = await new Promise<number>((resolve) => {
      blocker.listen(0, '127.0.0.1', () => resolve((blocker.address() as { port: number }).port));
    });
    const next = await serve(root, { port, searchPort: true });
    expect(next.port).toBeGreaterThan(port);
    await expect(serve(root, { port })).rejects.toThrow(/cannot listen on 127\.0\.0\.1.*EADDRINUSE.*port=/);
    await expect(serve(root, { host: '203.0.113.9' })).rejects.toThrow(/cannot listen.*host=/);
    blocker.close();
  });

  it('a page that was not built is an error', async () => {
    await expect(serve(root, { web: folderOfTests() })).rejects.toThrow(/npm run build:web/);
    expect(readFileSync(join(emptyPage(), 'index.html'), 'utf8')).toContain('page');
  });
});
