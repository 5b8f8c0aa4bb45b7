/** @file The page of the dashboard in a real Chromium: every view, live, cut off, by keyboard, on a phone, without a complaint in the console. One file although it is long: all of it shares one browser and the runs that are recorded first. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodePng } from '../../src/data/images/png.ts';
import { createRunFolder } from '../../src/run/folder.ts';
import type { Dashboard } from '../../src/server/serve.ts';
import { chromiumPath, launchChromium } from '../helpers/chromium.ts';
import { builtPage, folderOfTests, serve } from './dashboards.ts';
import { type RecordedCollection, recordComparison, recordTrials } from './recordedCollections.ts';
import {
  type RecordedRun,
  recordDints,
  recordEvaluation,
  recordManySteps,
  recordSearch,
  recordTraining,
  recordVolumes,
} from './recordedRuns.ts';

if (chromiumPath === undefined) console.warn('no Chromium: the page of the dashboard is not tested');

const VIEWS = ['curves', 'trellis', 'cell', 'network', 'samples', 'confusion', 'cost', 'data', 'settings'];
let root: string;
let browser: Browser;
let dashboard: Dashboard;
let live: RecordedRun;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  if (chromiumPath === undefined) return;
  root = folderOfTests();
  await recordSearch(root, { name: 'garden', epochs: 5, steps: 4, layers: 5 });
  const { folder } = await recordTraining(root, { name: 'orchard', epochs: 4, steps: 4 });
  recordEvaluation(folder, 'elsewhere');
  await recordTraining(root, { name: 'hedge', epochs: 4, steps: 4, seed: 1, learningRate: 0.02 });
  recordDints(root, 'volumes');
  await recordVolumes(root, 'clinic');
  live = await recordSearch(root, { name: 'live', epochs: 60, steps: 2, layers: 5, unfinished: true });
  dashboard = await serve(root, { web: builtPage() });
  browser = await launchChromium();
  page = await browser.newPage();
  complaints = complaintsOf(page);
});
afterAll(() => browser?.close());

/** What a page complained about: errors of the console, exceptions, requests that failed. */
function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  return complaints;
}

/** Opens a place of the page afresh; what it complains about is in `complaints`. One page for all: a new one takes seconds. */
async function open(place: string, options: { width?: number; url?: string } = {}): Promise<void> {
  const { width = 1180, url = dashboard.url } = options;
  await page.goto('about:blank');
  await page.setViewportSize({ width, height: 800 });
  complaints.length = 0;
  await page.goto(`${url}${place}`);
  await page.locator('.card, .empty-title').first().waitFor();
}

const factsOfRun = () => page.locator('.facts').textContent();

