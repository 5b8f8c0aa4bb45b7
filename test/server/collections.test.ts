/** @file Comparisons and trials as the server answers for them, and what damaged or huge ones of strangers cost. */
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readEvents } from '../../src/run/eventLog.ts';
import type { CollectionDetail, CollectionList, RunDetail, RunHistory } from '../../src/server/api.ts';
import { MOST_COLLECTIONS } from '../../src/server/collections/collections.ts';
import { MOST_MEMBERS, parsePlan, parseRows } from '../../src/server/collections/files.ts';
import { createCurves } from '../../src/server/curves.ts';
import { ask, folderOfTests, get, serve } from './dashboards.ts';
import { recordComparison, recordTrials } from './recordedCollections.ts';
import { recordManySteps, recordTraining } from './recordedRuns.ts';

const detailOf = (port: number, id: string) => get<CollectionDetail>(port, `/api/collections/${id}`);

describe('a comparison', () => {
  it('lists its trainings before they begin, and what its table says of those that ended', async () => {
    const root = folderOfTests();
    const archs = ['random:1:2x1', 'deeplabv3plus'];
    const { runs, writeTable } = await recordComparison(root, 'first', { archs, seeds: 2, begun: 2, isRunning: true });
    const { port } = await serve(root);
    const { summary, members, more } = await detailOf(port, 'compare/first');
    expect(summary).toMatchObject({ planned: 4, ended: 1, running: 1, data: 'scenes', budget: '64steps' });
    expect(more).toBe(0);
    expect(
      members.map(({ architecture, seed, training, row }) => [architecture, seed, training, row !== undefined]),
    ).toEqual([
      ['random:1:2x1', 0, 'train/first-random_1_2x1-0', true],
      ['random:1:2x1', 1, 'train/first-random_1_2x1-1', false],
      ['deeplabv3plus', 0, 'train/first-deeplabv3plus-0', false],
      ['deeplabv3plus', 1, 'train/first-deeplabv3plus-1', false],
    ]);
    expect(members[0].row).toEqual({
      ...{ score: summary.best?.value, parameters: 1e6, multiplyAdds: 1e9, memoryBytes: 2e8, memoryIsMeasured: true },
    });
    runs[1].append({ type: 'end', status: 'done', message: 'best mIoU 0.5' });
    writeTable();
    expect((await get<CollectionList>(port, '/api/collections')).collections).toHaveLength(1);
    await get(port, '/api/runs');
    const later = await detailOf(port, 'compare/first');
    expect(later.summary.ended).toBe(2);
    expect(later.members.filter(({ row }) => row).length).toBe(2);
  });

  it('is named by the runs that are part of it', async () => {
    const root = folderOfTests();
    await recordComparison(root, 'first', { archs: ['unet'], seeds: 1 });
    await recordTrials(root, 'ten', 1);
    await recordTraining(root, { name: 'first-unet-10', epochs: 2, steps: 2 });
    const { port } = await serve(root);
    const collectionsOf = async (run: string) => (await get<RunDetail>(port, `/api/runs/${run}`)).collections;
    expect(await collectionsOf('train/first-unet-0')).toEqual(['compare/first']);
    expect(await collectionsOf('train/ten-3')).toEqual(['trials/ten']);
    expect(await collectionsOf('search/ten-3')).toEqual(['trials/ten']);
    expect(await collectionsOf('train/first-unet-10')).toEqual([]);
  });
});

describe('trials', () => {
  it('list searches with their trainings, and what was found', async () => {
    const root = folderOfTests();
    await recordTrials(root, 'ten', 2);
    const { port } = await serve(root);
    const { summary, members } = await detailOf(port, 'trials/ten');
    expect(summary).toMatchObject({ kind: 'trials', planned: 2, ended: 2, budget: '64steps' });
    expect(members.map(({ seed, search, training, architecture }) => [seed, search, training, architecture])).toEqual([
      [3, 'search/ten-3', 'train/ten-3', 'strides 4 8 (3)'],
      [4, 'search/ten-4', 'train/ten-4', 'strides 4 8 (4)'],
    ]);
    for (const { row } of members) {
      expect(row?.score).toBeGreaterThan(0.5);
      expect(row?.supernet).toBeGreaterThan(0.3);
    }
  });
});

const compareYaml = (changes: string) => `data: scenes\nname: own\nseeds: 2\nbudget: 10steps\n${changes}\n`;

