/**
 * @file A run in one row, gathered from its events as they come: what the table of runs and the head of a run's page show.
 */
import { hostname } from 'node:os';
import type { RunEvent, RunStatus } from '../run/events.ts';
import { isGone, type LockOwner } from '../run/lock.ts';
import type { RunScore, RunState } from './api.ts';

/** What is known of a run so far. Bounded: nothing here grows with the log. */
export interface RunFacts {
  started?: string;
  updated?: string;
  seconds: number;
  epochs: number;
  config: Readonly<Record<string, unknown>>;
  command?: string;
  versions: Readonly<Record<string, string>>;
  end?: { readonly status: RunStatus; readonly message: string };
  share?: number;
  /** Where the newest start began, for the pace. */
  pace?: { readonly time: number; readonly share: number };
  /** Times of the last steps, milliseconds. */
  stepTimes: number[];
  peakBytes?: number;
  score?: RunScore;
  warnings: number;
  damaged: number;
}

/** Steps from which the seconds of one are estimated. */
const RECENT_STEPS = 32;
/** Silence after which a run counts as crashed: where its process cannot be asked, and where it can. */
const SILENT_MINUTES = 15;
const SILENT_MINUTES_ALIVE = 120;

export const noFacts = (): RunFacts => ({
  seconds: 0,
  epochs: 0,
  config: {},
  versions: {},
  stepTimes: [],
  warnings: 0,
  damaged: 0,
});

/** Takes the next event in. */
export function gather(facts: RunFacts, event: RunEvent): void {
  const time = Date.parse(event.time);
  const passed = facts.updated === undefined || event.type === 'start' ? 0 : time - Date.parse(facts.updated);
  // A clock that was set back takes nothing away.
  if (passed > 0) facts.seconds += passed / 1000;
  facts.started ??= event.time;
  facts.updated = event.time;
  switch (event.type) {
    case 'start':
      facts.config = event.config ?? {};
      facts.command = event.command;
      facts.versions = event.versions ?? {};
      facts.end = undefined;
      facts.pace = undefined;
      facts.stepTimes = [];
      if (event.resumedEpoch !== undefined) facts.epochs = Math.min(facts.epochs, event.resumedEpoch);
      break;
    case 'step':
      facts.stepTimes.push(time);
      if (facts.stepTimes.length > RECENT_STEPS) facts.stepTimes.shift();
      if (typeof event.share === 'number') {
        facts.share = event.share;
        facts.pace ??= { time, share: event.share };
      }
      break;
    case 'epoch':
      facts.epochs = Math.max(facts.epochs, event.epoch + 1);
      facts.score = betterScore(facts.score, scoreOf(event.metrics ?? {}, event.epoch));
      break;
    case 'evaluation':
      facts.score = betterScore(facts.score, scoreOf({ miou: event.miou, dice: event.volumes?.dice }, event.epoch));
      break;
    case 'memory':
      facts.peakBytes = Math.max(facts.peakBytes ?? 0, event.peakBytes);
      break;
    case 'warning':
      facts.warnings++;
      break;
    case 'end':
      facts.end = { status: event.status, message: event.message };
      break;
    case 'note':
    case 'ranks':
    case 'architecture':
    case 'checkpoint':
      break;
    default:
      // A newer log may hold events that this program does not know.
      event satisfies never;
  }
}

/**
 * How a run stands, and why.
 * @param owner where the folder names one.
 * @param modified when the log was written last, like `now` in milliseconds.
 */
export function stateOf(
  facts: Pick<RunFacts, 'end'>,
  owner: LockOwner | undefined,
  now: number,
  modified: number,
): { state: RunState; message: string } {
  if (facts.end) return { state: facts.end.status, message: facts.end.message };
  const minutes = (now - modified) / 60_000;
  if (owner && isGone(owner)) return { state: 'crashed', message: `its process ${owner.pid} is gone` };
  if (minutes > (owner?.host === hostname() ? SILENT_MINUTES_ALIVE : SILENT_MINUTES))
    return { state: 'crashed', message: `silent since ${new Date(modified).toISOString().slice(0, 16)}Z` };
  return { state: 'running', message: '' };
}

/** Share done and time left at the pace since the newest start; the time is undefined before there is a pace. */
export function progressOf(facts: RunFacts): { share?: number; plannedEpochs?: number; secondsLeft?: number } {
  const planned = typeof facts.config.epochs === 'number' ? facts.config.epochs : undefined;
  const ended = facts.end?.status === 'done';
  const share = ended ? 1 : (facts.share ?? (planned ? Math.min(1, facts.epochs / planned) : undefined));
  const known = { ...(planned ? { plannedEpochs: planned } : {}), ...(share === undefined ? {} : { share }) };
  const { pace, updated } = facts;
  if (ended || facts.end || !pace || !updated || facts.share === undefined || facts.share <= pace.share) return known;
  const passed = (Date.parse(updated) - pace.time) / 1000;
  return { ...known, secondsLeft: (passed * (1 - facts.share)) / (facts.share - pace.share) };
}

/** The median of the seconds between the last steps. */
export function stepSecondsOf({ stepTimes }: RunFacts): number | undefined {
  const gaps = stepTimes.slice(1).map((time, i) => time - stepTimes[i]);
  if (gaps.length === 0) return undefined;
  return gaps.sort((a, b) => a - b)[gaps.length >> 1] / 1000;
}

/** Nested settings as one level of texts: `weights.learningRate`. */
export function flattenSettings(value: Readonly<Record<string, unknown>>, prefix = ''): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [key, item] of Object.entries(value)) {
    if (typeof item === 'object' && item !== null && !Array.isArray(item))
      Object.assign(flat, flattenSettings(item as Record<string, unknown>, `${prefix}${key}.`));
    else flat[prefix + key] = typeof item === 'string' ? item : JSON.stringify(item);
  }
  return flat;
}

function scoreOf(metrics: Readonly<Record<string, number | null | undefined>>, epoch?: number): RunScore | undefined {
  const { miou, dice } = metrics;
  const when = epoch === undefined ? {} : { epoch };
  if (typeof dice === 'number') return { name: 'Dice', value: dice, ...when };
  return typeof miou === 'number' ? { name: 'mIoU', value: miou, ...when } : undefined;
}

const betterScore = (a: RunScore | undefined, b: RunScore | undefined): RunScore | undefined =>
  a && b ? (b.value > a.value ? b : a) : (a ?? b);
