/**
 * @file Event files for TensorBoard: the scalars of every epoch and, at the end, the sample images, written beside the event log from the
 * same events. The messages are tensorflow/core/util/event.proto and framework/summary.proto; only the fields in use are written.
 */
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { PbfWriter } from 'pbf';
import type { EventLog } from '../eventLog.ts';
import type { RunEvent } from '../events.ts';
import { appendWhole, onDisk } from '../files.ts';
import type { RunFolder } from '../folder.ts';
import { scalarsOf } from './scalars.ts';
import { formatRecord } from './tfRecord.ts';

/** At most so many sample images. */
const MOST_SAMPLES = 16;

/** A named value of one step. */
type Value =
  | { readonly tag: string; readonly scalar: number }
  | { readonly tag: string; readonly png: Uint8Array; readonly width: number; readonly height: number };

/** What one record says. */
interface TensorBoardRecord {
  readonly seconds: number;
  readonly step?: number;
  readonly values?: readonly Value[];
  /** A resumed run: what earlier files say from this step on does not count. */
  readonly restart?: boolean;
}

/** The log, with what concerns TensorBoard also written to `events.out.tfevents.*` in the run folder, a new file each time. */
export function withTensorBoard(log: EventLog, folder: RunFolder): EventLog {
  let file: number | undefined;
  const write = (bytes: Uint8Array, seconds: number) =>
    onDisk(folder.path, () => {
      if (file === undefined) {
        file = openSync(freePath(folder.path, seconds), 'wx');
        appendWhole(file, Buffer.from(formatRecord(formatVersion(seconds))));
      }
      appendWhole(file, Buffer.from(formatRecord(bytes)));
    });
  return {
    append(body) {
      const event = log.append(body);
      for (const record of recordsOf(event, folder)) write(formatTensorBoardRecord(record), record.seconds);
      return event;
    },
    close() {
      log.close();
      if (file !== undefined) closeSync(file);
      file = undefined;
    },
  };
}

/** What TensorBoard gets of an event; steps are epochs from 1. */
function recordsOf(event: RunEvent, folder: RunFolder): TensorBoardRecord[] {
  const seconds = Date.parse(event.time) / 1000;
  if (event.type === 'start')
    return event.resumedEpoch === undefined ? [] : [{ seconds, step: event.resumedEpoch + 1, restart: true }];
  if (event.type === 'end') return sampleValues(folder).map((value) => ({ seconds, step: 0, values: [value] }));
  const scalars = scalarsOf(event);
  if (!scalars) return [];
  return [{ seconds, step: scalars.step, values: scalars.values.map(([tag, scalar]) => ({ tag, scalar })) }];
}

function sampleValues({ samples }: RunFolder): Value[] {
  if (!existsSync(samples)) return [];
  const names = readdirSync(samples).filter((name) => name.endsWith('.png') && !name.startsWith('.'));
  return names
    .sort()
    .slice(0, MOST_SAMPLES)
    .map((name) => {
      const png = readFileSync(join(samples, name));
      return { tag: `samples/${name}`, png, width: png.readUInt32BE(16), height: png.readUInt32BE(20) };
    });
}

/** One `Event` message. */
export function formatTensorBoardRecord({ seconds, step, values, restart }: TensorBoardRecord): Uint8Array {
  const writer = new PbfWriter();
  writer.writeDoubleField(1, seconds);
  if (step !== undefined) writer.writeVarintField(2, step);
  if (values) writer.writeMessage(5, writeSummary, values);
  if (restart) writer.writeMessage(7, writeStart, undefined);
  return writer.finish();
}

function formatVersion(seconds: number): Uint8Array {
  const writer = new PbfWriter();
  writer.writeDoubleField(1, seconds);
  writer.writeStringField(3, 'brain.Event:2');
  return writer.finish();
}

function writeSummary(values: readonly Value[], writer: PbfWriter): void {
  for (const value of values) writer.writeMessage(1, writeValue, value);
}

function writeValue(value: Value, writer: PbfWriter): void {
  writer.writeStringField(1, value.tag);
  if ('scalar' in value) writer.writeFloatField(2, value.scalar);
  else writer.writeMessage(4, writeImage, value);
}

function writeImage(image: Extract<Value, { png: Uint8Array }>, writer: PbfWriter): void {
  writer.writeVarintField(1, image.height);
  writer.writeVarintField(2, image.width);
  // Colours: red, green, blue.
  writer.writeVarintField(3, 3);
  writer.writeBytesField(4, image.png);
}

/** `SessionLog` with the status START. */
function writeStart(_: undefined, writer: PbfWriter): void {
  writer.writeVarintField(1, 1);
}

/** TensorBoard reads the files of a folder in the order of their names, which begin with the second. */
function freePath(folder: string, seconds: number): string {
  const name = `events.out.tfevents.${String(Math.floor(seconds)).padStart(10, '0')}.${hostname()}.${process.pid}`;
  for (let counter = 0; ; counter++) {
    const path = join(folder, `${name}.${counter}`);
    if (!existsSync(path)) return path;
  }
}
