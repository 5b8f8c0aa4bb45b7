/** @file TensorBoard's event files, read back by an independent decoder (protobufjs) from the published message definitions. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { encodePng } from '../../../src/data/images/png.ts';
import { openEventLog, readEvents } from '../../../src/run/eventLog.ts';
import type { RunEventBody } from '../../../src/run/events.ts';
import { createRunFolder, type RunFolder } from '../../../src/run/folder.ts';
import { withTensorBoard } from '../../../src/run/followers/tensorBoard.ts';
import { crc32c, formatRecord, maskedCrc32c } from '../../../src/run/followers/tfRecord.ts';
import { openRun } from '../../../src/run/openRun.ts';
import { temporaryFolder } from '../../helpers/temporaryFolder.ts';

/** tensorflow/core/util/event.proto and framework/summary.proto, as far as TensorBoard reads them here. */
const { root } = protobuf.parse(`
  syntax = "proto3";
  message Image { int32 height = 1; int32 width = 2; int32 colorspace = 3; bytes encoded_image_string = 4; }
  message Value { string tag = 1; oneof value { float simple_value = 2; Image image = 4; } }
  message Summary { repeated Value value = 1; }
  message SessionLog { enum SessionStatus { UNSPECIFIED = 0; START = 1; STOP = 2; } SessionStatus status = 1; }
  message Event { double wall_time = 1; int64 step = 2; oneof what { string file_version = 3; Summary summary = 5; SessionLog session_log = 7; } }
`);
const EventMessage = root.lookupType('Event');

interface Decoded {
  readonly wallTime: number;
  readonly step?: number;
  readonly fileVersion?: string;
  readonly sessionLog?: { status: string };
  readonly summary?: {
    value: {
      tag: string;
      simpleValue?: number;
      image?: { width: number; height: number; encodedImageString: Uint8Array };
    }[];
  };
}

/** CRC-32C bit by bit, from its definition. */
function slowCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes)
    for (let bit = 0; bit < 8; bit++) {
      const isOdd = ((crc ^ (byte >> bit)) & 1) === 1;
      crc = (crc >>> 1) ^ (isOdd ? 0x82f63b78 : 0);
    }
  return ~crc >>> 0;
}

const unmask = (masked: number): number => {
  const rotated = (masked - 0xa282ead8) >>> 0;
  return ((rotated << 15) | (rotated >>> 17)) >>> 0;
};

/** The events of a file; every checksum is checked. */
function readFile(path: string): Decoded[] {
  const bytes = readFileSync(path);
  const events: Decoded[] = [];
  for (let place = 0; place < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(place));
    expect(unmask(bytes.readUInt32LE(place + 8))).toBe(slowCrc32c(bytes.subarray(place, place + 8)));
    const content = bytes.subarray(place + 12, place + 12 + length);
    expect(unmask(bytes.readUInt32LE(place + 12 + length))).toBe(slowCrc32c(content));
    const options = { longs: Number, enums: String };
    events.push(EventMessage.toObject(EventMessage.decode(content), options) as Decoded);
    place += 16 + length;
  }
  return events;
}

const filesOf = (folder: RunFolder): string[] =>
  readdirSync(folder.path)
    .filter((name) => name.startsWith('events.out.tfevents.'))
    .sort()
    .map((name) => join(folder.path, name));

/** Writes events a minute apart, as one start of a run. */
function write(folder: RunFolder, events: readonly RunEventBody[], minute = 0): void {
  let now = minute;
  const log = withTensorBoard(
    openEventLog(folder.events, () => new Date(Date.UTC(2026, 5, 3, 4, now++))),
    folder,
  );
  for (const event of events) log.append(event);
  log.close();
}

const start = { type: 'start', command: 'espalier train', config: {}, versions: {} } as const;
const epoch = (index: number, loss: number | null): RunEventBody => ({
  type: 'epoch',
  phase: 'train',
  epoch: index,
  metrics: { loss, miou: 0.25 * index },
});

describe('records', () => {
  it('have the checksum of the published examples (RFC 3720, B.4)', () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
  });

  it('are framed so that any content comes back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (content) => {
        const record = Buffer.from(formatRecord(content));
        expect(Number(record.readBigUInt64LE(0))).toBe(content.length);
        expect(record.subarray(12, -4)).toEqual(Buffer.from(content));
        expect(unmask(record.readUInt32LE(record.length - 4))).toBe(slowCrc32c(content));
        expect(unmask(maskedCrc32c(content))).toBe(crc32c(content));
      }),
    );
  });
});

