/**
 * @file Samples of images as a network reads them, and as people are shown them. Knows no file and no Node: trainings, predictions and pages call the same
 * functions, so that a sample is the same number everywhere.
 */
import { ShapeError } from '../../base/errors.ts';
import { fillMissing, normaliseChannel, percentile } from '../volumes/normalise.ts';
import type { Normalisation } from '../volumes/preparation.ts';
import { describeChannels, type MeasuredChannels, type Samples, sampleTypeOf } from './format.ts';

/**
 * Samples `[pixels, channels]` as numbers about zero, channel by channel. What is no number becomes 0, which is the mean.
 * @param normalisation one for each channel; `window` holds for all images, `zscore` is measured on this one.
 * @throws ShapeError when the samples are no whole pixels
 */
export function normaliseSamples(data: Samples, normalisation: readonly Normalisation[]): Float32Array {
  const channels = normalisation.length;
  if (channels === 0 || data.length % channels !== 0)
    throw new ShapeError(`expected samples of ${channels} channels, got ${data.length} samples`);
  const out = Float32Array.from(data);
  normalisation.forEach((one, channel) => {
    if (one.kind === 'window') {
      const [low, high] = one.window;
      for (let i = channel; i < out.length; i += channels) {
        const value = out[i];
        out[i] = Number.isNaN(value) ? 0 : (Math.min(high, Math.max(low, value)) - one.mean) / one.deviation;
      }
      return;
    }
    const plane = planeOf(out, channels, channel);
    fillMissing(plane, one);
    normaliseChannel(plane, one);
    for (let i = channel, from = 0; i < out.length; i += channels, from++) out[i] = plane[from];
  });
  return out;
}

/** An image in memory. */
export interface SampledImage {
  readonly width: number;
  readonly height: number;
  /** `[height, width, channels]`. */
  readonly data: Samples;
}

/** @throws ShapeError for an image of other channels, or of another type of samples: its numbers would mean something else. */
export function requireSamples({ width, height, data }: SampledImage, channels: MeasuredChannels): void {
  const { names, dtype } = channels;
  if (data.length === width * height * names.length && sampleTypeOf(data) === dtype) return;
  throw new ShapeError(
    `expected an image of ${describeChannels(channels)}, got ${data.length} samples of ${sampleTypeOf(data)} for ${width}x${height} pixels`,
  );
}

/** One channel of interleaved samples, as float32. */
function planeOf(data: Samples, channels: number, channel: number): Float32Array {
  const plane = new Float32Array(data.length / channels);
  for (let i = channel, to = 0; to < plane.length; i += channels, to++) plane[to] = data[i];
  return plane;
}

/** Shares of the samples that become black and white where an image is shown, in percent. */
const SHOWN_PERCENTILES = [0.5, 99.5] as const;

/** They are estimated from about this many samples. */
const SHOWN_SAMPLES = 2 ** 18;

/**
 * An image for people, RGB `[pixels, 3]`: three of its channels, each between its outer percentiles.
 * @param places the channels to show as red, green and blue
 */
export function showSamples(data: Samples, channels: number, places: readonly number[]): Uint8Array {
  const pixels = data.length / channels;
  const out = new Uint8ClampedArray(pixels * 3);
  const every = Math.max(1, Math.floor(pixels / SHOWN_SAMPLES));
  places.forEach((place, colour) => {
    const repeated = places.indexOf(place);
    if (repeated < colour) {
      for (let i = 0; i < pixels; i++) out[3 * i + colour] = out[3 * i + repeated];
      return;
    }
    const seen = new Float32Array(Math.ceil(pixels / every));
    let count = 0;
    for (let i = 0; i < pixels; i += every) {
      const value = data[i * channels + place];
      if (Number.isFinite(value)) seen[count++] = value;
    }
    const sorted = seen.subarray(0, count).sort();
    if (count === 0) return;
    const [low, high] = SHOWN_PERCENTILES.map((percentage) => percentile(sorted, percentage));
    const scale = 255 / (high - low || 1);
    // Bytes of a clamped array stop at 0 and 255; what is no number is 0.
    for (let i = 0; i < pixels; i++) out[3 * i + colour] = (data[i * channels + place] - low) * scale;
  });
  return new Uint8Array(out.buffer);
}
