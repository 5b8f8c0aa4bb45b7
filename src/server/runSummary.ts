/**
 * @file A run in one row, gathered from its events as they come: what the table of runs and the head of a run's page show.
 */
import { hostname } from 'node:os';
import { type RunEvent, type RunStatus, reachedEnd } from '../run/events.ts';
import { isGone, type LockOwner } from '../run/lock.ts';
import type { RunScore, RunState } from './api.ts';

/** What is known of a run so far. Bounded: nothing here grows with the log, or with the texts in it. */
export interface RunFacts {
  started?: string;
  updated?: string;
  seconds: number;
  epochs: number;
  /** Of the newest start, flat. */
  settings: Readonly<Record<string, string>>;
  plannedEpochs?: number;
  /** Whether a start was read: without one the log does not say what was run. */
  begun: boolean;
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

/** Costs beyond this are damage: no axis would hold them beside others. */
export const MOST_COST = 1e18;

/** Steps from which the seconds of one are estimated. */
const RECENT_STEPS = 32;
/** Silence after which a run counts as crashed: where its process cannot be asked, and where it can. */
const SILENT_MINUTES = 15;
const SILENT_MINUTES_ALIVE = 120;

export const noFacts = (): RunFacts => ({
  seconds: 0,
  epochs: 0,
  settings: {},
  begun: false,
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
  const when = short(event.time, LONGEST_TIME);
  facts.started ??= when;
  facts.updated = when;
  switch (event.type) {
    case 'start':
      facts.begun = true;
      facts.settings = flattenSettings(event.config ?? {});
      facts.plannedEpochs = typeof event.config?.epochs === 'number' ? event.config.epochs : undefined;
      facts.command = short(event.command, LONGEST_TEXT);
      facts.versions = flattenSettings(event.versions ?? {});
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
      if (event.peakBytes <= MOST_COST) facts.peakBytes = Math.max(facts.peakBytes ?? 0, event.peakBytes);
      break;
    case 'warning':
      facts.warnings++;
      break;
    case 'end':
      // A status that is not known here is that of a newer version: shown, in a few letters.
      facts.end = {
        status: short(event.status, LONGEST_TIME) as RunStatus,
        message: short(event.message, LONGEST_TEXT),
      };
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
  facts: Pick<RunFacts, 'end' | 'begun' | 'damaged'>,
  owner: LockOwner | undefined,
  now: number,
  modified: number,
): { state: RunState; message: string } {
  if (!facts.begun && facts.damaged > 0)
    return { state: 'damaged', message: `its log says nothing of a start; lines that are no events: ${facts.damaged}` };
  if (facts.end) return { state: facts.end.status, message: facts.end.message };
  const minutes = (now - modified) / 60_000;
  if (owner && isGone(owner)) return { state: 'crashed', message: `its process ${owner.pid} is gone` };
  if (minutes > (owner?.host === hostname() ? SILENT_MINUTES_ALIVE : SILENT_MINUTES))
    return { state: 'crashed', message: `silent since ${new Date(modified).toISOString().slice(0, 16)}Z` };
  return { state: 'running', message: '' };
}

/** Share done and time left at the pace since the newest start; the time is undefined before there is a pace. */
export function progressOf(facts: RunFacts): { share?: number; plannedEpochs?: number; secondsLeft?: number } {
  const planned = facts.plannedEpochs;
  const ended = facts.end !== undefined && reachedEnd(facts.end.status);
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

/** Settings beyond this number, depth and length are not shown: a log may be anybody's. */
const MOST_SETTINGS = 500;
const DEEPEST_SETTING = 8;
const LONGEST_KEY = 200;
/** Characters of all settings of a run together. */
const MOST_CHARACTERS = 100_000;
const LONGEST_TEXT = 2000;
const LONGEST_TIME = 40;

/** Nested settings as one level of texts: `weights.learningRate`; bounded in number, depth and length. */
export function flattenSettings(value: Readonly<Record<string, unknown>>): Record<string, string> {
  const flat: Record<string, string> = {};
  let left = MOST_SETTINGS;
  let characters = 0;
  const add = (group: Readonly<Record<string, unknown>>, prefix: string, depth: number) => {
    for (const [key, item] of Object.entries(group)) {
      if (left <= 0 || characters > MOST_CHARACTERS) return;
      const path = short(prefix + short(key, LONGEST_KEY), LONGEST_KEY);
      const isGroup = typeof item === 'object' && item !== null && !Array.isArray(item);
      if (isGroup && depth < DEEPEST_SETTING) add(item as Record<string, unknown>, `${path}.`, depth + 1);
      else {
        left--;
        flat[path] = short(typeof item === 'string' ? item : isGroup ? '{...}' : textOf(item), LONGEST_TEXT);
        characters += path.length + flat[path].length;
      }
    }
  };
  add(value, '', 1);
  return flat;
}

const textOf = (item: unknown): string => JSON.stringify(item) ?? String(item);

/** A text of at most so many characters. */
const short = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

function scoreOf(metrics: Readonly<Record<string, number | null | undefined>>, epoch?: number): RunScore | undefined {
  const { miou, dice } = metrics;
  const when = epoch === undefined ? {} : { epoch };
  if (isShare(dice)) return { name: 'Dice', value: dice, ...when };
  return isShare(miou) ? { name: 'mIoU', value: miou, ...when } : undefined;
}

/** What is none is damage: no axis would hold it beside others. */
const isShare = (value: number | null | undefined): value is number =>
  typeof value === 'number' && value >= 0 && value <= 1;

const betterScore = (a: RunScore | undefined, b: RunScore | undefined): RunScore | undefined =>
  a && b ? (b.value > a.value ? b : a) : (a ?? b);
