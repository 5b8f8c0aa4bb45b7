/** @file The documents: every link leads somewhere, in the files and on the built site; pictures and references are those of the code. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, extname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configKeys } from '../../src/run/config/config.ts';
import { settings } from '../../src/run/config/presets.ts';
import { chromiumPath, launchChromium } from '../helpers/chromium.ts';

const root = resolve(import.meta.dirname, '..', '..');
const docs = join(root, 'docs');
const read = (file: string) => readFileSync(file, 'utf8');
const isGenerated = (file: string) => file.startsWith(join(docs, 'reference'));

/** Files written by people. */
const pages = [
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'].map((name) => join(root, name)),
  ...readdirSync(docs)
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(docs, name)),
];

/** The anchor of a heading, as GitHub and the site make it. */
const anchorOf = (heading: string) =>
  heading
    .replace(/[`*]/g, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .trim()
    .replace(/ /g, '-');

describe('links in the files', () => {
  it.each(pages.map((page) => [page.slice(root.length + 1), page]))('%s', (_, page) => {
    const text = read(page).replace(/```[\s\S]*?```/g, '');
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [path, anchor] = target.split('#');
      const file = path === '' ? page : join(dirname(page), path);
      // What is generated is checked on the site.
      if (isGenerated(file)) continue;
      expect(existsSync(file), target).toBe(true);
      if (anchor !== undefined) {
        const headings = [...read(file).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading));
        expect(headings, target).toContain(anchor);
      }
    }
  });
});

it('keeps tables of more than ten rows out of the results, as CSV files that the page links', () => {
  const text = read(join(docs, 'results.md'));
  const rows = [...text.matchAll(/(?:^\|.*\n)+/gm)].map(([table]) => table.trim().split('\n').length - 2);
  expect(rows.length).toBeGreaterThan(0);
  expect(Math.max(...rows)).toBeLessThanOrEqual(10);
  for (const name of readdirSync(join(docs, 'results'))) {
    expect(text).toContain(`](results/${name})`);
    const cells = read(join(docs, 'results', name))
      .trimEnd()
      .split('\n')
      .map((line) => line.split(',').length);
    expect(cells.length, name).toBeGreaterThan(11);
    expect(new Set(cells).size, `${name}: rows of one length`).toBe(1);
  }
});

it('shows concepts in pictures that the functions of the product draw', async () => {
  const { conceptPictures } = (await import(join(root, 'scripts', 'docs', 'pictures.mjs'))) as {
    conceptPictures(): Record<string, string>;
  };
  const shown = [...read(join(docs, 'concepts.md')).matchAll(/pictures\/(concept-[a-z-]+\.svg)/g)].map(
    ([, name]) => name,
  );
  expect(Object.keys(conceptPictures()).sort()).toEqual([...shown].sort());
  for (const [name, svg] of Object.entries(conceptPictures()))
    expect(read(join(docs, 'pictures', name)), `${name}: npm run docs draws it again`).toBe(svg);
});

describe('the site', () => {
  it('builds, with no link that leads nowhere', { timeout: 600_000 }, async () => {
    const site = join(root, 'build', 'site');
    await promisify(execFile)(process.execPath, [join(root, 'scripts', 'docs.mjs')], { maxBuffer: 2 ** 26 });
    const html = readdirSync(site, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.html'));
    for (const name of ['index', 'start', 'concepts', 'data', 'budgets', 'results', 'design', 'faq', 'reliability'])
      expect(html).toContain(`${name}.html`);
    const idsOf = new Map(html.map((name) => [name, new Set(matches(read(join(site, name)), / id="([^"]+)"/g))]));
    let links = 0;
    for (const name of html) {
      for (const target of matches(read(join(site, name)), / (?:href|src)="([^"]+)"/g)) {
        if (/^(https?|data|mailto):/.test(target)) continue;
        const { pathname, hash } = new URL(target, `http://site/${name}`);
        const path = decodeURIComponent(pathname).slice(1);
        const file = path === '' || path.endsWith('/') ? `${path}index.html` : path;
        const found = [file, `${file}.html`].find((candidate) => existsSync(join(site, candidate)));
        expect(found, `${name} links to ${target}`).toBeDefined();
        if (hash !== '')
          expect(idsOf.get(found as string), `${name} links to ${target}`).toContain(decodeURIComponent(hash.slice(1)));
        links++;
      }
    }
    expect(links).toBeGreaterThan(500);
    const reference = read(join(docs, 'reference', 'settings.md'));
    for (const { schema } of Object.values(settings))
      for (const key of configKeys(schema)) expect(reference).toContain(`| \`${key}\` |`);
    const commands = read(join(docs, 'reference', 'commands.md'));
    for (const name of ['demo', 'search', 'train', 'export', 'ui']) expect(commands).toContain(`\n## ${name}\n`);
  });
});

describe.skipIf(!chromiumPath)('the site in a browser', { timeout: 300_000 }, () => {
  const site = join(root, 'build', 'site');
  let browser: Browser;
  let server: Server;
  let address: string;
  beforeAll(async () => {
    browser = await launchChromium();
    server = createServer((request, response) => {
      const path = decodeURIComponent(new URL(request.url ?? '/', 'http://site').pathname);
      const found = [path, `${path}.html`, join(path, 'index.html')]
        .map((each) => join(site, each))
        .find((file) => statSync(file, { throwIfNoEntry: false })?.isFile());
      response.writeHead(found ? 200 : 404, {
        'content-type': MIME[extname(found ?? '')] ?? 'application/octet-stream',
      });
      response.end(found && readFileSync(found));
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  it.each([1440, 390])(
    'shows every page whole at a width of %i: nothing is cut or overlaps the edge',
    async (width) => {
      const page = await browser.newPage({ viewport: { width, height: 844 } });
      const html = readdirSync(site, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.html'));
      const faults: string[] = [];
      for (const name of html) {
        await page.goto(`${address}/${name.replace(/\.html$/, '')}`);
        const cut = await page.evaluate<string[]>(CUT);
        faults.push(...cut.map((fault) => `${name}: ${fault}`));
      }
      await page.close();
      expect(faults).toEqual([]);
    },
  );

  it('begins with a logo, a picture and a way to the concepts, and finds a setting', async () => {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    await page.goto(address);
    for (const image of ['.VPNavBarTitle img', '.VPHero img']) {
      const width = await page.evaluate(`document.querySelector('${image}').naturalWidth`);
      expect(width, image).toBeGreaterThan(0);
    }
    expect(await page.locator('.VPHero .action a').first().getAttribute('href')).toMatch(/^\/concepts/);
    await page.keyboard.press('Control+k');
    await page.locator('.VPLocalSearchBox input').fill('warmupSteps');
    const found = page.locator('.VPLocalSearchBox .result');
    await found.first().waitFor();
    expect(await found.first().textContent()).not.toBe('');
    await page.close();
  });
});

/** What is wrong with a page as it is shown. What scrolls sideways by itself says so by its scroll bar; text under the edge of a block does not. */
const CUT = `(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const wide = document.documentElement.scrollWidth > window.innerWidth ? ['the page scrolls sideways'] : [];
  const cut = all('.vp-doc pre').filter((pre) => pre.scrollWidth > pre.clientWidth + 1);
  const missing = all('.vp-doc img, .VPHero img').filter((image) => image.complete && image.naturalWidth === 0);
  return [
    ...wide,
    ...cut.map((pre) => 'a code block is cut: ' + pre.innerText.slice(0, 60)),
    ...missing.map((image) => 'no picture: ' + image.src),
  ];
})()`;

const MIME: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.json': 'application/json',
};

const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, value]) => value);