/** Settings by name, and what is said of them; undefined where they are sound. */
const STRANGE: Readonly<Record<string, { yaml: string; fault?: RegExp }>> = {
  empty: { yaml: '', fault: /compare.yaml/ },
  'no yaml': { yaml: '{[', fault: /compare.yaml/ },
  deep: { yaml: `archs: ${'['.repeat(5000)}`, fault: /at most 64 levels/ },
  aliases: { yaml: `a: &a [1]\narchs: [*a, *a]\n`, fault: /aliases|archs/ },
  huge: { yaml: compareYaml(`archs: [${'a,'.repeat(100_000)}b]`), fault: /at most 16384 bytes, got 2/ },
  'no list': { yaml: compareYaml('archs: 7'), fault: /archs/ },
  'names of others': { yaml: compareYaml('archs: [../../etc/passwd, "<b>"]') },
  'many seeds': { yaml: compareYaml('archs: [a, b]').replace('seeds: 2', 'seeds: 1000000') },
  'too many seeds': { yaml: compareYaml('archs: [a, b]').replace('seeds: 2', 'seeds: 1e300'), fault: /seeds/ },
  'many architectures': { yaml: compareYaml(`archs: [${Array.from({ length: 900 }, (_, i) => `arch${i}`).join()}]`) },
  'a prototype': { yaml: '__proto__: {a: 1}\n', fault: /__proto__/ },
};

describe('collections of strangers', () => {
  it('cost no more than their row: all others are shown, in an answer of bounded size', {
    timeout: 60_000,
  }, async () => {
    const root = folderOfTests();
    await recordComparison(root, 'good', { archs: ['unet'], seeds: 1 });
    for (const [name, { yaml }] of Object.entries(STRANGE)) {
      mkdirSync(join(root, 'compare', name));
      writeFileSync(join(root, 'compare', name, 'compare.yaml'), yaml);
      writeFileSync(join(root, 'compare', name, 'comparison.csv'), `run,score\n"${'x'.repeat(1000)}`);
    }
    const outside = folderOfTests();
    await recordComparison(outside, 'far', { archs: ['unet'], seeds: 1 });
    symlinkSync(join(outside, 'compare', 'far'), join(root, 'compare', 'linked folder'));
    mkdirSync(join(root, 'compare', 'linked file'));
    symlinkSync(join(outside, 'compare', 'far', 'compare.yaml'), join(root, 'compare', 'linked file', 'compare.yaml'));
    mkdirSync(join(root, 'compare', 'no settings'));
    const { port } = await serve(root);
    const { collections } = await get<CollectionList>(port, '/api/collections');
    expect(collections.map(({ name }) => name).sort()).toEqual(['good', ...Object.keys(STRANGE)].sort());
    for (const { name, fault } of collections) {
      const expected = STRANGE[name]?.fault;
      if (expected) expect(fault, name).toMatch(expected);
      else expect(fault, name).toBeUndefined();
      expect((fault ?? '').length).toBeLessThan(400);
      const { members, more, summary } = await detailOf(port, `compare/${encodeURIComponent(name)}`);
      expect(members.length, name).toBeLessThanOrEqual(MOST_MEMBERS);
      expect(members.length + more).toBe(summary.planned);
      expect(JSON.stringify(members).length).toBeLessThan(1e6);
    }
    expect(collections.find(({ name }) => name === 'good')).toMatchObject({ planned: 1, ended: 1 });
    for (const path of [
      'compare/linked%20folder',
      'compare/linked%20file',
      'compare/..%2f..',
      'train/x',
      '__proto__/x',
      'compare/none',
    ])
      expect((await ask(port, `/api/collections/${path}`)).status, path).toBe(404);
  });

  it('beyond a hundred of a kind are counted, not read', async () => {
    const root = folderOfTests();
    for (let i = 0; i < MOST_COLLECTIONS + 20; i++) {
      mkdirSync(join(root, 'compare', `c${i}`), { recursive: true });
      writeFileSync(join(root, 'compare', `c${i}`, 'compare.yaml'), compareYaml('archs: [a]'));
    }
    const { port } = await serve(root);
    const { collections, more } = await get<CollectionList>(port, '/api/collections');
    expect([collections.length, more]).toEqual([MOST_COLLECTIONS, 20]);
    rmSync(join(root, 'compare'), { recursive: true });
    expect(await get(port, '/api/collections')).toEqual({ collections: [], more: 0 });
  });

  it('are a plan or a fault, whatever their text', () => {
    const value = fc.jsonValue();
    const text = fc.oneof(
      fc.string(),
      value.map((one) => JSON.stringify(one)),
      value.map((one) => compareYaml(`archs: ${JSON.stringify(one)}`)),
    );
    fc.assert(
      fc.property(fc.constantFrom('compare' as const, 'trials' as const), text, (kind, content) => {
        const plan = parsePlan(kind, content, 'file');
        if ('fault' in plan) expect(plan.fault).toMatch(/^file: /);
        else expect(plan.members.length).toBeLessThanOrEqual(MOST_MEMBERS);
      }),
    );
  });

  it('have tables of which only numbers and short texts are read', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.string())), (table) => {
        const header = 'run,architecture,score,latencyMs,measuredBytes';
        const text = [header, ...table.map((row) => row.map((cell) => JSON.stringify(cell)).join())].join('\n');
        for (const { row, architecture } of parseRows('compare', `${text}\n`).values()) {
          expect(architecture.length).toBeLessThanOrEqual(1000);
          for (const field of Object.values(row)) expect(['number', 'boolean']).toContain(typeof field);
        }
      }),
    );
    expect(parseRows('compare', `run\n${','.repeat(500_000)}\n`).size).toBe(0);
    expect(parseRows('compare', `run\n${'a\n'.repeat(5000)}`).size).toBe(1);
  });
});

