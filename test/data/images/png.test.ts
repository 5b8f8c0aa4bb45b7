/** @file Every file of PngSuite against the hashes of its raw samples; writing and reading back; damage never escapes as another error. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { decode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../../src/base/errors.ts';
import { decodePng, encodePng } from '../../../src/data/images/png.ts';
import { hasRealData, realData } from '../realData.ts';

interface Expected {
  error?: string;
  width: number;
  height: number;
  bitDepth: number;
  channels: number;
  palette?: number;
  sha256: string;
}

describe.skipIf(!hasRealData)('PngSuite', () => {
  const expected = hasRealData
    ? (JSON.parse(readFileSync(realData('formats/png/expected.json'), 'utf8')) as Record<string, Expected>)
    : {};
  const names = Object.keys(expected);

  it('has 160 valid and 14 corrupt files', () => {
    expect(names.filter((name) => expected[name].error === undefined).length).toBe(160);
    expect(names.length).toBe(174);
  });

  it('decodes every valid file to the expected raw samples', () => {
    for (const name of names) {
      const want = expected[name];
      if (want.error !== undefined) continue;
      const got = decodePng(readFileSync(realData('formats/png', name)), name);
      const { width, height, channels, bitDepth } = got;
      expect({ name, width, height, channels, bitDepth }).toEqual({
        name,
        width: want.width,
        height: want.height,
        channels: want.channels,
        bitDepth: want.bitDepth,
      });
      const samples = new Uint8Array(Uint16Array.from(got.data).buffer);
      expect(`${name} ${createHash('sha256').update(samples).digest('hex')}`).toBe(`${name} ${want.sha256}`);
    }
  });

  it('refuses every corrupt file with an error that names it', () => {
    for (const name of names) {
      if (expected[name].error === undefined) continue;
      const bytes = readFileSync(realData('formats/png', name));
      expect(() => decodePng(bytes, name), name).toThrow(DataError);
      expect(() => decodePng(bytes, name), name).toThrow(name);
    }
  });

  it('fails with a DataError or decodes, whatever bytes are damaged', () => {
    const bytes = readFileSync(realData('formats/png/basn3p08.png'));
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.nat(bytes.length), (at, value, cut) => {
        const damaged = new Uint8Array(bytes.subarray(0, cut));
        if (at < cut) damaged[at] = value;
        try {
          decodePng(damaged, 'damaged.png');
        } catch (error) {
          expect(error).toBeInstanceOf(DataError);
        }
      }),
    );
  });
});

describe('encodePng', () => {
  const pictures = fc
    .record({
      width: fc.integer({ min: 1, max: 9 }),
      height: fc.integer({ min: 1, max: 9 }),
      channels: fc.constantFrom(1, 3),
    })
    .chain(({ width, height, channels }) => {
      const size = { minLength: width * height * channels, maxLength: width * height * channels };
      return fc
        .oneof(fc.uint8Array(size), fc.uint16Array(size))
        .map((data) => ({ width, height, channels: channels as 1 | 3, data }));
    });

  it('is undone by decodePng, and read alike by fast-png', () => {
    fc.assert(
      fc.property(pictures, (picture) => {
        const bytes = encodePng(picture);
        expect(decodePng(bytes, 'x')).toEqual({ ...picture, bitDepth: 8 * picture.data.BYTES_PER_ELEMENT });
        expect(decode(bytes, { checkCrc: true }).data).toEqual(picture.data);
      }),
    );
  });

  it('keeps indices and palette', () => {
    const bytes = encodePng({ width: 3, height: 1, channels: 1, data: Uint8Array.of(0, 1, 1) }, [
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const raster = decodePng(bytes, 'x');
    expect([...raster.data]).toEqual([0, 1, 1]);
    expect([...(raster.palette ?? [])]).toEqual([1, 2, 3, 4, 5, 6]);
    const wide = { width: 1, height: 1, channels: 1, data: Uint16Array.of(1) } as const;
    expect(() => encodePng(wide, [[1, 2, 3]])).toThrow(/over 1 channel of 8 bits, got 1 over 1 of 16/);
  });

  it('refuses a header that promises too much before allocating', () => {
    const bytes = encodePng({ width: 1, height: 1, channels: 1, data: Uint8Array.of(7) });
    const huge = decodePng.bind(undefined, withSize(bytes, 0x7fffffff, 0x7fffffff), 'huge.png');
    expect(huge).toThrow(/huge\.png: expected 1 to 134217728 pixels .*, got 2147483647x2147483647/);
    expect(decodePng.bind(undefined, withSize(bytes, 8000, 8000), 'large.png')).toThrow(/large\.png: holds 2 bytes/);
  });
});

/** The same PNG with another size in its header and a right checksum. */
function withSize(bytes: Uint8Array, width: number, height: number): Uint8Array {
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  view.setUint32(16, width);
  view.setUint32(20, height);
  let c = 0xffffffff;
  for (let i = 12; i < 29; i++) {
    c ^= copy[i];
    for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  }
  view.setUint32(29, (c ^ 0xffffffff) >>> 0);
  return copy;
}
