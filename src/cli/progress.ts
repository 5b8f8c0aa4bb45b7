/**
 * @file Progress on stderr: one line with a bar and the time left on a terminal, plain lines now and then elsewhere.
 */
import { formatDuration } from '../base/text.ts';

/** What progress is written to: `process.stderr`, or anything like it in tests. */
export interface ProgressStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** How progress is shown. */
export interface ProgressOptions {
  readonly label: string;
  /** Units of work in all. */
  readonly total: number;
  /** Whether the units mean something to a reader and are shown; default true. */
  readonly counted?: boolean;
  /** Units done before now (a resumed run): they do not count for the time left. */
  readonly initial?: number;
  readonly stream?: ProgressStream;
  /** Milliseconds, from anywhere. */
  readonly clock?: () => number;
  /** Seconds between plain lines when the stream is no terminal; 10 by default. */
  readonly intervalSeconds?: number;
}

/** Progress being shown. */
export interface Progress {
  /** Says how many units are done, and a note such as the loss. Cheap: it draws ten times a second at most. */
  update(done: number, note?: string): void;
  /** Prints a line above the bar. */
  print(line: string): void;
  /** Draws the last state and ends the line; later calls do nothing. */
  finish(note?: string): void;
}

const redrawMilliseconds = 100;
const barWidth = 24;

/** Starts to show progress; draws nothing before the first update. */
export function createProgress(options: ProgressOptions): Progress {
  const {
    label,
    total,
    counted = true,
    initial = 0,
    stream = process.stderr,
    clock = Date.now,
    intervalSeconds = 10,
  } = options;
  const terminal = stream.isTTY === true;
  const pause = terminal ? redrawMilliseconds : intervalSeconds * 1000;
  const start = clock();
  let done = initial;
  let note = '';
  let drawnAt = terminal ? Number.NEGATIVE_INFINITY : start;
  let onLine = false;
  let finished = false;

  const draw = (now: number) => {
    drawnAt = now;
    const text = progressLine({
      label,
      total,
      counted,
      initial,
      done,
      note,
      seconds: (now - start) / 1000,
      bar: terminal,
    });
    if (terminal) stream.write(`\r\u001b[2K${text.slice(0, Math.max(10, (stream.columns ?? 80) - 1))}`);
    else stream.write(`${text}\n`);
    onLine = terminal;
  };

  return {
    update(units, newNote) {
      if (finished) return;
      done = units;
      if (newNote !== undefined) note = newNote;
      const now = clock();
      if (now - drawnAt >= pause) draw(now);
    },
    print(line) {
      stream.write(onLine ? `\r\u001b[2K${line}\n` : `${line}\n`);
      if (onLine && !finished) draw(clock());
    },
    finish(newNote) {
      if (finished) return;
      if (newNote !== undefined) note = newNote;
      draw(clock());
      if (terminal) stream.write('\n');
      onLine = false;
      finished = true;
    },
  };
}

interface LineState {
  readonly label: string;
  readonly total: number;
  readonly counted?: boolean;
  readonly initial: number;
  readonly done: number;
  readonly note: string;
  readonly seconds: number;
  readonly bar: boolean;
}

/** One line: `search [=====>    ] 20/100  20 %  3 min 05 s left  loss 1.2`. */
export function progressLine(state: LineState): string {
  const { label, total, counted = true, initial, done, note, seconds, bar } = state;
  const share = total > 0 ? Math.min(1, Math.max(0, done / total)) : 1;
  const filled = Math.round(share * barWidth);
  const drawing = `[${'='.repeat(filled)}${' '.repeat(barWidth - filled)}] `;
  const left = ((total - done) * seconds) / (done - initial);
  const time = done >= total ? formatDuration(seconds) : done > initial ? `${formatDuration(left)} left` : '';
  const parts = [`${Math.floor(100 * share)} %`, time, note].filter((part) => part !== '');
  return `${label} ${bar ? drawing : ''}${counted ? `${done}/${total}  ` : ''}${parts.join('  ')}`;
}
