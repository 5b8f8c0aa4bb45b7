/**
 * @file The dashboard as pictures: each view of recorded runs must look as it did when somebody looked at it (test/server/pictures), compared
 * coarsely, since fonts differ between machines. `npm run screenshots` draws them anew. Those of the documents are of real runs (`scripts/screenshot.mjs`).
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Browser } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Dashboard } from '../../src/server/serve.ts';
import { chromiumPath, launchChromium } from '../helpers/chromium.ts';
import { builtPage, folderOfTests, serve } from './dashboards.ts';
import { recordComparison } from './recordedCollections.ts';
import { recordSearch, recordTraining, recordVolumes } from './recordedRuns.ts';

/** Where the page is, its theme and size. */
interface Picture {
  readonly place: string;
  readonly theme?: 'light' | 'dark';
  readonly width?: number;
  readonly height?: number;
  /** Of a volume. */
  readonly in3D?: boolean;
}

const PICTURES: Readonly<Record<string, Picture>> = {
  runs: { place: '#/' },
  curves: { place: '#/train/orchard/curves?compare=train%2Fhedge', height: 900 },
  trellis: { place: '#/search/garden/trellis', theme: 'dark' },
  cell: { place: '#/search/garden/cell', height: 1000 },
  network: { place: '#/train/orchard/network', height: 1100 },
  samples: { place: '#/train/orchard/samples', height: 900 },
  volume: { place: '#/train/clinic/samples', theme: 'dark', height: 930 },
  solid: { place: '#/train/clinic/samples', in3D: true, width: 820, height: 880 },
  confusion: { place: '#/train/orchard/confusion', height: 900 },
  cost: { place: '#/train/orchard/cost', height: 1000 },
  data: { place: '#/search/garden/data', theme: 'dark', height: 900 },
  comparison: { place: '#/compare/beds', height: 1100 },
  phone: { place: '#/search/garden/trellis', width: 375, height: 740 },
};

const FOLDER = resolve(import.meta.dirname, 'pictures');
const target = process.env.ESPALIER_PICTURES;
if (chromiumPath === undefined) console.warn('no Chromium: the pictures of the dashboard are not compared');

let browser: Browser;
let dashboard: Dashboard;
/** Of runs of its own, so that the table of runs stays as it is. */
let comparisons: Dashboard;

beforeAll(async () => {
  if (chromiumPath === undefined) return;
  const runs = folderOfTests();
  await recordSearch(runs, { name: 'garden', epochs: 24, steps: 12, layers: 10 });
  await recordTraining(runs, { name: 'orchard', epochs: 20, steps: 16, layers: 8 });
  await recordTraining(runs, { name: 'hedge', epochs: 20, steps: 16, layers: 6, seed: 1, learningRate: 0.02 });
  await recordTraining(runs, { name: 'shrub', epochs: 20, steps: 16, layers: 5, seed: 2, learningRate: 0.1 });
  await recordVolumes(runs, 'clinic');
  const beds = folderOfTests();
  await recordComparison(beds, 'beds', { archs: ['unet', 'deeplabv3plus', 'random:7'], seeds: 3, latency: true });
  dashboard = await serve(runs, { web: builtPage() });
  comparisons = await serve(beds, { web: builtPage() });
  browser = await launchChromium();
});
afterAll(() => browser?.close());

async function screenshot({ place, theme = 'light', width = 1180, height = 760, in3D }: Picture): Promise<Buffer> {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme: theme, reducedMotion: 'reduce' });
  await page.goto(`${(place.startsWith('#/compare') ? comparisons : dashboard).url}${place}`);
  await page.locator('.card').first().waitFor();
  if (in3D) {
    await page.getByRole('button', { name: '3D' }).click();
    await page.locator('.solid[aria-busy=false]').waitFor({ timeout: 90_000 });
  }
  // Charts and pictures are drawn in the frames after their data came.
  // Polled from here: waitForFunction evaluates in the page, whose content-security policy forbids that.
  await expect.poll(() => page.evaluate('[...document.images].every((image) => image.complete)')).toBe(true);
  await page.waitForTimeout(300);
  const picture = await page.screenshot();
  await page.close();
  return picture;
}

/** Mean colours of a coarse grid: what is where, not which font. */
async function coarse(picture: Buffer): Promise<Buffer> {
  return sharp(picture).removeAlpha().resize(24, 18, { fit: 'fill', kernel: 'mitchell' }).raw().toBuffer();
}

describe.skipIf(chromiumPath === undefined)('the pictures of the dashboard', () => {
  it.each(Object.entries(PICTURES))('%s', async (name, picture) => {
    const shot = await screenshot(picture);
    if (target) {
      mkdirSync(target, { recursive: true });
      writeFileSync(join(target, `${name}.png`), await sharp(shot).png({ palette: true, quality: 90 }).toBuffer());
      return;
    }
    const kept = join(FOLDER, `${name}.png`);
    expect(existsSync(kept), `${kept}: draw it with npm run screenshots`).toBe(true);
    const [now, then] = await Promise.all([coarse(shot), sharp(kept).toBuffer().then(coarse)]);
    const differences = now.map((value, i) => Math.abs(value - then[i]));
    const mean = differences.reduce((sum, difference) => sum + difference, 0) / differences.length;
    expect(mean).toBeLessThan(4);
    expect(differences.filter((difference) => difference > 48).length).toBeLessThan(0.02 * differences.length);
  });
});
