/**
 * @file The history of a run in bounded size: every event that counts, but of the many steps and architectures as many as a page can show.
 */
import type { FileHandle } from 'node:fs/promises';
import type { RunEvent } from '../run/events.ts';
import { isKept } from '../run/tables/repeats.ts';
import type { RunHistory } from './api.ts';
import { readPiece } from './logReader.ts';
import { createThinner } from './thinner.ts';

/** At most so many events of a kind are sent. */
export interface HistoryLimits {
  /** About; of every stretch the steps of the lowest and of the highest loss stay. */
  readonly steps: number;
  /** These are large: every alpha and beta. */
  readonly architectures: number;
  readonly others: number;
  /** Of all events of a kind together, about. */
  readonly bytes: number;
}

export const HISTORY_LIMITS: HistoryLimits = { steps: 3000, architectures: 300, others: 1500, bytes: 8e6 };

/** A history that grows with its log. */
export interface GrowingHistory {
  /** Takes in what was added to the log since the last call. One call at a time. */
  readOn(file: FileHandle): Promise<void>;
  history(): RunHistory;
}

/** An event as it is kept, and about the bytes that it takes; undefined where it is left out. */
export type Pick = (event: RunEvent, bytes: number) => readonly [event: RunEvent, bytes: number] | undefined;

/** An empty history; its memory stays bounded whatever is read. `pick` says what is kept of every event: by default all of it. */
export function createHistory(
  limits: HistoryLimits = HISTORY_LIMITS,
  pick: Pick = (event, bytes) => [event, bytes],
): GrowingHistory {
  const kinds = new Map<RunEvent['type'], ReturnType<typeof createThinner>>();
  let offset = 0;
  let total = 0;
  const add = (event: RunEvent, bytes: number) => {
    if (event.type === 'start') for (const thinner of kinds.values()) thinner.keep((earlier) => isKept(earlier, event));
    let thinner = kinds.get(event.type);
    if (thinner === undefined) {
      thinner = createThinner(limitOf(event.type, limits), limits.bytes);
      kinds.set(event.type, thinner);
    }
    thinner.add(event, bytes);
  };
  return {
    async readOn(file) {
      for (let atEnd = false; !atEnd; ) {
        const piece = await readPiece(file, offset);
        ({ offset, atEnd } = piece);
        total += piece.events.length;
        for (const [i, event] of piece.events.entries()) {
          const picked = pick(event, piece.bytes[i]);
          if (picked) add(...picked);
        }
      }
    },
    history() {
      const events = [...kinds.values()].flatMap((thinner) => thinner.events()).sort((a, b) => a.seq - b.seq);
      return { events, offset, total };
    },
  };
}

/** Reads a log through. */
export async function readHistory(file: FileHandle, limits: HistoryLimits = HISTORY_LIMITS): Promise<RunHistory> {
  const growing = createHistory(limits);
  await growing.readOn(file);
  return growing.history();
}

const limitOf = (type: RunEvent['type'], { steps, architectures, others }: Omit<HistoryLimits, 'bytes'>): number =>
  type === 'step' ? steps : type === 'architecture' ? architectures : others;