describe('event files', () => {
  it('are written by every open run, and closed with it', () => {
    const handles = () => (process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0);
    const before = handles();
    const run = openRun('train', { config: { runs: temporaryFolder(), name: 'a' }, folder: null });
    run.log.append(start);
    run.log.append(epoch(0, 0.5));
    run.close();
    expect(handles()).toBe(before);
    const [file] = filesOf(run.folder);
    const tags = readFile(file).flatMap(({ summary }) => summary?.value?.map(({ tag }) => tag) ?? []);
    expect(tags).toContain('train/loss');
  });

  it('hold the scalars of every epoch, at its number and time', () => {
    const folder = createRunFolder(temporaryFolder(), 'train', 'a');
    const evaluation = {
      epoch: 1,
      split: 'val',
      miou: 0.5,
      pixelAccuracy: 0.75,
      meanAccuracy: null,
      iou: [0.25, null],
      classNames: ['road', 'sky'],
    };
    write(folder, [
      start,
      { type: 'step', phase: 'train', epoch: 0, step: 1, loss: 2, learningRate: 0.1 },
      epoch(0, 1.5),
      epoch(1, null),
      { type: 'evaluation', ...evaluation },
      { type: 'memory', epoch: 1, residentBytes: 1024, peakBytes: 2048 },
      { type: 'ranks', epoch: 1, computedSeconds: [4, 5], exchangedSeconds: [1.5, 0.5], hiddenSeconds: [0, 0] },
    ]);
    const [version, ...events] = readFile(filesOf(folder)[0]);
    expect(version.fileVersion).toBe('brain.Event:2');
    const scalars = events.map(({ step, summary }) => [
      step,
      Object.fromEntries(summary?.value.map(({ tag, simpleValue }) => [tag, simpleValue]) ?? []),
    ]);
    expect(scalars).toEqual([
      [1, { 'train/loss': 1.5, 'train/miou': 0 }],
      [2, { 'train/miou': 0.25 }],
      [2, { 'val/miou': 0.5, 'val/pixelAccuracy': 0.75, 'iou/road': 0.25 }],
      [2, { 'memory/residentBytes': 1024, 'memory/peakBytes': 2048 }],
      [
        2,
        {
          ...{ 'computedSeconds/rank 0': 4, 'computedSeconds/rank 1': 5 },
          ...{ 'exchangedSeconds/rank 0': 1.5, 'exchangedSeconds/rank 1': 0.5 },
        },
      ],
    ]);
    const written = readEvents(folder.events).filter(({ type }) => type === 'epoch');
    expect(events.slice(0, 2).map(({ wallTime }) => wallTime)).toEqual(
      written.map(({ time }) => Date.parse(time) / 1000),
    );
  });

  it('hold the samples as pictures at the end', () => {
    const folder = createRunFolder(temporaryFolder(), 'train', 'a');
    const png = encodePng({ width: 5, height: 3, channels: 3, data: new Uint8Array(45).fill(7) } as never);
    writeFileSync(join(folder.samples, 'one.png'), png);
    writeFileSync(join(folder.samples, 'notes.txt'), 'no picture');
    write(folder, [start, epoch(0, 1), { type: 'end', status: 'done', message: '' }]);
    const images = readFile(filesOf(folder)[0]).flatMap(
      ({ summary }) => summary?.value.filter(({ image }) => image) ?? [],
    );
    expect(images).toHaveLength(1);
    expect(images[0]).toMatchObject({ tag: 'samples/one.png', image: { width: 5, height: 3 } });
    expect(Buffer.from(images[0].image?.encodedImageString ?? [])).toEqual(Buffer.from(png));
  });

  it('of a resumed run take back what is done again', () => {
    const folder = createRunFolder(temporaryFolder(), 'train', 'a');
    write(folder, [start, epoch(0, 3), epoch(1, 2), epoch(2, 1)]);
    write(folder, [{ ...start, resumedEpoch: 1 }, epoch(1, 2)], 30);
    const files = filesOf(folder);
    expect(files).toHaveLength(2);
    const [, restart, again] = readFile(files[1]);
    expect(restart).toMatchObject({ step: 2, sessionLog: { status: 'START' } });
    expect(again.step).toBe(2);
  });

  it('are not made for a run that says nothing to show', () => {
    const folder = createRunFolder(temporaryFolder(), 'train', 'a');
    write(folder, [start, { type: 'note', message: 'nothing' }]);
    expect(filesOf(folder)).toEqual([]);
  });
});
