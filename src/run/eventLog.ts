/**
 * @file The append-only event log: one JSON object a line. A line counts once its newline is written: a torn last line, which a kill
 * leaves, is ignored by readers and cut off by the next writer. Any other damage is an error.
 */
import { closeSync, fstatSync, ftruncateSync, mkdirSync, openSync, readSync } from 'node:fs';
import { dirname } from 'node:path';
import { DataError } from '../base/errors.ts';
import { parseJson } from '../base/json.ts';
import { formatBytes } from '../base/text.ts';
import { faultOf } from './eventFields.ts';
import type { RunEvent, RunEventBody } from './events.ts';
import { appendWhole, onDisk } from './files.ts';

/** An open log; one writer at a time. */
export interface EventLog {
  /**
   * Writes the event with the next `seq` and the time of the clock, and returns it.
   *
   * @throws DataError when the disk is full; the log is then as before.
   */
  append(event: RunEventBody): RunEvent;
  close(): void;
}

/** Opens the log to append, creating it when it is missing; `seq` continues where the file ends. */
export function openEventLog(path: string, clock: () => Date = () => new Date()): EventLog {
  const file = onDisk(path, () => {
    mkdirSync(dirname(path), { recursive: true });
    return openSync(path, 'a+');
  });
  let seq: number;
  try {
    const { line, end } = lastLine(file, path);
    if (end < fstatSync(file).size) ftruncateSync(file, end);
    seq = line === '' ? 0 : parseEvent(line, `${path}, last line`).seq + 1;
  } catch (error) {
    closeSync(file);
    throw error;
  }
  let closed = false;
  return {
    append(body) {
      const event = { seq, time: clock().toISOString(), ...body } as RunEvent;
      onDisk(path, () => appendWhole(file, Buffer.from(`${JSON.stringify(event)}\n`)));
      seq++;
      return event;
    },
    close() {
      if (!closed) closeSync(file);
      closed = true;
    },
  };
}

/**
 * All events of a log.
 *
 * @throws DataError naming the file and the line when a whole line is not an event.
 */
export function readEvents(path: string): RunEvent[] {
  let events: RunEvent[] = [];
  let held = 0;
  for (let offset = 0, atEnd = false; !atEnd; ) {
    const piece = readEventsFrom(path, offset);
    held += piece.offset - offset;
    ({ offset, atEnd } = piece);
    for (const event of piece.events) events.push(event);
    while (held > MOST_HELD_BYTES && !atEnd) {
      const before = events.length;
      events = withoutEverySecondStep(events);
      if (events.length === before)
        throw new DataError(
          `${path}: expected at most ${formatBytes(MOST_HELD_BYTES)} of events beside steps, got more`,
          'no run writes so many: the log is damaged',
        );
      held *= events.length / before;
    }
  }
  return events;
}

/** Bytes of a log that are read at a time. */
const PIECE_BYTES = 2 ** 23;
/** A longer line is damage: no event that Espalier writes is near. */
const LONGEST_LINE = 2 ** 22;
/** Bytes of the lines whose events are in memory together, where they take four times as much; from more, every second step is left out. */
const MOST_HELD_BYTES = 2 ** 25;

function withoutEverySecondStep(events: readonly RunEvent[]): RunEvent[] {
  let steps = 0;
  return events.filter(({ type }) => type !== 'step' || steps++ % 2 === 0);
}

/**
 * The next events after a byte offset, about 8 MiB of them, the offset to ask from next, and whether they reach the end: how a live log is followed.
 * @throws DataError naming the file and the place when a whole line is not an event, or is longer than 4 MiB.
 */
export function readEventsFrom(path: string, offset: number): { events: RunEvent[]; offset: number; atEnd: boolean } {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    throw new DataError(`${path}: expected an event log, got ${(error as NodeJS.ErrnoException).code ?? error}`);
  }
  try {
    const { size } = fstatSync(file);
    const bytes = readRange(file, offset, Math.min(size, offset + PIECE_BYTES));
    const where = (line: number) => `${path}, ${offset === 0 ? '' : `after byte ${offset}, `}line ${line}`;
    const { events, end } = parseEvents(bytes, where);
    const atEnd = offset + bytes.length >= size;
    if (end === 0 && bytes.length > LONGEST_LINE)
      throw new DataError(`${where(1)}: expected an event of at most ${formatBytes(LONGEST_LINE)}, got a longer line`);
    return { events, offset: offset + end, atEnd };
  } finally {
    closeSync(file);
  }
}

/**
 * The events of whole lines and the bytes that they take; `where` names the place of a line in errors.
 * @throws DataError when a whole line is not an event.
 */
export function parseEvents(bytes: Uint8Array, where: (line: number) => string): { events: RunEvent[]; end: number } {
  const end = bytes.lastIndexOf(0x0a) + 1;
  const lines = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(0, end)).split('\n').slice(0, -1);
  return { events: lines.map((line, index) => parseEvent(line, where(index + 1))), end };
}

/**
 * One line of a log. Checks what every event has; the rest is trusted, so that a newer log can still be read.
 *
 * @throws DataError naming `where` when the line is no event.
 */
export function parseEvent(line: string, where: string): RunEvent {
  let value: unknown;
  if (line.length > LONGEST_LINE)
    throw new DataError(
      `${where}: expected an event of at most ${formatBytes(LONGEST_LINE)}, got ${line.length} characters`,
    );
  try {
    value = parseJson(line);
  } catch {
    throw new DataError(`${where}: expected a JSON event, got ${JSON.stringify(line.slice(0, 60))}`);
  }
  const event = value as Partial<RunEvent> | null;
  const valid =
    typeof event === 'object' &&
    event !== null &&
    typeof event.type === 'string' &&
    Number.isSafeInteger(event.seq) &&
    typeof event.time === 'string';
  if (!valid) throw new DataError(`${where}: expected an event with type, seq and time, got ${line.slice(0, 60)}`);
  const fault = faultOf(event as Record<string, unknown>);
  if (fault !== undefined) throw new DataError(`${where}: ${fault}, got ${line.slice(0, 60)}`);
  return event as RunEvent;
}

/** The last whole line and the offset behind it, read from the end: logs grow to hundreds of megabytes. */
function lastLine(file: number, path: string): { line: string; end: number } {
  const { size } = fstatSync(file);
  for (let span = 65536; ; span *= 4) {
    const start = Math.max(0, size - span);
    const bytes = readRange(file, start, size);
    const newline = bytes.lastIndexOf(0x0a);
    if (newline < 0 && start === 0) return { line: '', end: 0 };
    if (newline < 0 && span > 2 * LONGEST_LINE)
      throw new DataError(`${path}: expected events of at most ${formatBytes(LONGEST_LINE)}, got a longer line`);
    const before = newline <= 0 ? -1 : bytes.lastIndexOf(0x0a, newline - 1);
    if (newline >= 0 && (before >= 0 || start === 0)) {
      return { line: bytes.subarray(before + 1, newline).toString('utf8'), end: start + newline + 1 };
    }
  }
}

function readRange(file: number, start: number, end: number): Buffer {
  const bytes = Buffer.alloc(Math.max(0, end - start));
  let filled = 0;
  while (filled < bytes.length) {
    const count = readSync(file, bytes, filled, bytes.length - filled, start + filled);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}
