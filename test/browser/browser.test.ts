/** @file The browser entry and its example page: bundled small, and in Chromium, where there is one, against the engine. Needs dist/, which the set-up makes. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Browser, Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import { normaliseSamples, showSamples } from '../../src/data/channels/normalise.ts';
import { encodePng } from '../../src/data/images/png.ts';
import { overlayLabels } from '../../src/data/images/visual.ts';
import { imageBatch } from '../../src/data/loader/batch.ts';
import { paintScene } from '../../src/data/scenes/scenes.ts';
import { scope, type Tensor } from '../../src/engine/tensor.ts';
import { type OnnxOptions, writeOnnx } from '../../src/export/onnx/model.ts';
import { classMap, toTensors } from '../../src/infer/batch.ts';
import { infer, reduced } from '../../src/infer/inference.ts';
import { buildAutoDeepLab } from '../../src/models/autoDeepLab.ts';
import { openModel } from '../../src/portable/node.ts';
import { type Picture, resizeIds, resizeImage } from '../../src/portable/pixels.ts';
import { readShipped } from '../../src/portable/shipped.ts';
import { randomGenotype } from '../../src/space/genotype.ts';
import { chromiumPath, launchChromium } from '../helpers/chromium.ts';
import { balanceClasses, livelyNetwork } from '../helpers/networks.ts';
import { DEFAULTS, exported, onnxBytes } from '../helpers/onnx.ts';

/** What the tests use of it in the page; its own types need those of a browser. */
interface BrowserEntry {
  loadSegmenter(
    model: Uint8Array | string,
    options: { providers: string[]; sha256?: string },
  ): Promise<{
    classes: { name: string }[];
    segment(
      source: Blob | { width: number; height: number; data: Uint16Array | Uint8ClampedArray },
      options: { opacity: number },
    ): Promise<{
      ids: Uint8Array;
      width: number;
      height: number;
      milliseconds: number;
      overlay: { data: Uint8ClampedArray };
    }>;
    release(): Promise<void>;
  }>;
}

/** Of the page; the types of the tests are those of Node. */
interface PageGlobals {
  ImageData: new (width: number, height: number) => { width: number; height: number; data: Uint8ClampedArray };
}

/** What comes back from the page. */
interface PageResult {
  ids: number[];
  width: number;
  height: number;
  milliseconds: number;
  /** RGBA. */
  overlay: number[];
  names: string[];
}

const root = resolve(import.meta.dirname, '..', '..');
const REDUCTION = 2;
const genotype = randomGenotype({ layers: 3, blocks: 2, filters: 4 }, createRandom(11));
const network = livelyNetwork(
  buildAutoDeepLab(genotype, {
    inputs: 3,
    classes: 4,
    filters: 4,
    stem: [4, 4, 8],
    head: { aspp: 8, decoder: 8, lowLevel: 4 },
  }),
);
const { classes } = exported(network);
const scene = paintScene(7, 150, 101);
const picture = { width: scene.width, height: scene.height, data: scene.image };
balanceClasses(network, tensorOf(picture));

function tensorOf({ width, height, data }: Picture): Tensor {
  return toTensors(imageBatch({ width, height, data: Uint8Array.from(data) }), 'cpu').images;
}

/** The class map of the engine. */
function engineIds(source: Picture): Uint8Array {
  const forward = reduced((x) => network.forward(x, { training: false }), REDUCTION);
  return scope(() => classMap(infer(forward, tensorOf(source))));
}

const onDisk = encodePng({ ...picture, channels: 3 });
const agreement = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).filter((value, i) => value === b[i]).length / b.length;

