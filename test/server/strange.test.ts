/** @file Strange run folders beside good ones: a log of any depth, number and length costs its own run alone, and nothing grows with it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RunDetail, RunHistory, RunSummary } from '../../src/server/api.ts';
import type { RunIndex } from '../../src/server/runIndex.ts';
import { flattenSettings } from '../../src/server/runSummary.ts';
import { inNaturalOrder, listInside } from '../../src/server/safeFiles.ts';
import { createWatch } from '../../src/server/watch.ts';
import { folderOfTests, get, serve } from './dashboards.ts';

const TIME = '2026-11-01T00:00:00.000Z';
const line = (seq: number, rest: string) => `{"seq":${seq},"time":"${TIME}",${rest}}\n`;
const startOf = (config: string) => line(0, `"type":"start","command":"c","versions":{},"config":${config}`);
const END = line(9, '"type":"end","status":"done","message":"ok"');
const nested = (depth: number, key = 'a') => `{"${key}":`.repeat(depth) + 1 + '}'.repeat(depth);
const many = (count: number, key: (i: number) => string) =>
  `{${Array.from({ length: count }, (_, i) => `"${key(i)}":${i}`).join(',')}}`;
const long = 'k'.repeat(1000);

/** Logs by name, with the state that their run is shown in. */
const STRANGE: Record<string, { log: string; state: string }> = {
  'deep settings': { log: startOf(nested(100_000)) + END, state: 'damaged' },
  'deep lists': { log: startOf(`{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}`) + END, state: 'damaged' },
  'deep and long keys': { log: startOf(nested(700, long)) + END, state: 'damaged' },
  'a leaf at every level of long keys': {
    log: startOf(`{"s":1,"${long}":`.repeat(900) + 1 + '}'.repeat(900)) + END,
    state: 'damaged',
  },
  'just deep enough': { log: startOf(nested(25)) + END, state: 'done' },
  'many settings': { log: startOf(many(60_000, (i) => `key${i}`)) + END, state: 'done' },
  'many settings below long keys': {
    log: startOf(`{"${long}":{"${long}":{"${long}":${many(20_000, (i) => `${i}`)}}}}`) + END,
    state: 'done',
  },
  'long values': { log: startOf(`{"a":"${'v'.repeat(900_000)}"}`) + END, state: 'done' },
  'a long command, long versions and a long end': {
    log:
      line(
        0,
        `"type":"start","command":"${'c'.repeat(900_000)}","versions":{"${long}":"${'v'.repeat(50_000)}"},"config":{}`,
      ) + line(1, `"type":"end","status":"${'s'.repeat(400_000)}","message":"${'m'.repeat(400_000)}"`),
    state: `${'s'.repeat(39)}…`,
  },
  'a long line': { log: startOf('{}') + line(1, `"type":"note","message":"${'y'.repeat(5e6)}"`) + END, state: 'done' },
  'many long notes': {
    log:
      startOf('{}') +
      Array.from({ length: 60 }, (_, i) => line(i + 1, `"type":"note","message":"${'z'.repeat(9e5)}"`)).join('') +
      END,
    state: 'done',
  },
  'long times': {
    log: `{"seq":0,"time":"${'t'.repeat(500_000)}","type":"start","command":"c","versions":{},"config":{}}\n${END}`,
    state: 'done',
  },
  'no events at all': { log: 'nothing\n'.repeat(1000), state: 'damaged' },
  'odd fields': {
    log:
      startOf('{"epochs":1e308,"toString":1,"hasOwnProperty":{}}') +
      line(1, '"type":"epoch","phase":"x","epoch":1e300,"metrics":{"miou":1e308}') +
      END,
    state: 'done',
  },
};

describe('run folders with strange logs', () => {
  it('are shown in their state, beside good ones, in an answer of bounded size', async () => {
    const root = folderOfTests();
    const write = (name: string, log: string) => {
      const folder = join(root, 'train', name);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'config.yaml'), 'epochs: 3\n');
      writeFileSync(join(folder, 'events.jsonl'), log);
    };
    write('good', startOf('{"epochs":3}') + END);
    for (const [name, { log }] of Object.entries(STRANGE)) write(name, log);
    const { port } = await serve(root);
    const before = process.memoryUsage().heapUsed;
    const rows = await get<RunSummary[]>(port, '/api/runs');
    const stateOf = Object.fromEntries(rows.map(({ name, state }) => [name, state]));
    const expected = Object.entries(STRANGE).map(([name, { state }]) => [name, state]);
    expect(stateOf).toEqual({ good: 'done', ...Object.fromEntries(expected) });
    expect(rows.find(({ name }) => name === 'good')).toMatchObject({ settings: { epochs: '3' }, damaged: 0 });
    expect(JSON.stringify(rows).length).toBeLessThan(1.2e5 * rows.length);
    for (const { settings } of rows) {
      expect(Object.keys(settings).length).toBeLessThanOrEqual(500);
      for (const [key, value] of Object.entries(settings)) {
        expect(key.length).toBeLessThanOrEqual(200);
        expect(value.length).toBeLessThanOrEqual(2000);
      }
    }
    for (const { id } of rows) {
      const path = `/api/runs/${id.split('/').map(encodeURIComponent).join('/')}`;
      expect((await get<RunDetail>(port, path)).summary.id).toBe(id);
      expect(JSON.stringify(await get<RunHistory>(port, `${path}/history`)).length, id).toBeLessThan(2e7);
    }
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(3e8);
  });
});