describe.skipIf(chromiumPath === undefined)('the page', () => {
  it('shows every view of a search, a training and volumes without a complaint, and no wider than a phone', async () => {
    await open('#/', { width: 375 });
    const tooWide: string[] = [];
    for (const place of [
      '',
      ...['search/garden', 'train/orchard', 'search/volumes', 'train/clinic'].flatMap((run) =>
        VIEWS.map((view) => `${run}/${view}`),
      ),
    ]) {
      await page.goto(`${dashboard.url}#/${place}`);
      await page
        .locator(place === '' ? 'table' : '.card, .empty-title')
        .first()
        .waitFor();
      if (place !== '')
        await page.locator(`[role=tab][aria-selected=true]:text-is("${place.split('/')[2]}")`).waitFor();
      const width = await page.evaluate('document.documentElement.scrollWidth');
      if (Number(width) > 375) tooWide.push(`${place}: ${width}`);
    }
    expect(tooWide).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it('sorts the table, and tells what ticked runs differ in', async () => {
    await open('#/');
    const first = () => page.locator('table[aria-label=runs] tbody tr td:nth-child(2)').first().textContent();
    await page.getByRole('button', { name: 'score' }).click();
    expect(await first()).toContain('orchard');
    await page.getByRole('button', { name: 'score' }).click();
    expect(await first()).not.toContain('orchard');
    await page.getByLabel('compare train/orchard').check();
    await page.getByLabel('compare train/hedge').check();
    const differences = await page.locator('table[aria-label=differences]').textContent();
    expect(differences).toContain('learningRate');
    expect(differences).not.toContain('batch');
    await page.getByRole('link', { name: 'curves of 2 runs' }).click();
    await page.locator('.u-legend').getByText('train/hedge: smoothed').waitFor();
    await page.locator('[role=img][aria-label^="loss"] canvas').waitFor();
  });

  it('draws the trellis and the cell of the chosen epoch, by keyboard', async () => {
    await open('#/search/garden/trellis');
    const thickness = () =>
      page
        .locator('.trellis line.chosen')
        .evaluateAll((lines) => lines.reduce((sum, line) => sum + Number(line.getAttribute('stroke-width')), 0));
    const late = await thickness();
    expect(await page.locator('.trellis line.chosen').count()).toBe(5);
    await page.getByRole('slider', { name: 'epoch' }).focus();
    await page.keyboard.press('Home');
    await page.getByText('1 of 5').waitFor();
    expect(await thickness()).toBeLessThan(late);
    await page.getByRole('tab', { name: 'trellis' }).focus();
    await page.keyboard.press('ArrowRight');
    await page.locator('.bars.kept').first().waitFor();
    expect(await page.locator('.bars.kept').count()).toBe(6);
    expect(await page.locator(':focus').textContent()).toBe('cell');
    await page.getByText('1 of 5').waitFor();
  });

  it('tells of several processes who computes, and whom the others wait for', async () => {
    await open('#/train/orchard/cost');
    await page.getByText('of the time of 4 ranks').waitFor();
    expect(await page.locator('.tiles').textContent()).toContain('in collectives27 %');
    const rows = page.locator('table[aria-label=ranks] tbody tr');
    expect(await rows.allTextContents()).toEqual([
      ...['021 s10 s2.4 s33 %', '120 s11 s2.4 s35 %', '230 s1.6 s2.0 s5 %', '320 s11 s2.4 s36 %'],
    ]);
    await page.getByText('The others wait for rank 2.').waitFor();
    await page.locator('table[aria-label=ranks]').getByRole('button', { name: 'computed' }).click();
    expect(await rows.first().locator('td').first().textContent()).toBe('2');
    await open('#/search/garden/cost');
    expect(await page.locator('table[aria-label=ranks]').count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  it('shows edges of DiNTS as thick as they are probable', async () => {
    await open('#/search/volumes/trellis');
    expect(await page.locator('.trellis line').count()).toBe(30);
    expect(await page.locator('.trellis line.chosen').count()).toBeGreaterThan(3);
    await page.keyboard.press(']');
    await page.locator('.bars').first().waitFor();
    expect(await page.locator('.bars').count()).toBe(10);
  });

  it('shows a new epoch of a live run within a second', async () => {
    await open('#/search/live/curves');
    const before = await factsOfRun();
    expect(before).toContain('epoch 30 of 60');
    await page.locator('.connection.live').waitFor();
    const started = performance.now();
    live.addEpoch();
    await page.locator('.facts').getByText('epoch 31 of 60').waitFor();
    expect(performance.now() - started).toBeLessThan(1000);
    await page.keyboard.press(']');
    await page.getByText('31 of 31').waitFor();
    live.addEpoch();
    await page.getByText('32 of 32').waitFor();
  });

  it('says when it is cut off, and loses nothing when the server comes back', async () => {
    const first = await serve(root, { web: builtPage() });
    await open('#/search/live/trellis', { url: first.url });
    const known = /of (\d+)/.exec((await page.locator('.slider output').textContent()) ?? '')?.[1];
    await first.close();
    await page.getByText('Connection lost, retrying').waitFor();
    live.addEpoch();
    await serve(root, { web: builtPage(), port: first.port });
    await page.locator('.connection.live').waitFor();
    const next = Number(known) + 1;
    await page.getByText(`${next} of ${next}`).waitFor();
    expect(await page.getByText('Connection lost').count()).toBe(0);
  });

  it('follows the network, its stages and its nodes', async () => {
    await open('#/train/orchard/network');
    await page.getByRole('button', { name: 'cell2' }).click();
    await page.getByText('Nodes of cell2').waitFor();
    expect(await page.locator('.graph .convolution').count()).toBeGreaterThan(4);
    const boxes = await page
      .locator('.graph g')
      .evaluateAll((groups) => groups.map((group) => group.getAttribute('transform')));
    expect(new Set(boxes).size).toBe(boxes.length);
  });

  it('lays label, prediction and error over a sample', async () => {
    await open('#/train/orchard/samples');
    const pixels = () =>
      page.locator('canvas.overlay').evaluate((canvas) => (canvas as unknown as { toDataURL(): string }).toDataURL());
    await expect.poll(() => page.evaluate('document.querySelector("canvas.overlay")?.width')).toBe(160);
    const prediction = await pixels();
    await page.getByRole('button', { name: 'error' }).click();
    await expect.poll(pixels).not.toBe(prediction);
    const error = await pixels();
    await page.getByRole('slider', { name: 'opacity' }).focus();
    await page.keyboard.press('End');
    await expect.poll(pixels).not.toBe(error);
    await page.keyboard.press('j');
    await page.getByRole('heading', { name: 'scene-101.png' }).waitFor();
  });

  it('moves through a volume by keys, wheel, pointer and sliders, all planes together', async () => {
    await open('#/train/clinic/samples');
    const plane = (name: string) => page.getByLabel(`${name} slice`);
    const pixels = (name: string) =>
      plane(name).evaluate((canvas) => (canvas as unknown as { toDataURL(): string }).toDataURL());
    const reading = () => page.locator('.reading span').first().textContent();
    await page.getByText('28 of 56').waitFor();
    expect(await reading()).toBe('voxel 33, 29, 27');
    const [axial, coronal, sagittal] = [await pixels('axial'), await pixels('coronal'), await pixels('sagittal')];
    await plane('axial').focus();
    await page.keyboard.press('PageUp');
    await page.getByText('29 of 56').waitFor();
    await expect.poll(() => pixels('axial')).not.toBe(axial);
    // The crosshair of the others goes along.
    await expect.poll(() => pixels('coronal')).not.toBe(coronal);
    await expect.poll(() => pixels('sagittal')).not.toBe(sagittal);
    await page.keyboard.press('ArrowLeft');
    await page.getByText('35 of 64').waitFor();
    await plane('coronal').hover();
    await page.mouse.wheel(0, 200);
    await page.getByText('28 of 72').waitFor();
    expect(await page.evaluate('scrollY')).toBe(0);
    expect(await reading()).toBe('voxel 34, 27, 28');
    // The corner of the head and of the patient's right.
    await plane('coronal').click({ position: { x: 2, y: 2 } });
    await page.getByText('56 of 56').waitFor();
    expect(await reading()).toBe('voxel 63, 27, 55');
    await page.getByRole('slider', { name: 'sagittal' }).focus();
    await page.keyboard.press('Home');
    await page.getByText('1 of 64').waitFor();
    for (const over of ['label', 'error']) {
      const before = await pixels('coronal');
      await page.getByRole('button', { name: over }).click();
      await expect.poll(() => pixels('coronal')).not.toBe(before);
    }
    await page.keyboard.press('j');
    await page.getByRole('heading', { name: 'phantom-4.nii.gz' }).waitFor();
    expect(complaints).toEqual([]);
  });

  it('shows a volume in 3D when that is asked for, and loads the library not before', async () => {
    const loaded: string[] = [];
    page.on('request', (request) => loaded.push(request.url()));
    const library = () => loaded.filter((url) => url.includes('/assets/scene')).length;
    await open('#/train/clinic/samples', { width: 375 });
    await page.locator('.planes').waitFor();
    expect(library()).toBe(0);
    const button = page.getByRole('button', { name: '3D' });
    await button.click();
    await page.locator('.solid[aria-busy=false]').waitFor({ timeout: 90_000 });
    expect(library()).toBe(1);
    const shot = async () => (await page.locator('.solid').screenshot()).toString('base64');
    const prediction = await shot();
    await page.getByRole('button', { name: 'error' }).click();
    await expect.poll(shot, { timeout: 30_000 }).not.toBe(prediction);
    await button.click();
    await page.locator('.planes').waitFor();
    await page.evaluate('HTMLCanvasElement.prototype.getContext = () => null');
    await button.click();
    await page.getByText('3D is not possible here').waitFor();
    // Drivers without a GPU say that they are slow.
    expect(complaints.filter((text) => !text.includes('GPU stall'))).toEqual([]);
  });

  it('says what is wrong with a volume that is none', async () => {
    const broken = folderOfTests();
    const folder = await recordVolumes(broken, 'clinic');
    writeFileSync(join(folder.samples, 'phantom-3.nii.gz'), gzipSync(Buffer.alloc(400)));
    const { url } = await serve(broken, { web: builtPage() });
    await open('#/train/clinic/samples', { url });
    await page.getByText('phantom-3.nii.gz: not a NIfTI file').waitFor();
    writeFileSync(join(folder.samples, 'phantom-3.nii.gz'), gzipSync(Buffer.alloc(30 * 2 ** 20)));
    await open('#/train/clinic/samples', { url });
    await page.getByText('phantom-3.nii.gz: is larger than any volume of a run').waitFor();
  });

  it('tells the keys, changes the theme and goes back to the table', async () => {
    await open('#/train/orchard/curves');
    await page.keyboard.press('?');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    const background = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    const light = await background();
    await page.keyboard.press('t');
    await expect.poll(background).not.toBe(light);
    await page.reload();
    await page.locator('.card').first().waitFor();
    expect(await background()).not.toBe(light);
    await page.keyboard.press('t');
    await page.keyboard.press('g');
    await page.getByRole('heading', { name: 'Runs' }).waitFor();
    // Everything that can be pressed can be reached, and shows that it was.
    await page.keyboard.press('Tab');
    expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid');
  });

  describe('of a comparison', () => {
    let family: string;
    let comparison: RecordedCollection;
    let url: string;
    const card = (title: string) =>
      page.locator('.card', { has: page.getByRole('heading', { name: title, exact: true }) });
    beforeAll(async () => {
      family = folderOfTests();
      const archs = ['unet:levels=4', 'deeplabv3plus', 'random:7'];
      const options = { archs, seeds: 3, begun: 8, isRunning: true, latency: true };
      comparison = await recordComparison(family, 'first', options);
      await recordTrials(family, 'ten', 2);
      ({ url } = await serve(family, { web: builtPage() }));
    });

    it('shows all trainings: means with intervals, a table that filters, a front that leads to the runs, curves on one axis', async () => {
      await open('#/', { url });
      await page.getByRole('link', { name: 'compare first' }).click();
      await page.getByRole('heading', { name: 'compare first' }).waitFor();
      expect(await factsOfRun()).toMatch(/7 of 9 trainings ended with a score.*1 running.*1 planned.*64 steps each/);
      const architectures = page.getByRole('table', { name: 'architectures' });
      expect(await architectures.locator('tbody tr').count()).toBe(3);
      expect(await architectures.locator('tr', { hasText: 'unet:levels=4' }).textContent()).toMatch(
        /\d % to \d.*3 of 3/,
      );
      // One seed of the last has ended: no interval.
      expect(await architectures.locator('tr', { hasText: 'random:7' }).textContent()).toMatch(/%–.*1 of 3/);
      const trainings = page.getByRole('table', { name: 'trainings' });
      expect(await trainings.locator('tbody tr').count()).toBe(9);
      await page.getByLabel('filter trainings').fill('deeplab');
      expect(await trainings.locator('tbody tr').count()).toBe(3);
      await page.locator('[role=img][aria-label*="first-deeplabv3plus-2"] canvas').waitFor();
      await page.getByLabel('filter trainings').fill('nothing like it');
      await page.getByText('No training fits the filter.').waitFor();
      await page.getByLabel('filter trainings').fill('');
      const front = card('Score against cost');
      expect(await front.locator('.interval').count()).toBe(2);
      const axes = await front.locator('select option').allTextContents();
      expect(axes).toEqual(['multiply-adds', 'parameters', 'memory of a step', 'latency']);
      await front.getByRole('combobox').selectOption('latency');
      await front.locator('svg[aria-label^="score against latency"]').waitFor();
      expect(await front.textContent()).toMatch(/95 % intervals of the mean/);
      expect(await front.locator('.importance').textContent()).toMatch(/too few trainings.*7 with a score, of 3 arch/);
      await front.getByRole('link', { name: 'deeplabv3plus' }).locator('circle').last().click();
      await page.locator('.u-legend').getByText('train/first-deeplabv3plus-2: each step').waitFor();
      await page.locator('.run-head').getByRole('link', { name: 'compare/first' }).waitFor();
      expect(complaints).toEqual([]);
    });

    it('follows it live: curves, states, rows and means', async () => {
      await open('#/compare/first', { url });
      const row = page.getByRole('table', { name: 'trainings' }).locator('tr', { hasText: 'first-random_7-1' });
      await row.waitFor();
      expect(await row.textContent()).not.toContain('done');
      const running = comparison.runs[7];
      running.addEpoch();
      running.append({ type: 'end', status: 'done', message: 'best mIoU 0.6' });
      comparison.writeTable();
      await row.getByText('done').waitFor();
      await page.getByText('8 of 9 trainings ended with a score').waitFor();
      await page.locator('.scatter .interval').nth(2).waitFor({ state: 'attached' });
      const importance = page.locator('.importance');
      expect(await importance.textContent()).toMatch(/too few/);
      expect(complaints).toEqual([]);
    });

    it('of trials says what was chosen, and why there is no importance', async () => {
      await open('#/trials/ten', { url });
      const table = page.getByRole('table', { name: 'trials' });
      await table.waitFor();
      expect(await table.locator('tr.chosen').textContent()).toMatch(/search 3 \(chosen\)ten-3done/);
      expect(await table.textContent()).toContain('strides 4 8 (4)');
      expect(await page.locator('.importance').textContent()).toMatch(/differ in the seed of their search alone/);
      await page.locator('[role=img][aria-label^="mIoU: ten-3, ten-4"] canvas').waitFor();
      await page.getByRole('group', { name: 'curves of' }).getByRole('button', { name: 'training' }).click();
      await page.getByRole('link', { name: 'search 4' }).click();
      await page.getByRole('heading', { name: 'search ten-4' }).waitFor();
      expect(complaints).toEqual([]);
    });

    it('says what is missing or damaged, and is no wider than a phone', async () => {
      for (const [name, yaml] of Object.entries({
        broken: 'archs: 7\n',
        bare: 'data: d\narchs: [a, b]\nseeds: 2\nbudget: 5min\nname: bare\n',
      })) {
        mkdirSync(join(family, 'compare', name), { recursive: true });
        writeFileSync(join(family, 'compare', name, 'compare.yaml'), yaml);
      }
      await open('#/compare/none', { url });
      await page.getByText('There is no compare/none').waitFor();
      complaints.length = 0; // The browser names the answer 404.
      await open('#/compare/broken', { url });
      await page.getByText('compare/broken cannot be read').waitFor();
      await open('#/compare/bare', { url, width: 375 });
      await page.getByText('0 of 4 trainings ended with a score').waitFor();
      await page.getByText('It is drawn when the first training has ended.').waitFor();
      await page.getByText('No training has begun.').waitFor();
      for (const place of ['', 'compare/bare', 'compare/first', 'trials/ten']) {
        await page.goto(`${url}#/${place}`);
        await page.locator('table').first().waitFor();
        await page.waitForTimeout(200);
        expect(Number(await page.evaluate('document.documentElement.scrollWidth')), place).toBeLessThanOrEqual(375);
      }
      expect(complaints).toEqual([]);
    });
  });

  it('on a phone keeps the chosen tab in view, drawings whole, and names of networks apart', async () => {
    for (const view of ['curves', 'confusion', 'settings']) {
      await open(`#/train/orchard/${view}`, { width: 375 });
      const tab = await page.locator('[role=tab][aria-selected=true]').boundingBox();
      expect(tab?.x, view).toBeGreaterThanOrEqual(0);
      expect((tab?.x ?? 0) + (tab?.width ?? 0), view).toBeLessThanOrEqual(375);
    }
    await open('#/train/orchard/network', { width: 375 });
    const drawing = page.locator('img.drawing');
    await drawing.waitFor();
    await expect.poll(async () => (await drawing.boundingBox())?.width).toBeGreaterThan(200);
    expect((await drawing.boundingBox())?.width).toBeLessThan(375);
    await open('#/', { width: 375 });
    const chart = page.locator('.scatter');
    await chart.waitFor();
    await expect.poll(async () => (await chart.boundingBox())?.width).toBeLessThan(375);
    const boxes = await Promise.all((await chart.locator('a text').all()).map((text) => text.boundingBox()));
    expect(boxes.length).toBeGreaterThan(0);
    for (const [i, a] of boxes.entries())
      for (const b of boxes.slice(0, i))
        if (a && b)
          expect(
            a.y + a.height <= b.y + 4 ||
              b.y + b.height <= a.y + 4 ||
              a.x + a.width <= b.x + 4 ||
              b.x + b.width <= a.x + 4,
          ).toBe(true);
    expect(complaints).toEqual([]);
  });

  it('says what is missing: runs, a run, numbers', async () => {
    const empty = await serve(folderOfTests(), { web: builtPage() });
    await open('', { url: empty.url });
    await page.getByText('No runs yet').waitFor();
    await open('#/train/none/curves');
    await page.getByText('There is no run train/none').waitFor();
    const bare = createRunFolder(root, 'train', 'none');
    writeFileSync(bare.config, 'epochs: 1\n');
    await page.getByText('No numbers yet').waitFor();
    rmSync(bare.path, { recursive: true });
  });

  it('shows a view of a damaged file as one that cannot be shown, and all others as ever', async () => {
    const damaged = folderOfTests();
    const { folder } = await recordTraining(damaged, { name: 'train', epochs: 2, steps: 2 });
    const race = createRunFolder(damaged, 'auto', 'race');
    writeFileSync(race.config, 'data: scenes\n');
    const { url } = await serve(damaged, { web: builtPage() });
    for (const content of [
      '{}',
      '[]',
      '7',
      'null',
      '{"plan":{"rungs":7},"candidates":[],"nodes":[{}],"classes":[null]}',
    ]) {
      for (const name of ['graph.json', 'data.json', 'network.json']) writeFileSync(join(folder.path, name), content);
      for (const name of ['race.json', 'answers.json', 'candidates.json', 'verdict.json'])
        writeFileSync(join(race.path, name), content);
      for (const place of ['train/train/network', 'train/train/data', 'train/train/samples', 'auto/race/race']) {
        await open(`#/${place}`, { url });
        await page.locator('#view .card, #view .empty-title').first().waitFor();
        expect(await page.locator('.run-head').count(), `${place} of ${content}`).toBe(1);
      }
      await page.getByRole('tab', { name: 'settings' }).click();
      await page.locator('#view .card').first().waitFor();
    }
  });

  it('shows names with markup as they are, and runs nothing of them', async () => {
    const evil = folderOfTests();
    const name = '<img src=x onerror=document.title=1>"\'&amp;';
    const run = join(evil, 'train', name);
    mkdirSync(join(run, 'samples'), { recursive: true });
    writeFileSync(join(run, 'config.yaml'), `data: "</script><script>document.title=1</script>"\n`);
    const log = { seq: 0, time: '2026-06-30T10:00:00.000Z', type: 'warning', message: `<b>${name}` };
    writeFileSync(join(run, 'events.jsonl'), `${JSON.stringify(log)}\n`);
    writeFileSync(
      join(run, 'per_class.csv'),
      `class,iou,accuracy,support\n${name.replaceAll('"', '')},0.5,0.5,1\nmean,0.5,0.5,1\n`,
    );
    // With the matrix that is written beside the table; without it the view says that there are no scores yet.
    writeFileSync(
      join(run, 'confusion_matrix.png'),
      encodePng({ width: 1, height: 1, channels: 1, data: Uint8Array.of(0) }),
    );
    const { url } = await serve(evil, { web: builtPage() });
    await open('#/', { url });
    await page.getByRole('link', { name: `train ${name}` }).click();
    for (const view of ['settings', 'confusion']) {
      await page.getByRole('tab', { name: view }).click();
      await page.locator('.card').first().waitFor();
    }
    expect(await page.locator('main img[onerror], main img[src="x"], main b, main script').count()).toBe(0);
    expect(await page.title()).toContain('Espalier');
    expect(complaints).toEqual([]);
  });

  it('lists evaluations beside the scores of the training', async () => {
    await open('#/train/orchard/confusion');
    const table = page.getByRole('table', { name: 'evaluations' });
    await table.waitFor();
    expect(await table.textContent()).toMatch(
      /elsewhere.*other \(not of the training\).*val, 3.*best weights; scales 0.75, 1/,
    );
    expect(await table.textContent()).toContain('50');
    expect(complaints).toEqual([]);
  });

  it('opens a run of 100,000 events in two seconds of the processor, and moves over it fast', async () => {
    recordManySteps(root, 'long', 100_000);
    await open('#/');
    await page.getByRole('link', { name: 'train long' }).waitFor();
    const session = await page.context().newCDPSession(page);
    await session.send('Performance.enable', { timeDomain: 'threadTicks' });
    /** Of the page's process and of this one, which serves: what others do on the machine does not count. */
    const processorSeconds = async () => {
      const { metrics } = await session.send('Performance.getMetrics');
      const { user, system } = process.cpuUsage();
      return (metrics.find(({ name }) => name === 'ProcessTime')?.value ?? Number.NaN) + (user + system) / 1e6;
    };
    const before = await processorSeconds();
    await page.getByRole('link', { name: 'train long' }).click();
    await page.locator('[role=img][aria-label^="loss"] canvas').waitFor();
    const seconds = (await processorSeconds()) - before;
    await page.locator('[role=img][aria-label^="loss"] .u-over').hover();
    const moving = await processorSeconds();
    for (let x = 200; x < 500; x += 10) await page.mouse.move(x, 420);
    const perMove = ((await processorSeconds()) - moving) / 30;
    console.info(
      `100,000 events: ${seconds.toFixed(2)} s to open, ${(1000 * perMove).toFixed(1)} ms a move of the pointer`,
    );
    expect(seconds).toBeLessThan(2);
    expect(perMove).toBeLessThan(0.05);
    rmSync(join(root, 'train', 'long'), { recursive: true });
  });
});
