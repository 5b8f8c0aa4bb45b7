/**
 * @file The stream that a page follows: changes of the table of runs and, for one run, every new event of its log (server-sent events).
 *
 * The id of a message is the byte of the log behind it, so a page that lost its connection continues where it stood, whatever server it finds.
 * A piece is read from the log only when the reader has taken the one before: a slow reader holds one piece in memory, an idle one nothing.
 */
import type { RunsMessage } from './api.ts';
import { isLineStart, readPiece } from './logReader.ts';
import type { IndexedRun } from './runIndex.ts';
import { openInside } from './safeFiles.ts';
import type { Watch } from './watch.ts';

/** What is followed. */
export interface StreamRequest {
  /** Id of a run; without it only the table is followed. */
  readonly run?: string;
  /** Byte of its log to resume at. */
  readonly offset: number;
}

/**
 * Messages: `runs` ({@link RunsMessage}), `events` (a list of events; its id is an offset), `reset` (the log is another one: load it
 * again), `gone` (there is no such run).
 */
export function openEventStream(watch: Watch, request: StreamRequest): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const ended = new AbortController();
  let leave: (() => void) | undefined;
  let seenVersion = -1;
  let reader: RunReader | undefined;

  const nextText = async (): Promise<string | undefined> => {
    const { index } = watch;
    if (seenVersion < index.version) {
      const since = seenVersion;
      seenVersion = index.version;
      const runs = [...index.runs.values()];
      const changed = runs.filter(({ version }) => version > since).map(({ summary }) => summary);
      return message('runs', { ids: runs.map(({ id }) => id), changed } satisfies RunsMessage);
    }
    if (reader === undefined) return undefined;
    return reader.next(index.runs.get(reader.id));
  };

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (leave === undefined) {
          leave = watch.follow();
          reader = request.run === undefined ? undefined : createRunReader(request.run, request.offset);
          await watch.index.refresh().catch(() => undefined);
          controller.enqueue(encoder.encode('retry: 1000\n\n'));
          return;
        }
        while (!ended.signal.aborted) {
          const text = await nextText();
          if (text !== undefined) return controller.enqueue(encoder.encode(text));
          const reason = await watch.next(ended.signal);
          if (reason === 'alive' && !ended.signal.aborted) return controller.enqueue(encoder.encode(': alive\n\n'));
        }
        controller.close();
      },
      cancel() {
        ended.abort();
        leave?.();
      },
    },
    { highWaterMark: 0 },
  );
}

/** Where one reader stands in the log of one run. */
interface RunReader {
  readonly id: string;
  /** The next message, or undefined when there is nothing new. */
  next(run: IndexedRun | undefined): Promise<string | undefined>;
}

function createRunReader(id: string, start: number): RunReader {
  let offset = start;
  let generation: number | undefined;
  let ended = false;
  const end = (name: string) => {
    ended = true;
    return message(name, {});
  };
  return {
    id,
    async next(run) {
      if (ended) return undefined;
      if (run === undefined) return end('gone');
      const isFirst = generation === undefined;
      generation ??= run.generation;
      if (generation !== run.generation) return end('reset');
      // The index may be behind: what a page knows comes from the file itself.
      if (offset >= run.size && !isFirst) return undefined;
      const file = await openInside(run.path, 'events.jsonl');
      if (file === undefined) return undefined;
      try {
        if (isFirst && !(await isLineStart(file, offset))) return end('reset');
        const piece = await readPiece(file, offset);
        if (piece.offset === offset) return undefined;
        offset = piece.offset;
        return message('events', piece.events, offset);
      } finally {
        await file.close();
      }
    },
  };
}

const message = (event: string, data: unknown, id?: number): string =>
  `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