it('bundles into less than 30 kB, gzipped, without a line of Node', async () => {
  const result = await build({
    root,
    logLevel: 'error',
    configFile: false,
    build: {
      write: false,
      lib: { entry: join(root, 'dist', 'browser', 'index.js'), formats: ['es'] },
      rollupOptions: { external: [/^onnxruntime-web/] },
    },
  });
  const [{ output }] = result as { output: { type: string; code?: string }[] }[];
  const code = output.map((chunk) => chunk.code ?? '').join('');
  expect(code).toContain('onnxruntime-web/webgpu');
  expect(code).not.toMatch(/node:|\brequire\(|process\./);
  expect(gzipSync(code).length).toBeLessThan(30_000);
});

describe.skipIf(chromiumPath === undefined)('in Chromium (Debian: chromium, or CHROMIUM=<path>)', () => {
  const faults: string[] = [];
  let folder = '';
  let browser: Browser;
  let page: Page;
  const servers: Server[] = [];
  let ofPackage = '';
  let model = '';

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'espalier-browser-'));
    model = join(folder, 'model.onnx');
    writeFileSync(model, onnxBytes(network, {}, REDUCTION));
    writeFileSync(join(folder, 'scene.png'), onDisk);
    const { servePage, modelFile } = (await import(join(root, 'examples', 'browser', 'server.mjs'))) as {
      servePage(model: string): Promise<{ server: Server; url: string }>;
      modelFile(model: string): string;
    };
    const served = await servePage(model);
    browser = await launchChromium();
    page = await browser.newPage();
    page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
    page.on('pageerror', (error) => faults.push(error.message));
    await page.goto(served.url);
    // The transformer of the tests would rewrite an import() inside evaluate().
    await page.addScriptTag({ type: 'module', content: "globalThis.espalier = await import('espalier/browser');" });
    await page.waitForFunction('globalThis.espalier !== undefined');
    const packaged = await servePage(modelFile('scenes'));
    servers.push(served.server, packaged.server);
    ofPackage = packaged.url;
  });
  afterAll(async () => {
    await browser?.close();
    for (const server of servers) server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The class map that `espalier/browser` gives in the page. */
  const inPage = async (bytes: Uint8Array): Promise<PageResult> => {
    // As texts: an array would cross over number by number.
    const text = await page.evaluate(
      async ([modelBytes, pictureBytes]) => {
        const { loadSegmenter } = (globalThis as unknown as { espalier: BrowserEntry }).espalier;
        const segmenter = await loadSegmenter(Uint8Array.from(JSON.parse(modelBytes)), { providers: ['wasm'] });
        const result = await segmenter.segment(new Blob([Uint8Array.from(JSON.parse(pictureBytes))]), { opacity: 0.3 });
        const { ids, width, height, milliseconds, overlay } = result;
        await segmenter.release();
        const names = segmenter.classes.map(({ name }) => name);
        return JSON.stringify({ ids: [...ids], width, height, milliseconds, overlay: [...overlay.data], names });
      },
      [JSON.stringify([...bytes]), JSON.stringify([...onDisk])],
    );
    return JSON.parse(text) as PageResult;
  };

  it('gives the class map and the overlay of the engine', async () => {
    const result = await inPage(onnxBytes(network, {}, REDUCTION));
    const ids = engineIds(picture);
    expect(new Set(ids).size).toBe(classes.length);
    expect([result.width, result.height]).toEqual([150, 101]);
    expect(result.names).toEqual(classes.map(({ name }) => name));
    expect(result.milliseconds).toBeGreaterThan(0);
    expect(agreement(result.ids, ids)).toBeGreaterThanOrEqual(0.999);
    const rgb = result.overlay.filter((_, i) => i % 4 < 3);
    const own = overlayLabels(scene.image, Uint8Array.from(result.ids), classes, 0.3);
    expect(agreement(rgb, own)).toBe(1);
  });

  it('segments samples of four channels of 16 bits as the engine does', async () => {
    const [width, height] = [40, 33];
    const random = createRandom(5);
    const data = Uint16Array.from({ length: width * height * 4 }, () => random.integer(4000));
    const channels = {
      names: ['red', 'green', 'blue', 'nir'],
      dtype: 'uint16' as const,
      normalisation: Array(4).fill({ kind: 'window', window: [100, 3900], mean: 2000, deviation: 1100 }),
    };
    const options = { inputs: 4, classes: 4, filters: 4, stem: [4, 4, 8] as [number, number, number] };
    const head = { aspp: 8, decoder: 8, lowLevel: 4 };
    const own = livelyNetwork(buildAutoDeepLab(genotype, { ...options, head }));
    const tensor = () =>
      toTensors(imageBatch({ width, height, data: normaliseSamples(data, channels.normalisation) }), 'cpu').images;
    balanceClasses(own, tensor());
    const expected = scope(() => classMap(infer((x) => own.forward(x, { training: false }), tensor())));
    const bytes = writeOnnx({ ...exported(own), channels }, DEFAULTS);
    const text = await page.evaluate(
      async ([modelBytes, samples, sides]) => {
        const { loadSegmenter } = (globalThis as unknown as { espalier: BrowserEntry }).espalier;
        const segmenter = await loadSegmenter(Uint8Array.from(JSON.parse(modelBytes)), { providers: ['wasm'] });
        const picture = { ...JSON.parse(sides), data: Uint16Array.from(JSON.parse(samples)) };
        const { ids, overlay } = await segmenter.segment(picture, { opacity: 0 });
        const { ImageData: PageImage } = globalThis as unknown as PageGlobals;
        const refused = await segmenter.segment(new PageImage(4, 4), { opacity: 0 }).then(() => 'segmented', String);
        await segmenter.release();
        return JSON.stringify({ ids: [...ids], shown: [...overlay.data], refused });
      },
      [JSON.stringify([...bytes]), JSON.stringify([...data]), JSON.stringify({ width, height })],
    );
    const result = JSON.parse(text) as { ids: number[]; shown: number[]; refused: string };
    expect(new Set(expected).size).toBe(4);
    expect(agreement(result.ids, expected)).toBeGreaterThanOrEqual(0.999);
    expect(result.shown.filter((_, i) => i % 4 < 3)).toEqual([...showSamples(data, 4, [0, 1, 2])]);
    expect(result.refused).toMatch(
      /expected samples of 4 channels \(red, green, blue, nir\) of 16 bits, got an image of the page/,
    );
  });

  it.each<[string, Partial<OnnxOptions>]>([
    ['bytes in, class ids out', { normalise: true, result: 'argmax' }],
    ['half precision', { precision: 'float16' }],
  ])('%s', async (_, options) => {
    const { ids } = await inPage(onnxBytes(network, options, REDUCTION));
    expect(agreement(ids, engineIds(picture))).toBeGreaterThanOrEqual('precision' in options ? 0.99 : 0.999);
  });

  it('runs a network of the package, whose hash it checks', async () => {
    const scenes = await openModel('scenes', { threads: 1 });
    const own = await scenes.segment(picture);
    await scenes.release();
    const { ids } = await inPage(readShipped('scenes'));
    expect(agreement(ids, own.ids)).toBeGreaterThanOrEqual(0.999);
    const load = (sha256: string) =>
      page.evaluate(
        async ([url, hash]) => {
          const { loadSegmenter } = (globalThis as unknown as { espalier: BrowserEntry }).espalier;
          const segmenter = await loadSegmenter(url, { providers: ['wasm'], sha256: hash });
          const count = segmenter.classes.length;
          await segmenter.release();
          return count;
        },
        ['/model.onnx', sha256],
      );
    const sha256 = createHash('sha256').update(readFileSync(model)).digest('hex');
    expect(await load(sha256)).toBe(classes.length);
    await expect(load('0'.repeat(64))).rejects.toThrow(
      /model\.onnx: expected a file with the SHA-256 0{64}, got \w{64}/,
    );
  });

  it('brings a picture to the size of the model, and its classes back', async () => {
    const size = [65, 97];
    const { ids, width, height } = await inPage(onnxBytes(network, { size, batch: 1 }, REDUCTION));
    const small = engineIds(resizeImage(picture, size));
    expect([width, height]).toEqual([150, 101]);
    expect(agreement(ids, resizeIds(small, size, [101, 150]))).toBeGreaterThanOrEqual(0.999);
  });

  it('the page segments a dropped picture, says how long it took, and hides classes', async () => {
    await page.waitForFunction('document.getElementById("status").textContent.startsWith("Ready")');
    await page.setInputFiles('#file', join(folder, 'scene.png'));
    await page.waitForFunction('/ms/.test(document.getElementById("status").textContent)');
    expect(await page.textContent('#status')).toMatch(/^scene\.png: 150 x 101, \d+ ms \((wasm|webgpu)\)$/);
    const pixels = async () =>
      JSON.parse(
        await page.evaluate(
          'JSON.stringify([...document.getElementById("image").getContext("2d").getImageData(0, 0, 150, 101).data])',
        ),
      ) as number[];
    const rgb = (data: number[]) => data.filter((_, i) => i % 4 < 3);
    const shown = overlayLabels(scene.image, engineIds(picture), classes, 0.5);
    expect(agreement(rgb(await pixels()), shown)).toBeGreaterThanOrEqual(0.999);
    const boxes = await page.$$('#classes input');
    expect(boxes).toHaveLength(classes.length);
    for (const box of boxes) await box.uncheck();
    expect(rgb(await pixels())).toEqual([...scene.image]);
    expect(faults).toEqual([]);
  });

  it('the page takes a network of the package by its name, with its hash', async () => {
    const other = await browser.newPage();
    const facts = await (await fetch(new URL('model.json', ofPackage))).json();
    expect(facts).toMatchObject({ name: 'scenes', sha256: expect.stringMatching(/^\w{64}$/) });
    await other.goto(ofPackage);
    await other.waitForFunction('document.getElementById("status").textContent.startsWith("Ready")');
    expect(await other.locator('#classes li').allTextContents()).toHaveLength(7);
    await other.close();
  });
});
