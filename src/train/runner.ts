/**
 * @file What searches and trainings in a run folder share: who is told, the machine set up as the settings say, checkpoints by the clock.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { NumericError } from '../base/errors.ts';
import { chooseDevice, engineFacts, threads } from '../engine/device.ts';
import type { RunStatus } from '../run/events.ts';

/** Is told how a run goes on: a progress bar, or nobody. */
export interface RunWatcher {
  /** `share` of the work that is done, in [0, 1], and a word about it. */
  progress(share: number, note: string): void;
  /** A line worth keeping. */
  line(text: string): void;
}

/** Listens to nothing. */
export const SILENT: RunWatcher = { progress: () => undefined, line: () => undefined };

/** Sets threads and device as the settings say; returns the device. */
export function prepareMachine(config: { threads: number; device: string }): string {
  threads(config.threads > 0 ? config.threads : availableParallelism());
  return chooseDevice(config.device);
}

/** Versions for the event log. */
export function versions(): Record<string, string> {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return { espalier: version, libtorch: engineFacts().version, node: process.versions.node };
}

/** How a run ended that threw: a loss that is no number is a result, anything else a failure. */
export const statusOf = (error: unknown): RunStatus => (error instanceof NumericError ? 'diverged' : 'failed');

/** Calls `save` when `minutes` have passed since it last ran, or since `saved()` was called. */
export function everyMinutes(minutes: number, save: () => void): { ask(): void; saved(): void } {
  let last = performance.now();
  return {
    ask() {
      if (performance.now() - last < minutes * 60_000) return;
      save();
      last = performance.now();
    },
    saved() {
      last = performance.now();
    },
  };
}