describe('flat settings', () => {
  it('are bounded for any value, and complete for ordinary ones', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const flat = flattenSettings(value);
        expect(Object.keys(flat).length).toBeLessThanOrEqual(500);
        for (const [key, text] of Object.entries(flat)) {
          expect(key.length).toBeLessThanOrEqual(200);
          expect(typeof text).toBe('string');
        }
      }),
    );
    expect(flattenSettings({ a: 1, b: { c: [1, 2], d: { e: 'x', f: null } }, g: {} })).toEqual({
      ...{ a: '1', 'b.c': '[1,2]', 'b.d.e': 'x', 'b.d.f': 'null' },
    });
  });
});

describe('many samples', () => {
  it('are listed in natural order', () => {
    expect(inNaturalOrder(['s10.png', 'S2.png', 's1.png', 'a.png', 's02.png', 'ä.png'])).toEqual([
      ...['a.png', 's1.png', 'S2.png', 's02.png', 's10.png', 'ä.png'],
    ]);
    fc.assert(
      fc.property(fc.array(fc.string()), (names) => {
        expect(inNaturalOrder([...names].reverse())).toEqual(inNaturalOrder(names));
        expect([...inNaturalOrder(names)].sort()).toEqual([...names].sort());
      }),
    );
  });

  it('take little time to sort', () => {
    const names = Array.from({ length: 100_000 }, (_, i) => `sample-${(i * 7919) % 100_000}.png`);
    const started = process.cpuUsage();
    expect(inNaturalOrder(names).slice(0, 2)).toEqual(['sample-0.png', 'sample-1.png']);
    const { user, system } = process.cpuUsage(started);
    // By locale it was 3.6 s.
    expect((user + system) / 1e6).toBeLessThan(1);
  });

  it('of a folder that is not there are none', async () =>
    expect(await listInside(folderOfTests(), 'samples')).toEqual([]));
});

describe('a watch over an index that is slow to look', () => {
  /** Computes for so many milliseconds of the processor. */
  function compute(milliseconds: number): void {
    const before = process.cpuUsage();
    for (let spent = 0; spent < 1000 * milliseconds; ) {
      const { user, system } = process.cpuUsage(before);
      spent = user + system;
    }
  }

  /** An index whose looks take so long; counts them. */
  function slowIndex(whole: number, running: number) {
    const looks = { whole: 0, running: 0 };
    const index: RunIndex = {
      ...{ version: 0, runs: new Map(), lookTook: whole },
      refresh: async () => {
        looks.whole++;
        compute(whole);
      },
      refreshFor: async () => undefined,
      refreshRunning: async () => {
        looks.running++;
        compute(running);
      },
    };
    return { index, looks };
  }

  it('looks at all runs for less than 1 % of the time, and at those that run as well', async () => {
    const { index, looks } = slowIndex(20, 4);
    const watch = createWatch(index, { lookEvery: 10 });
    const leave = watch.follow();
    // The first four looks follow each other.
    while (looks.whole < 4) await sleep(10);
    const [whole, running] = [looks.whole, looks.running];
    await sleep(4000);
    leave();
    watch.close();
    // A look of 20 ms each 3 s, and one of 4 ms each 0.6 s; timers of a busy machine are late, never early.
    expect(looks.whole - whole).toBeGreaterThanOrEqual(1);
    expect(looks.whole - whole).toBeLessThanOrEqual(2);
    expect(looks.running - running).toBeGreaterThanOrEqual(3);
    expect(looks.running - running).toBeLessThanOrEqual(12);
  });

  it('looks again soon after one look that read much', async () => {
    const { index, looks } = slowIndex(0, 0);
    index.refresh = async () => compute(looks.whole++ === 0 ? 300 : 0);
    const watch = createWatch({ ...index, lookTook: 300 }, { lookEvery: 20 });
    const leave = watch.follow();
    await sleep(2000);
    leave();
    watch.close();
    expect(looks.whole).toBeGreaterThan(2);
  });

  it('does not wait longer because the machine is busy with something else', async () => {
    const { index, looks } = slowIndex(0, 0);
    index.refresh = async () => {
      looks.whole++;
      await sleep(100);
    };
    const watch = createWatch({ ...index, lookTook: 100 }, { lookEvery: 20 });
    const leave = watch.follow();
    await sleep(3000);
    leave();
    watch.close();
    expect(looks.whole).toBeGreaterThan(2);
  });

  it('looks as often as it is set where looks are short', async () => {
    const { index, looks } = slowIndex(0, 0);
    index.refresh = async () => void looks.whole++;
    const watch = createWatch({ ...index, lookTook: 0.1 }, { lookEvery: 20 });
    const leave = watch.follow();
    await sleep(1000);
    leave();
    watch.close();
    expect(looks.whole + looks.running).toBeGreaterThan(10);
  });
});
