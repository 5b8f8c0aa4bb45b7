/**
 * @file The normalisation of channels, measured on training images: clipped to the outer percentiles of all images, then mean 0 and deviation 1. One window
 * for all images, so that a brighter image stays brighter.
 */
import { percentile } from '../volumes/normalise.ts';
import type { Normalisation } from '../volumes/preparation.ts';
import type { ImageChannels, Samples, SampleType } from './format.ts';

/** Images that are measured, evenly spread. */
export const MEASURED_IMAGES = 64;

/** Samples that are kept of an image and channel at most, evenly spread, and of all together. */
const SAMPLES_AN_IMAGE = 20_000;
const SAMPLES_IN_ALL = 2 ** 23;

/** Samples outside are clipped, in percent: single bright or dead pixels must not set the deviation. Bytes have no such range. */
const CLIPPED = [0.1, 99.9] as const;

/** What the samples of a channel are like; NaN everywhere where there is none. */
export interface ChannelStatistics {
  readonly name: string;
  /** Percentiles 0.1, 50 and 99.9. */
  readonly low: number;
  readonly median: number;
  readonly high: number;
  /** Of the samples clipped to `low` and `high`; of bytes of the samples themselves. */
  readonly mean: number;
  readonly deviation: number;
}

/** Gathers statistics of up to `MEASURED_IMAGES` images; of more it takes more memory. */
export function createChannelStatistics({ names, dtype }: Pick<ImageChannels, 'names' | 'dtype'>) {
  const channels = names.length;
  const most = Math.max(64, Math.min(SAMPLES_AN_IMAGE, Math.floor(SAMPLES_IN_ALL / (channels * MEASURED_IMAGES))));
  const parts: Float32Array[][] = names.map(() => []);
  return {
    /** Adds an image `[pixels, channels]`. */
    add(data: Samples): void {
      const pixels = data.length / channels;
      const step = Math.max(1, pixels / most);
      for (let channel = 0; channel < channels; channel++) {
        const kept = new Float32Array(Math.floor(pixels / step));
        let count = 0;
        for (let i = 0; i < kept.length; i++) {
          const value = data[Math.floor(i * step) * channels + channel];
          if (Number.isFinite(value)) kept[count++] = value;
        }
        parts[channel].push(kept.subarray(0, count));
      }
    },
    /** The statistics of what was added, one for each channel. */
    result: (): ChannelStatistics[] => names.map((name, channel) => ({ name, ...measure(parts[channel], dtype) })),
  };
}

function measure(parts: readonly Float32Array[], dtype: SampleType): Omit<ChannelStatistics, 'name'> {
  const sorted = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    sorted.set(part, at);
    at += part.length;
  }
  sorted.sort();
  if (sorted.length === 0) {
    const none = Number.NaN;
    return { low: none, median: none, high: none, mean: none, deviation: none };
  }
  const [low, median, high] = [CLIPPED[0], 50, CLIPPED[1]].map((percentage) => percentile(sorted, percentage));
  const clip = dtype === 'uint8' ? (value: number) => value : (value: number) => Math.min(high, Math.max(low, value));
  let sum = 0;
  for (const value of sorted) sum += clip(value);
  const mean = sum / sorted.length;
  let squares = 0;
  for (const value of sorted) squares += (clip(value) - mean) ** 2;
  return { low, median, high, mean, deviation: Math.sqrt(squares / sorted.length) };
}

/** The window of each channel. A channel of one value, or without any number, becomes 0. */
export const normalisationOf = (
  statistics: readonly ChannelStatistics[],
  { dtype }: Pick<ImageChannels, 'dtype'>,
): Normalisation[] =>
  statistics.map(({ low, high, mean, deviation }) => {
    if (Number.isNaN(mean)) return { kind: 'window', window: [0, 0], mean: 0, deviation: 1 };
    const window: [number, number] = dtype === 'uint8' ? [0, 255] : [low, high];
    return { kind: 'window', window, mean, deviation: deviation || 1 };
  });
