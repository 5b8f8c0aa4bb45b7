/**
 * @file Event files for TensorBoard: the scalars of every step and epoch, histograms of the architecture logits after every epoch and, at the end, the
 * sample images, written beside the event log from the same events. Whatever is written is at the number of steps done, so that the resumption of a run
 * takes back what is done again. The messages are tensorflow/core/util/event.proto, framework/summary.proto and histogram.proto; only the fields in
 * use are written.
 */
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { PbfWriter } from 'pbf';
import { DataError } from '../../base/errors.ts';
import { type EventLog, readEvents } from '../eventLog.ts';
import type { RunEvent } from '../events.ts';
import { appendWhole, onDisk } from '../files.ts';
import type { RunFolder } from '../folder.ts';
import { type Histogram, histogramOf, numbersIn } from './histogram.ts';
import { scalarsOf, stepScalarsOf } from './scalars.ts';
import { formatRecord } from './tfRecord.ts';

/** At most so many sample images. */
const MOST_SAMPLES = 16;

/** A named value of one step. */
type Value =
  | { readonly tag: string; readonly scalar: number }
  | { readonly tag: string; readonly histogram: Histogram }
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
  let place: Place = { steps: 1 };
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
      place = placeAfter(event, place, folder);
      for (const record of recordsOf(event, folder, place)) write(formatTensorBoardRecord(record), record.seconds);
      return event;
    },
    close() {
      log.close();
      if (file !== undefined) closeSync(file);
      file = undefined;
    },
  };
}

/** Where a run is: steps of a whole epoch, and the last step where it lies inside an epoch. */
interface Place {
  readonly steps: number;
  readonly last?: { readonly epoch: number; readonly step: number };
}

function placeAfter(event: RunEvent, before: Place, { events }: RunFolder): Place {
  if (event.type === 'step') return { steps: event.steps ?? before.steps, last: event };
  if (event.type !== 'start' || event.resumedEpoch === undefined) return before;
  const { resumedEpoch: epoch, resumedStep: step = 0 } = event;
  return { steps: stepsLogged(events), ...(step > 0 ? { last: { epoch, step } } : {}) };
}

/** Steps done at the end of an epoch; the last one of a training may be shorter than the others. */
const doneAfter = (epoch: number, { steps, last }: Place): number =>
  epoch * steps + (last?.epoch === epoch ? last.step : steps);

/** Steps of an epoch by the last step of a log; 1 where it has none, so that steps are epochs. */
function stepsLogged(path: string): number {
  try {
    const steps = readEvents(path).filter((event) => event.type === 'step');
    return steps.at(-1)?.steps ?? steps.reduce((most, { step }) => Math.max(most, step), 1);
  } catch (error) {
    // A damaged log does not keep a run from being resumed; the next step says how many there are.
    if (error instanceof DataError) return 1;
    throw error;
  }
}

/** What TensorBoard gets of an event, at the number of steps done after it. */
function recordsOf(event: RunEvent, folder: RunFolder, place: Place): TensorBoardRecord[] {
  const seconds = Date.parse(event.time) / 1000;
  const at = (step: number, values: Value[]) => (values.length === 0 ? [] : [{ seconds, step, values }]);
  const named = (values: readonly (readonly [string, number])[]) => values.map(([tag, scalar]) => ({ tag, scalar }));
  switch (event.type) {
    case 'start': {
      const { resumedEpoch, resumedStep = 0 } = event;
      if (resumedEpoch === undefined) return [];
      return [{ seconds, step: resumedEpoch * place.steps + resumedStep + 1, restart: true }];
    }
    case 'step':
      return at(doneAfter(event.epoch, place), named(stepScalarsOf(event)));
    case 'architecture':
      return at(doneAfter(event.epoch, place), histograms(event));
    case 'end':
      return sampleValues(folder).map((value) => ({ seconds, step: 0, values: [value] }));
    default: {
      const scalars = scalarsOf(event);
      return scalars ? at(doneAfter(scalars.step - 1, place), named(scalars.values)) : [];
    }
  }
}

/** The tables of logits by the names that they have in the log. */
function histograms({ alpha, beta, predecessors, edges, ops }: Extract<RunEvent, { type: 'architecture' }>): Value[] {
  return Object.entries({ alpha, beta, predecessors, edges, ops }).flatMap(([name, table]) => {
    const numbers = numbersIn(table);
    return numbers.length === 0 ? [] : [{ tag: `logits/${name}`, histogram: histogramOf(numbers) }];
  });
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
  else if ('histogram' in value) writer.writeMessage(5, writeHistogram, value.histogram);
  else writer.writeMessage(4, writeImage, value);
}

function writeImage(image: Extract<Value, { png: Uint8Array }>, writer: PbfWriter): void {
  writer.writeVarintField(1, image.height);
  writer.writeVarintField(2, image.width);
  // Colours: red, green, blue.
  writer.writeVarintField(3, 3);
  writer.writeBytesField(4, image.png);
}

function writeHistogram({ min, max, count, sum, sumOfSquares, limits, counts }: Histogram, writer: PbfWriter): void {
  [min, max, count, sum, sumOfSquares].forEach((value, i) => {
    writer.writeDoubleField(i + 1, value);
  });
  writer.writePackedDouble(6, [...limits]);
  writer.writePackedDouble(7, [...counts]);
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
