/** @file A slider through the epochs that follows a live run until somebody moves it. */
import { signal } from '@preact/signals';
import { type Architecture, architecturesOf } from '../architecture.ts';
import type { LoadedRun } from '../state.ts';
import { Slider } from './states.tsx';

/** Epoch that is looked at; undefined follows the newest. */
const chosen = signal<{ run: string; epoch: number } | undefined>(undefined);

/** The architecture of the chosen epoch, the one before it, and the slider; undefined when the log has none. */
export function useEpochs({
  detail,
  events,
}: LoadedRun): { shown: Architecture; all: readonly Architecture[]; slider: preact.JSX.Element } | undefined {
  const all = architecturesOf(events);
  if (all.length === 0) return undefined;
  const run = detail.summary.id;
  const wanted = chosen.value?.run === run ? chosen.value.epoch : undefined;
  const found = wanted === undefined ? -1 : all.findIndex(({ epoch }) => epoch >= wanted);
  const place = found < 0 ? all.length - 1 : found;
  const slider = (
    <Slider
      name="epoch"
      value={place}
      min={0}
      max={all.length - 1}
      shown={`${all[place].epoch + 1} of ${all[all.length - 1].epoch + 1}`}
      onChange={(next) => {
        chosen.value = next === all.length - 1 ? undefined : { run, epoch: all[next].epoch };
      }}
    />
  );
  return { shown: all[place], all, slider };
}
