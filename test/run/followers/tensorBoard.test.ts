/** @file TensorBoard's event files, read back by an independent decoder. */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodePng } from '../../../src/data/images/png.ts';
import { openEventLog, readEvents } from '../../../src/run/eventLog.ts';
import type { RunEventBody } from '../../../src/run/events.ts';
import { createRunFolder, type RunFolder } from '../../../src/run/folder.ts';
import { histogramOf } from '../../../src/run/followers/histogram.ts';
import { withTensorBoard } from '../../../src/run/followers/tensorBoard.ts';
import { crc32c, formatRecord, maskedCrc32c } from '../../../src/run/followers/tfRecord.ts';
import { openRun } from '../../../src/run/openRun.ts';
import { temporaryFolder } from '../../helpers/temporaryFolder.ts';
import { readTensorBoard, slowCrc32c, tensorBoardFiles, unmask } from '../../helpers/tensorBoard.ts';

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
    const [file] = tensorBoardFiles(run.folder);
    const tags = readTensorBoard(file).flatMap(({ summary }) => summary?.value?.map(({ tag }) => tag) ?? []);
    expect(tags).toContain('train/loss');
  });

  it('hold the scalars of every step and epoch, at the steps done and their time', () => {
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
      { type: 'step', phase: 'train', epoch: 0, step: 3, steps: 3, loss: 2, learningRate: 0.5 },
      epoch(0, 1.5),
      { type: 'step', phase: 'train', epoch: 1, step: 1, steps: 3, loss: Number.NaN, learningRate: 0.25 },
      epoch(1, null),
      { type: 'evaluation', ...evaluation },
      { type: 'memory', epoch: 1, residentBytes: 1024, peakBytes: 2048 },
      { type: 'ranks', epoch: 1, computedSeconds: [4, 5], exchangedSeconds: [1.5, 0.5], hiddenSeconds: [0, 0] },
    ]);
    const [version, ...events] = readTensorBoard(tensorBoardFiles(folder)[0]);
    expect(version.fileVersion).toBe('brain.Event:2');
    const scalars = events.map(({ step, summary }) => [
      step,
      Object.fromEntries(summary?.value.map(({ tag, simpleValue }) => [tag, simpleValue]) ?? []),
    ]);
    expect(scalars).toEqual([
      [3, { 'step/loss': 2, 'step/learningRate': 0.5 }],
      [3, { 'train/loss': 1.5 }],
      [4, { 'step/learningRate': 0.25 }],
      [4, { 'val/miou': 0.5, 'val/pixelAccuracy': 0.75, 'iou/road': 0.25 }],
      [4, { 'memory/residentBytes': 1024, 'memory/peakBytes': 2048 }],
      [
        4,
        {
          ...{ 'computedSeconds/rank 0': 4, 'computedSeconds/rank 1': 5 },
          ...{ 'exchangedSeconds/rank 0': 1.5, 'exchangedSeconds/rank 1': 0.5 },
        },
      ],
    ]);
    const written = readEvents(folder.events).filter(({ type }) => type !== 'start');
    expect(events.map(({ wallTime }) => wallTime)).toEqual(
      written.filter((_, i) => i !== 3).map(({ time }) => Date.parse(time) / 1000),
    );
  });

  it('hold histograms of the architecture logits, table by table', () => {
    const folder = createRunFolder(temporaryFolder(), 'search', 'a');
    const alpha = [
      [0.5, -1.5],
      [2, 0.25],
    ];
    const beta = [
      [
        [null, 1, 1],
        [1, 1, null],
      ],
    ];
    write(folder, [
      start,
      { type: 'step', phase: 'search', epoch: 0, step: 2, steps: 2, loss: 1, architectureLoss: 3, learningRate: 0.5 },
      { type: 'architecture', epoch: 0, alpha, beta, entropies: { operators: 1 }, genotype: {} },
      { type: 'architecture', epoch: 1, edges: [[0.5]], ops: [[[1, 3]]], entropies: { operators: 1 }, genotype: {} },
    ]);
    const values = readTensorBoard(tensorBoardFiles(folder)[0]).flatMap(({ step, summary }) =>
      (summary?.value ?? []).map((value) => ({ step, ...value })),
    );
    expect(values.map(({ tag, step, simpleValue }) => [tag, step, simpleValue])).toEqual([
      ['step/weightLoss', 2, 1],
      ['step/architectureLoss', 2, 3],
      ['step/learningRate', 2, 0.5],
      ['logits/alpha', 2, undefined],
      ['logits/beta', 2, undefined],
      ['logits/edges', 4, undefined],
      ['logits/ops', 4, undefined],
    ]);
    const [, , , first, second] = values.map(({ histo }) => histo!);
    expect(first).toMatchObject({ min: -1.5, max: 2, num: 4, sum: 1.25, sumSquares: 0.25 + 2.25 + 4 + 0.0625 });
    expect(first.bucketLimit).toHaveLength(30);
    expect(second).toMatchObject({ min: 1, max: 1, num: 4, sum: 4, sumSquares: 4, bucketLimit: [1], bucket: [4] });
  });

  it('have histograms whose buckets hold every number between their limits', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1 }), (numbers) => {
        const { min, max, limits, counts } = histogramOf(numbers);
        expect([limits.at(-1), counts.length]).toEqual([max, limits.length]);
        const below = (limit: number) => numbers.filter((value) => value <= limit).length;
        limits.forEach((limit, i) => {
          expect(counts[i]).toBe(below(limit) - (i === 0 ? 0 : below(limits[i - 1])));
        });
        expect(numbers).toContain(min);
      }),
    );
  });

  it('hold the samples as pictures at the end', () => {
    const folder = createRunFolder(temporaryFolder(), 'train', 'a');
    const png = encodePng({ width: 5, height: 3, channels: 3, data: new Uint8Array(45).fill(7) } as never);
    writeFileSync(join(folder.samples, 'one.png'), png);
    writeFileSync(join(folder.samples, 'notes.txt'), 'no picture');
    write(folder, [start, epoch(0, 1), { type: 'end', status: 'done', message: '' }]);
    const images = readTensorBoard(tensorBoardFiles(folder)[0]).flatMap(
      ({ summary }) => summary?.value.filter(({ image }) => image) ?? [],
    );
    expect(images).toHaveLength(1);
    expect(images[0]).toMatchObject({ tag: 'samples/one.png', image: { width: 5, height: 3 } });
    expect(Buffer.from(images[0].image?.encodedImageString ?? [])).toEqual(Buffer.from(png));
  });

  it('of a resumed run take back what is done again', () => {
    const folder = createRunFolder(temporaryFolder(), 'train', 'a');
    const step = (of: number, i: number): RunEventBody => ({
      ...{ type: 'step', phase: 'train', loss: 1, learningRate: 0.1 },
      ...{ epoch: of, step: i, steps: 4 },
    });
    const first = [1, 2, 3, 4].map((i) => step(0, i));
    write(folder, [start, ...first, epoch(0, 3), step(1, 1), step(1, 2), step(1, 3)]);
    write(folder, [{ ...start, resumedEpoch: 1, resumedStep: 2 }, step(1, 3), step(1, 4), epoch(1, 2)], 30);
    const files = tensorBoardFiles(folder);
    expect(files).toHaveLength(2);
    const [, restart, ...again] = readTensorBoard(files[1]);
    expect(restart).toMatchObject({ step: 7, sessionLog: { status: 'START' } });
    expect(again.map(({ step: at }) => at)).toEqual([7, 8, 8]);
  });

  it.each([
    ['no step', [], 3],
    ['steps of an earlier version, which do not say how many there are', [1, 2, 3, 4], 9],
  ])('of a resumed run whose log has %s', (_, steps, expected) => {
    const folder = createRunFolder(temporaryFolder(), 'train', 'a');
    const events = steps.map(
      (i): RunEventBody => ({
        ...{ type: 'step', phase: 'train', epoch: 0, step: i, loss: 1, learningRate: 0.1 },
      }),
    );
    write(folder, [start, ...events, epoch(0, 3), epoch(1, 2)]);
    write(folder, [{ ...start, resumedEpoch: 2 }, epoch(2, 2)], 30);
    expect(readTensorBoard(tensorBoardFiles(folder)[1])[1]).toMatchObject({
      step: expected,
      sessionLog: { status: 'START' },
    });
  });

  it('are not made for a run that says nothing to show', () => {
    const folder = createRunFolder(temporaryFolder(), 'train', 'a');
    write(folder, [start, { type: 'note', message: 'nothing' }]);
    expect(tensorBoardFiles(folder)).toEqual([]);
  });
});
