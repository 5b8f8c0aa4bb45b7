/** @file The log survives a kill at any byte, goes on numbering, and refuses other damage. */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../src/base/errors.ts';
import { openEventLog, readEvents, readEventsFrom } from '../../src/run/eventLog.ts';
import { temporaryFolder } from '../helpers/temporaryFolder.ts';

const clock = () => new Date('2025-01-02T03:04:05Z');

describe('event log', () => {
  it('numbers events across openings and stamps them', () => {
    const path = join(temporaryFolder(), 'run', 'events.jsonl');
    const first = openEventLog(path, clock);
    first.append({ type: 'start', command: 'search', config: { seed: 0 }, versions: { espalier: '0.1.0' } });
    first.append({ type: 'step', phase: 'weights', epoch: 0, step: 1, loss: Number.NaN, learningRate: 0.1 });
    first.close();
    first.close();
    const second = openEventLog(path, clock);
    expect(second.append({ type: 'end', status: 'done', message: 'äö' }).seq).toBe(2);
    second.close();
    const events = readEvents(path);
    expect(events.map(({ seq, type }) => [seq, type])).toEqual([
      [0, 'start'],
      [1, 'step'],
      [2, 'end'],
    ]);
    expect(events[1]).toMatchObject({ loss: null, time: '2025-01-02T03:04:05.000Z' });
  });

  it('loses only the torn last line, wherever the kill comes', () => {
    const folder = temporaryFolder();
    const whole = join(folder, 'whole.jsonl');
    const log = openEventLog(whole, clock);
    for (let i = 0; i < 5; i++) log.append({ type: 'note', message: `note ${i} é` });
    log.close();
    const bytes = readFileSync(whole);
    const path = join(folder, 'torn.jsonl');
    fc.assert(
      fc.property(fc.nat(bytes.length), (cut) => {
        writeFileSync(path, bytes.subarray(0, cut));
        const lines = bytes.subarray(0, cut).filter((byte) => byte === 10).length;
        expect(readEvents(path)).toHaveLength(lines);
        const again = openEventLog(path, clock);
        expect(again.append({ type: 'note', message: 'on' }).seq).toBe(lines);
        again.close();
        expect(readEvents(path).map((event) => event.seq)).toEqual([...Array(lines + 1).keys()]);
      }),
    );
  });

  it('finds the last line of a log with very long lines', () => {
    const path = join(temporaryFolder(), 'events.jsonl');
    for (let i = 0; i < 3; i++) {
      const log = openEventLog(path, clock);
      expect(log.append({ type: 'note', message: 'x'.repeat(200_000) }).seq).toBe(i);
      log.close();
    }
    appendFileSync(path, 'y'.repeat(300_000));
    const log = openEventLog(path, clock);
    expect(log.append({ type: 'note', message: '' }).seq).toBe(3);
    log.close();
    expect(readEvents(path)).toHaveLength(4);
  });

  it('can be followed while it grows', () => {
    const path = join(temporaryFolder(), 'events.jsonl');
    const log = openEventLog(path, clock);
    log.append({ type: 'note', message: 'a' });
    const first = readEventsFrom(path, 0);
    expect(readEventsFrom(path, first.offset)).toEqual({ events: [], offset: first.offset, atEnd: true });
    log.append({ type: 'note', message: 'b' });
    appendFileSync(path, '{"type"');
    expect(readEventsFrom(path, first.offset).events).toMatchObject([{ message: 'b', seq: 1 }]);
    log.close();
  });

  it('refuses damage in the middle and names the line', () => {
    const path = join(temporaryFolder(), 'events.jsonl');
    writeFileSync(path, '{"seq":0,"time":"t","type":"note","message":""}\n{"seq\n{}\n');
    expect(() => readEvents(path)).toThrow(DataError);
    expect(() => readEvents(path)).toThrow(/events\.jsonl, line 2: expected a JSON event/);
    expect(() => openEventLog(path, clock)).toThrow(/last line: expected an event/);
    expect(() => readEvents(join(path, 'absent'))).toThrow(DataError);
  });
});
