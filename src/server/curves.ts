/**
 * @file The curves of many runs for one page: histories without what is no number of a curve, thinned to what a chart of many lines shows. Logs that grow are
 * read on, not again.
 */
import type { RunEvent } from '../run/events.ts';
import type { RunHistory } from './api.ts';
import { createHistory, type GrowingHistory, type HistoryLimits } from './history.ts';
import type { IndexedRun } from './runIndex.ts';
import { openInside } from './safeFiles.ts';

/** Of one run; the bytes are those of its log, which the answer does not exceed. */
const LIMITS: HistoryLimits = { steps: 300, architectures: 1, others: 300, bytes: 200_000 };
/** Runs whose curves are kept, those that were asked for last: 13 MB at most. */
const MOST_KEPT = 64;
/** About the bytes of an event of which only numbers are left. */
const PLAIN_BYTES = 300;
const LONGEST_TEXT = 40;

interface Kept {
  readonly generation: number;
  readonly growing: GrowingHistory;
  /** The reading that is under way: two at once would take the same lines in twice. */
  reading: Promise<void>;
}

/** The curves of runs, of which some are kept. */
export interface Curves {
  /** Undefined where the run has no log that may be read. */
  of(run: Pick<IndexedRun, 'id' | 'path' | 'generation'>): Promise<RunHistory | undefined>;
}

/** Holds nothing at first. */
export function createCurves(): Curves {
  const kept = new Map<string, Kept>();
  return {
    async of({ id, path, generation }) {
      const known = kept.get(id);
      const entry: Kept =
        known?.generation === generation
          ? known
          : { generation, growing: createHistory(LIMITS, pick), reading: Promise.resolve() };
      // The newest last.
      kept.delete(id);
      kept.set(id, entry);
      if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value as string);
      const file = await openInside(path, 'events.jsonl');
      if (file === undefined) return undefined;
      try {
        const read = entry.reading.then(() => entry.growing.readOn(file));
        entry.reading = read.catch(() => undefined);
        await read;
        return entry.growing.history();
      } finally {
        await file.close();
      }
    },
  };
}

/** Epochs and steps as they are; of starts and evaluations the numbers of curves, field by field, since there may be others; nothing else. */
function pick(event: RunEvent, bytes: number): readonly [RunEvent, number] | undefined {
  if (event.type === 'step' || event.type === 'epoch') return [event, bytes];
  const place = { seq: event.seq, time: event.time.slice(0, LONGEST_TEXT) };
  if (event.type === 'start') {
    const { resumedEpoch, resumedStep } = event;
    const resumed = { ...maybeNumber('resumedEpoch', resumedEpoch), ...maybeNumber('resumedStep', resumedStep) };
    return [{ ...place, type: 'start', command: '', config: {}, versions: {}, ...resumed }, PLAIN_BYTES];
  }
  if (event.type !== 'evaluation') return undefined;
  const { epoch, split, miou, pixelAccuracy, meanAccuracy, volumes } = event;
  const ofVolumes = {
    ...{ dice: numberOr(volumes?.dice), surfaceDice: numberOr(volumes?.surfaceDice) },
    ...{ hausdorff95Mm: numberOr(volumes?.hausdorff95Mm), diceByClass: [] },
  };
  const kept: RunEvent = {
    ...place,
    ...{ type: 'evaluation', split: split.slice(0, LONGEST_TEXT), iou: [], ...maybeNumber('epoch', epoch) },
    ...{ miou, pixelAccuracy, meanAccuracy },
    ...(volumes ? { volumes: ofVolumes } : {}),
  };
  return [kept, PLAIN_BYTES];
}

const numberOr = (value: unknown): number | null => (typeof value === 'number' ? value : null);

const maybeNumber = <Key extends string>(key: Key, value: unknown): { [Name in Key]?: number } =>
  typeof value === 'number' ? ({ [key]: value } as { [Name in Key]: number }) : {};
