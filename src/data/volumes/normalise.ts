/**
 * @file Intensities to numbers about zero, channel by channel; see `Normalisation` for what each kind does.
 */
import type { Normalisation } from './preparation.ts';

/** Percentiles are taken of at most so many values, evenly spread. */
const MOST_VALUES = 200_000;

/** Values of a percentage of the numbers, linear between neighbours; `sorted` ascends and is not empty. */
export function percentile(sorted: ArrayLike<number>, percentage: number): number {
  const at = (percentage / 100) * (sorted.length - 1);
  const lower = Math.floor(at);
  const upper = Math.min(sorted.length - 1, lower + 1);
  return sorted[lower] + (at - lower) * (sorted[upper] - sorted[lower]);
}

/** At most `MOST_VALUES` of the values above `floor`, evenly spread, ascending. */
export function sortedAbove(data: Float32Array, floor: number): Float32Array {
  let count = 0;
  for (const value of data) if (value > floor) count++;
  const step = Math.max(1, count / MOST_VALUES);
  const chosen = new Float32Array(Math.floor(count / step));
  for (let i = 0, seen = 0, taken = 0; i < data.length && taken < chosen.length; i++) {
    if (!(data[i] > floor)) continue;
    if (seen++ >= taken * step) chosen[taken++] = data[i];
  }
  return chosen.sort();
}

/** Above this lies the foreground of a channel: the window's lower end, else the smallest value. */
export function floorOf(data: Float32Array, normalisation: Normalisation): number {
  if (normalisation.kind === 'window') return normalisation.window[0];
  let floor = Number.POSITIVE_INFINITY;
  for (const value of data) if (value < floor) floor = value;
  return floor;
}

/**
 * Fills in place what is no number, such as what lies outside the circle of a scanner: with the floor of the channel, which is air. Returns how many
 * voxels that are; a channel without any number becomes 0.
 */
export function fillMissing(data: Float32Array, normalisation: Normalisation): number {
  let missing = 0;
  for (const value of data) if (Number.isNaN(value)) missing++;
  if (missing === 0) return 0;
  const floor = floorOf(data, normalisation);
  const fill = Number.isFinite(floor) ? floor : 0;
  for (let i = 0; i < data.length; i++) if (Number.isNaN(data[i])) data[i] = fill;
  return missing;
}

/** Normalises one channel in place, which has no NaN. A channel of one value becomes 0. */
export function normaliseChannel(data: Float32Array, normalisation: Normalisation): void {
  if (normalisation.kind === 'none') return;
  if (normalisation.kind === 'window') {
    const { window, mean, deviation } = normalisation;
    rescale(data, window, mean, deviation);
    return;
  }
  const floor = floorOf(data, normalisation);
  const values = sortedAbove(data, floor);
  if (values.length === 0) {
    data.fill(0);
    return;
  }
  const [low, high] = normalisation.percentiles.map((percentage) => percentile(values, percentage));
  let [sum, squares, count] = [0, 0, 0];
  for (const value of data) {
    if (!(value > floor)) continue;
    // Taken about `low`, so that large values with small differences lose no digits.
    const clipped = Math.min(high, Math.max(low, value)) - low;
    sum += clipped;
    squares += clipped * clipped;
    count++;
  }
  const mean = sum / count;
  const deviation = Math.sqrt(Math.max(0, squares / count - mean * mean));
  rescale(data, [low, high], mean + low, deviation || 1);
}

function rescale(data: Float32Array, [low, high]: readonly number[], mean: number, deviation: number): void {
  for (let i = 0; i < data.length; i++) data[i] = (Math.min(high, Math.max(low, data[i])) - mean) / deviation;
}
