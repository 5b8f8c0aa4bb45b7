/**
 * @file Keeps an index of runs fresh while anybody follows it, and wakes them when something changed. One timer for all of them: an idle
 * follower costs one waiting promise.
 */
import { startCost } from './lookCost.ts';
import type { RunIndex } from './runIndex.ts';

/** Milliseconds between two looks at the disk, where looks are short. */
const LOOK_EVERY = 300;
/** Where they are not, a pause is so many times as long as the look before it took of the processor: whole looks, and those at running runs, take less than 1 % of the time each. */
const PAUSE = 149;
/** New runs are found after this at the latest. */
const LONGEST_PAUSE = 60_000;
/** Silence after which a follower is woken to say that it is still there. */
const ALIVE_EVERY = 15_000;

/** An index that is followed. */
export interface Watch {
  readonly index: RunIndex;
  /** Followers now. */
  readonly followers: number;
  /** Resolves at the next change, or when it is time for a sign of life, or at once when `signal` is aborted. */
  next(signal: AbortSignal): Promise<'change' | 'alive'>;
  /** Counts a follower in until the returned function is called. */
  follow(): () => void;
  close(): void;
}

/** Starts to look only when somebody follows. */
export function createWatch(index: RunIndex, options: { lookEvery?: number; aliveEvery?: number } = {}): Watch {
  const { lookEvery = LOOK_EVERY, aliveEvery = ALIVE_EVERY } = options;
  let waiting = new Set<(reason: 'change' | 'alive') => void>();
  let followers = 0;
  let timer: NodeJS.Timeout | undefined;
  let spoke = Date.now();
  let wholeAgain = 0;
  /** Of the last whole looks. One that read new logs, as the first, or that ran beside requests says nothing of those to come: the least counts. */
  let costs = Array<number>(4).fill(0);

  const wake = (reason: 'change' | 'alive') => {
    const woken = waiting;
    waiting = new Set();
    spoke = Date.now();
    for (const resolve of woken) resolve(reason);
  };
  const look = async () => {
    const { version } = index;
    const cost = startCost();
    const isWhole = performance.now() >= wholeAgain;
    // A disk that fails for a moment is looked at again.
    await (isWhole ? index.refresh() : index.refreshRunning()).catch(() => undefined);
    const took = cost();
    // A look that was waited for is one of others, who asked for it.
    if (isWhole) {
      costs = [...costs.slice(1), Math.min(took, index.lookTook)];
      wholeAgain = performance.now() + Math.min(LONGEST_PAUSE, PAUSE * Math.min(...costs));
    }
    if (index.version !== version) wake('change');
    else if (Date.now() - spoke >= aliveEvery) wake('alive');
    const pause = isWhole ? lookEvery : Math.max(lookEvery, PAUSE * took);
    if (followers > 0) timer = setTimeout(look, pause);
    else timer = undefined;
  };

  return {
    index,
    get followers() {
      return followers;
    },
    next(signal) {
      return new Promise((resolve) => {
        const settle = (reason: 'change' | 'alive') => {
          waiting.delete(settle);
          signal.removeEventListener('abort', abort);
          resolve(reason);
        };
        const abort = () => settle('alive');
        waiting.add(settle);
        signal.addEventListener('abort', abort);
        if (signal.aborted) abort();
      });
    },
    follow() {
      followers++;
      timer ??= setTimeout(look, lookEvery);
      let following = true;
      return () => {
        if (following) followers--;
        following = false;
      };
    },
    close() {
      clearTimeout(timer);
      followers = 0;
      wake('alive');
    },
  };
}