describe('curves', () => {
  it('hold the numbers of a short log, and grow with it', async () => {
    const root = folderOfTests();
    const { folder, addEpoch } = await recordTraining(root, { name: 'live', epochs: 6, steps: 4, unfinished: true });
    const { port } = await serve(root);
    const curvesOf = async () => (await get<RunHistory>(port, '/api/runs/train/live/curves')).events;
    const numbersOf = (type: 'step' | 'epoch') => readEvents(folder.events).filter((event) => event.type === type);
    const check = async () => {
      const events = await curvesOf();
      for (const type of ['step', 'epoch'] as const)
        expect(events.filter((event) => event.type === type)).toEqual(numbersOf(type));
      const kinds = new Set(events.map(({ type }) => type));
      expect([...kinds].sort()).toEqual(['epoch', 'evaluation', 'start', 'step']);
    };
    await check();
    addEpoch();
    await check();
    // Of a log that was replaced they begin anew.
    writeFileSync(folder.events, '');
    await get(port, '/api/runs');
    expect(await curvesOf()).toEqual([]);
  });

  it('of a long log are of bounded size, read once for all who ask', async () => {
    const root = folderOfTests();
    const { path } = recordManySteps(root, 'long', 50_000);
    const curves = createCurves();
    const run = { id: 'train/long', path, generation: 1 };
    const [first, second] = await Promise.all([curves.of(run), curves.of(run)]);
    expect(first?.total).toBe(50_000);
    expect(second).toEqual(first);
    expect(JSON.stringify(first).length).toBeLessThan(4e5);
    const started = process.cpuUsage();
    await curves.of(run);
    const { user, system } = process.cpuUsage(started);
    expect((user + system) / 1e6).toBeLessThan(0.2);
  });

  it('hold no field that is not of a curve, however long it is', async () => {
    const root = folderOfTests();
    const { folder } = await recordTraining(root, { name: 'odd', epochs: 2, steps: 2 });
    const time = '2026-11-01T00:00:00.000Z';
    const long = 'z'.repeat(500_000);
    const scores = `"split":"${long}","miou":0.5,"pixelAccuracy":null,"meanAccuracy":null,"iou":[0.5],"classNames":["${long}"],"more":"${long.slice(1000)}"`;
    const lines = [
      `{"seq":0,"time":"${time}","type":"start","command":"${long}","versions":{},"config":{"a":"${long}"},"resumedStep":"${long.slice(9)}"}`,
      ...Array.from(
        { length: 20 },
        (_, i) => `{"seq":${i + 1},"time":"${time}","type":"evaluation","epoch":${i},${scores}}`,
      ),
      `{"seq":30,"time":"${time}","type":"note","message":"${long}"}`,
    ].map((line) => line.replaceAll(long, long.slice(0, 200_000)));
    writeFileSync(folder.events, `${lines.join('\n')}\n`);
    const { port } = await serve(root);
    const { events } = await get<RunHistory>(port, '/api/runs/train/odd/curves');
    expect(events).toHaveLength(21);
    expect(JSON.stringify(events).length).toBeLessThan(10_000);
  });
});
