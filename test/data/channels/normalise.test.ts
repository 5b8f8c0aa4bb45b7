/** @file Channels become numbers about zero, the same ones for every image; pages and Node call the same functions. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normaliseSamples, showSamples } from '../../../src/data/channels/normalise.ts';
import { createChannelStatistics, normalisationOf } from '../../../src/data/channels/statistics.ts';
import type { Normalisation } from '../../../src/data/volumes/preparation.ts';

describe('normalisation of channels', () => {
  it('makes mean 0 and deviation 1 of every channel of the images that it was measured on', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.array(fc.integer({ min: 0, max: 65535 }), { minLength: 60, maxLength: 120 }), {
          minLength: 1,
          maxLength: 4,
        }),
        (channels, lists) => {
          const images = lists.map((list) => Uint16Array.from(list.slice(0, list.length - (list.length % channels))));
          const format = { names: Array.from({ length: channels }, (_, i) => `${i}`), dtype: 'uint16' as const };
          const statistics = createChannelStatistics(format);
          for (const image of images) statistics.add(image);
          const normalisation = normalisationOf(statistics.result(), format);
          const all = images.map((image) => normaliseSamples(image, normalisation));
          for (let channel = 0; channel < channels; channel++) {
            const values = all.flatMap((image) => [...image].filter((_, i) => i % channels === channel));
            const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
            const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
            expect(mean).toBeCloseTo(0, 3);
            // A channel of one value has no deviation.
            expect(Math.abs(variance - 1) < 1e-3 || variance === 0).toBe(true);
          }
        },
      ),
    );
  });

  it('is one window for all images: a brighter one stays brighter', () => {
    const window: Normalisation = { kind: 'window', window: [0, 1000], mean: 500, deviation: 250 };
    expect([...normaliseSamples(Uint16Array.of(0, 500, 1000, 5000), [window])]).toEqual([-2, 0, 2, 2]);
  });

  it('clips what is far outside of 16 bits and floats, and nothing of bytes', () => {
    const ramp = Uint16Array.from({ length: 10_000 }, (_, i) => 1000 + (i % 100));
    ramp[5] = 65535;
    const format = { names: ['a'], dtype: 'uint16' as const };
    const statistics = createChannelStatistics(format);
    statistics.add(ramp);
    const [one] = normalisationOf(statistics.result(), format);
    expect(one).toMatchObject({ kind: 'window', window: [1000, 1099] });
    const bytes = createChannelStatistics({ names: ['a'], dtype: 'uint8' });
    bytes.add(Uint8Array.from({ length: 10_000 }, (_, i) => (i === 0 ? 255 : i % 2)));
    expect(normalisationOf(bytes.result(), { dtype: 'uint8' })[0]).toMatchObject({ window: [0, 255] });
  });

  it('makes 0 of what is no number, and of a channel without any', () => {
    const format = { names: ['a', 'b'], dtype: 'float32' as const };
    const statistics = createChannelStatistics(format);
    const data = Float32Array.of(1, Number.NaN, 3, Number.NaN, Number.NaN, Number.NaN);
    statistics.add(data);
    const out = normaliseSamples(data, normalisationOf(statistics.result(), format));
    expect([...out].every(Number.isFinite)).toBe(true);
    expect([...out.filter((_, i) => i % 2 === 1)]).toEqual([0, 0, 0]);
    expect(out[4]).toBe(0);
    expect(out[0]).toBeCloseTo(-1, 2);
  });

  it('is measured on the image itself as a z-score, as of volumes', () => {
    const data = Uint16Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? 100 + i : 7));
    const zscore: Normalisation = { kind: 'zscore', percentiles: [0, 100] };
    const out = normaliseSamples(data, [zscore, { kind: 'none' }]);
    const first = [...out.filter((_, i) => i % 2 === 0)].slice(1);
    expect(first.reduce((sum, value) => sum + value, 0) / first.length).toBeCloseTo(0, 4);
    expect(out[1]).toBe(7);
  });

  it('refuses samples that are no whole pixels', () => {
    expect(() => normaliseSamples(new Uint8Array(7), [{ kind: 'none' }, { kind: 'none' }])).toThrow(
      /of 2 channels, got 7/,
    );
  });
});

describe('showSamples', () => {
  it('stretches each channel between its percentiles, and shows the chosen ones', () => {
    const data = Float32Array.from({ length: 4 * 1000 }, (_, i) => (i % 4 === 3 ? 5 : (i >> 2) * 10 ** (i % 4)));
    const shown = showSamples(data, 4, [2, 0, 3]);
    expect(shown).toHaveLength(3000);
    expect([shown[0], shown[1], shown[2]]).toEqual([0, 0, 0]);
    expect([shown[2997], shown[2998], shown[2999]]).toEqual([255, 255, 0]);
    expect(shown[1500]).toBeCloseTo(128, -1);
  });
});
