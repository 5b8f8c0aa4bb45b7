/** @file The library as a program sees it, and its examples as a reader runs them. Needs dist/, which the set-up makes. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { join, resolve } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { decodePng, encodePng } from '../src/data/images/png.ts';
import { paintScene } from '../src/data/scenes/scenes.ts';
import { openNetwork, segment } from '../src/index.ts';
import { sharedFolder } from './helpers/temporaryFolder.ts';

const examples = resolve(import.meta.dirname, '..', 'examples');
const folder = sharedFolder();
let settings: { search: object; train: object };
beforeAll(() => {
  const tiny = { runs: folder, preset: 'demo', batch: 2, crop: 33, filters: 2, workers: 0 };
  settings = {
    search: { ...tiny, epochs: 2, layers: 2, blocks: 1, evaluateSamples: 1, splitFraction: 0.99 },
    train: { ...tiny, steps: 3, stem: [4, 4, 8], 'aspp.filters': 8, decoder: { filters: 8, lowLevel: 4 } },
  };
});

it('the loop of the example ends with a network that segments a picture', async () => {
  const { loop } = (await import(join(examples, 'loop.mjs'))) as {
    loop: (data: string, settings: object) => Promise<string>;
  };
  const run = await loop('scenes:64x48', settings);
  const { width, height, image } = paintScene(5, 50, 40);
  const file = join(folder, 'p.png');
  writeFileSync(file, encodePng({ width, height, channels: 3, data: image }));
  const network = openNetwork(run);
  const result = await segment(network, file, { scales: [1], mirror: ['width'] });
  expect([result.width, result.height, result.ids.length]).toEqual([50, 40, 2000]);
  expect(Math.max(...result.ids)).toBeLessThan(network.classes.length);
  expect(result.image).toEqual(image);
});

it('the example of a folder ends with a model, and the server of predictions serves it and the run', async () => {
  const { searchFolder } = (await import(join(examples, 'search-your-folder.mjs'))) as {
    searchFolder: (data: string, settings: object) => Promise<string>;
  };
  const model = await searchFolder('scenes:64x48', {
    search: { ...settings.search, name: 'f' },
    train: { ...settings.train, name: 'f' },
  });
  const { serve } = (await import(join(examples, 'serve.mjs'))) as {
    serve: (source: string) => Promise<{ server: Server; url: string }>;
  };
  const { width, height, image } = paintScene(6, 50, 40);
  const body = encodePng({ width, height, channels: 3, data: image });
  const answers: unknown[] = [];
  for (const source of [model, join(folder, 'train', 'f')]) {
    const { server, url } = await serve(source);
    try {
      const overlay = await fetch(url, { method: 'POST', body });
      expect(overlay.headers.get('content-type')).toBe('image/png');
      const picture = decodePng(new Uint8Array(await overlay.arrayBuffer()), 'overlay');
      expect([picture.width, picture.height, picture.channels]).toEqual([50, 40, 3]);
      const shares = await fetch(url, { method: 'POST', body, headers: { Accept: 'application/json' } });
      answers.push({ picture, shares: await shares.json() });
      const refused = await fetch(url, { method: 'POST', body: 'no picture' });
      expect([refused.status, await refused.text()]).toEqual([
        400,
        expect.stringContaining('the image: is no PNG, JPEG'),
      ]);
      expect((await fetch(url)).status).toBe(405);
    } finally {
      server.close();
    }
  }
  // The model and the run segment alike.
  expect(answers[0]).toEqual(answers[1]);
});

it('the example of networks counts, draws and differentiates the published one', () => {
  const svg = join(folder, 's.svg');
  const out = execFileSync(process.execPath, [join(examples, 'networks.mjs'), svg], { encoding: 'utf8' });
  expect(out).toMatch(/^10147427 parameters, 3\d\d\.\d G multiply-adds.*logits \[1, 19, 65, 129\].*norm of .*: \d/s);
  expect(readFileSync(svg, 'utf8')).toContain('<svg');
});
