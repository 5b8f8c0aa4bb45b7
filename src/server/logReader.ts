/**
 * @file Reads an event log piece by piece, as far as it is whole. Lines that are no events are counted and left out: a damaged log of a
 * copied run still shows what it can.
 */
import type { FileHandle } from 'node:fs/promises';
import { parseEvent } from '../run/eventLog.ts';
import type { RunEvent } from '../run/events.ts';

/** Bytes read at a time. */
const PIECE = 256 * 1024;
/** A longer line is damage to a page: no event that it shows is near. */
const LONGEST_LINE = 2 ** 20;
/** A piece with so many damaged lines is of no log: nothing behind it is read. A refusal costs more than an event. */
const MOST_DAMAGED = 100;

/** Some whole lines of a log. */
export interface LogPiece {
  readonly events: RunEvent[];
  /** Of the line of each event. */
  readonly bytes: number[];
  /** The byte behind the last line that was read. */
  readonly offset: number;
  readonly damaged: number;
  /** Whether this reached the last whole line. */
  readonly atEnd: boolean;
}

/** The events of the next whole lines after a byte, about 256 KiB of them. */
export async function readPiece(file: FileHandle, offset: number): Promise<LogPiece> {
  const { size } = await file.stat();
  for (let length = PIECE; ; length *= 4) {
    const bytes = await readBytes(file, offset, Math.min(length, size - offset));
    const end = bytes.lastIndexOf(0x0a) + 1;
    const whole = offset + bytes.length >= size;
    if (end === 0 && !whole && length < LONGEST_LINE) continue;
    if (end === 0 && !whole) return { events: [], bytes: [], offset: offset + bytes.length, damaged: 1, atEnd: false };
    const events: RunEvent[] = [];
    const sizes: number[] = [];
    let damaged = 0;
    const text = bytes.toString('utf8', 0, end);
    for (let at = 0, next = 0; at < text.length && damaged < MOST_DAMAGED; at = next + 1) {
      next = text.indexOf('\n', at);
      const line = text.slice(at, next);
      const event = maybeEvent(line);
      if (event) {
        events.push(event);
        sizes.push(line.length);
      } else damaged++;
    }
    if (damaged === MOST_DAMAGED) return { events, bytes: sizes, offset: size, damaged, atEnd: true };
    return { events, bytes: sizes, offset: offset + end, damaged, atEnd: whole };
  }
}

/** Whether a line begins at a byte: where a reader may resume. */
export async function isLineStart(file: FileHandle, offset: number): Promise<boolean> {
  if (offset === 0) return true;
  const [byte] = await readBytes(file, offset - 1, 1);
  return byte === 0x0a;
}

function maybeEvent(line: string): RunEvent | undefined {
  if (line.length > LONGEST_LINE) return undefined;
  try {
    return parseEvent(line, 'event log');
  } catch {
    return undefined;
  }
}

async function readBytes(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(Math.max(0, length));
  let filled = 0;
  while (filled < bytes.length) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}
