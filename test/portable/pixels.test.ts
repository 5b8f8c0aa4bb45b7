import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as op from '../../src/engine/operators.ts';
import { fromArray, scope } from '../../src/engine/tensor.ts';
import { channelsOfImage, largestScores, resizeIds, resizeImage, toInput } from '../../src/portable/pixels.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const size = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }));
const picture = (channels: 3 | 4) =>
  size.chain(([height, width]) => bytes(height * width * channels).map((data) => ({ width, height, data })));
const first = { channels: 3, layout: 'channelsFirst', dtype: 'float32', divisor: 127.5, offset: 1 } as const;
const last = { channels: 3, layout: 'channelsLast', dtype: 'uint8', divisor: 1, offset: 0 } as const;

describe('toInput', () => {
  it('brings bytes to [-1, 1] plane by plane, or leaves them, and ignores alpha', () => {
    fc.assert(
      fc.property(fc.oneof(picture(3), picture(4)), (source) => {
        const channels = channelsOfImage(source);
        const pixels = source.width * source.height;
        const planes = toInput(source, first);
        const interleaved = toInput(source, last);
        for (let i = 0; i < pixels; i++) {
          for (let c = 0; c < 3; c++) {
            const sample = source.data[i * channels + c];
            expect(planes[c * pixels + i]).toBe(Math.fround(sample / 127.5 - 1));
            expect(interleaved[i * 3 + c]).toBe(sample);
          }
        }
      }),
    );
    expect(() => toInput({ width: 2, height: 2, data: new Uint8Array(8) }, first)).toThrow('3 or 4 samples a pixel');
  });
});

describe('largestScores', () => {
  it('finds the class that no other beats, the first of several', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 9 }),
        fc.infiniteStream(fc.integer({ min: -3, max: 3 })),
        (classes, pixels, stream) => {
          const scores = Float32Array.from({ length: classes * pixels }, () => stream.next().value);
          const ids = largestScores(scores, classes);
          for (let i = 0; i < pixels; i++) {
            const all = Array.from({ length: classes }, (_, id) => scores[id * pixels + i]);
            expect(ids[i]).toBe(all.indexOf(Math.max(...all)));
          }
        },
      ),
    );
  });
});

describe('other sizes', () => {
  it('a picture is resized as the engine does, to the nearest byte', () => {
    fc.assert(
      fc.property(picture(3), size, (source, to) => {
        const { width, height, data } = source;
        const wanted = scope(() => {
          const tensor = fromArray(Float32Array.from(data), [1, height, width, 3]);
          const resized = op.resize(op.permute(tensor, [0, 3, 1, 2]), to);
          return op.contiguous(op.permute(resized, [0, 2, 3, 1])).data() as Float32Array;
        });
        resizeImage(source, to).data.forEach(
          (value, i) => void expect(Math.abs(value - wanted[i])).toBeLessThan(0.501),
        );
      }),
    );
  });

  it('a class map gets the nearest class: no new ones, corners stay, and enlarging by whole numbers comes back', () => {
    fc.assert(
      fc.property(
        size.chain((from) => fc.tuple(fc.constant(from), bytes(from[0] * from[1]))),
        size,
        ([from, ids], to) => {
          const resized = resizeIds(ids, from, to);
          expect(resized).toHaveLength(to[0] * to[1]);
          for (const id of resized) expect(ids).toContain(id);
          expect(resized[0]).toBe(ids[0]);
          if (to[0] > 1 && to[1] > 1) expect(resized.at(-1)).toBe(ids.at(-1));
          const doubled = from.map((length) => 2 * length - 1);
          expect(resizeIds(resizeIds(ids, from, doubled), doubled, from)).toEqual(ids);
        },
      ),
    );
  });
});
