/** @file Round trips, the format to the byte, and damaged files: always a DataError that names the file. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError, ShapeError } from '../../src/base/errors.ts';
import {
  readSafetensors,
  type StoredDtype,
  type StoredTensor,
  storedDtypeBytes,
  writeSafetensors,
} from '../../src/run/safetensors.ts';

const kinds: StoredDtype[] = [
  'float32',
  'float64',
  'int64',
  'int32',
  'int16',
  'int8',
  'uint8',
  'bool',
  'bfloat16',
  'float16',
];
const tensor = fc
  .record({ dtype: fc.constantFrom(...kinds), shape: fc.array(fc.nat(4), { maxLength: 3 }) })
  .chain(({ dtype, shape }) => {
    const length = shape.reduce((a, b) => a * b, storedDtypeBytes(dtype));
    return fc
      .uint8Array({ minLength: length, maxLength: length })
      .map((data): StoredTensor => ({ dtype, shape, data }));
  });
const name = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((text) => text !== '__metadata__');
const tensors = fc.dictionary(name, tensor, { maxKeys: 6 });
const metadata = fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 });

function fileOf(header: unknown, dataBytes: number): Uint8Array {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = Buffer.alloc(8 + json.length + dataBytes);
  bytes.writeBigUInt64LE(BigInt(json.length));
  json.copy(bytes, 8);
  return bytes;
}
const entry = (begin: number, end: number, shape = [end - begin]) => ({
  dtype: 'U8',
  shape,
  data_offsets: [begin, end],
});

describe('safetensors', () => {
  it('comes back as it was, wherever the bytes lie in memory', () => {
    fc.assert(
      fc.property(tensors, metadata, fc.nat(9), (content, extra, shift) => {
        const written = writeSafetensors(content, extra);
        const moved = new Uint8Array(written.length + shift).subarray(shift);
        moved.set(written);
        const back = readSafetensors(moved, 'a.safetensors');
        expect(Object.keys(back.tensors).sort()).toEqual(Object.keys(content).sort());
        for (const [key, value] of Object.entries(back.tensors)) {
          expect(value.dtype).toBe(content[key].dtype);
          expect(value.shape).toEqual([...content[key].shape]);
          expect([...value.data]).toEqual([...content[key].data]);
          expect(value.data.byteOffset % storedDtypeBytes(value.dtype)).toBe(0);
        }
        expect(Object.entries(back.metadata).sort()).toEqual(Object.entries(extra).sort());
      }),
    );
  });

  it('writes the documented bytes, independent of the order of the record', () => {
    const a: StoredTensor = { dtype: 'uint8', shape: [3], data: Uint8Array.of(1, 2, 3) };
    const b: StoredTensor = { dtype: 'float32', shape: [], data: new Uint8Array(Float32Array.of(1).buffer) };
    const bytes = writeSafetensors({ a, b });
    expect(Buffer.from(bytes)).toEqual(Buffer.from(writeSafetensors({ b, a })));
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(length % 8).toBe(0);
    expect(
      Buffer.from(bytes.subarray(8, 8 + length))
        .toString()
        .trimEnd(),
    ).toBe('{"b":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[3],"data_offsets":[4,7]}}');
    expect([...bytes.subarray(8 + length)]).toEqual([0, 0, 0x80, 0x3f, 1, 2, 3]);
  });

  it('reads and writes what the reference implementation wrote (Python safetensors 0.8.0)', () => {
    const header =
      '{"__metadata__":{"k":"v"},"e":{"dtype":"I64","shape":[0,4],"data_offsets":[0,0]},' +
      '"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}}     ';
    const length = Buffer.from('c000000000000000', 'hex');
    const reference = Buffer.concat([length, Buffer.from(header), Buffer.from('0000803f00000040010203', 'hex')]);
    const { tensors, metadata } = readSafetensors(reference, 'reference');
    expect(new Float32Array(tensors.b.data.slice().buffer)).toEqual(Float32Array.of(1, 2));
    expect(tensors.e.shape).toEqual([0, 4]);
    expect(Buffer.from(writeSafetensors(tensors, metadata))).toEqual(reference);
  });

  it('refuses any truncated file', () => {
    fc.assert(
      fc.property(tensors, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (content, share) => {
        const written = writeSafetensors(content);
        const cut = written.subarray(0, Math.floor(share * written.length));
        expect(() => readSafetensors(cut, 'cut.safetensors')).toThrow(DataError);
        expect(() => readSafetensors(cut, 'cut.safetensors')).toThrow(/^cut\.safetensors, offset \d+: /);
      }),
    );
  });

  it('meets random damage with a DataError or a valid file, never with anything else', () => {
    const damage = fc.array(fc.record({ at: fc.nat(), value: fc.nat(255) }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(tensors, damage, (content, changes) => {
        const bytes = writeSafetensors(content);
        for (const { at, value } of changes) bytes[at % bytes.length] = value;
        try {
          readSafetensors(bytes, 'x');
        } catch (error) {
          expect(error).toBeInstanceOf(DataError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['a short file', new Uint8Array(7), /at least 8 bytes/],
    ['an empty header', fileOf('', 0), /begins with "\{"/],
    ['a huge header', Uint8Array.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]), /at most 33554432/],
    ['a header beyond the file', Uint8Array.from([9, 0, 0, 0, 0, 0, 0, 0, 0x7b]), /expected a header of 9 bytes/],
    ['a list', fileOf('[]', 0), /begins with/],
    ['broken JSON', fileOf('{"a":', 0), /expected a JSON header/],
    ['a gap', fileOf({ a: entry(1, 2) }, 2), /offset \d+: tensor "a".*a gap/],
    ['an overlap', fileOf({ a: entry(0, 2), b: entry(1, 3) }, 3), /tensor "b".*an overlap/],
    ['spare bytes', fileOf({ a: entry(0, 2) }, 3), /expected 2 bytes of data, got 3/],
    ['data outside', fileOf({ a: entry(0, 9) }, 3), /within 3 bytes/],
    ['a wrong length', fileOf({ a: entry(0, 3, [2]) }, 3), /expected 2 bytes for uint8/],
    ['an overflow', fileOf({ a: entry(0, 3, [2 ** 40, 2 ** 40]) }, 3), /shape that fits/],
    ['a negative size', fileOf({ a: entry(0, 1, [-1, -1]) }, 1), /shape of whole numbers/],
    ['a fraction', fileOf({ a: entry(0, 1, [0.5, 2]) }, 1), /shape of whole numbers/],
    ['backward offsets', fileOf({ a: entry(1, 0, [1]) }, 1), /data_offsets within/],
    ['an unknown dtype', fileOf({ a: { ...entry(0, 1), dtype: 'U9' } }, 1), /dtype of F64/],
    ['a further key', fileOf({ a: { ...entry(0, 1), stride: 1 } }, 1), /got "stride"/],
    ['metadata of numbers', fileOf({ __metadata__: { a: 1 } }, 0), /__metadata__/],
    ['an entry that is null', fileOf({ a: null }, 0), /expected an object/],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => readSafetensors(bytes, 'f')).toThrow(DataError);
    expect(() => readSafetensors(bytes, 'f')).toThrow(message);
  });

  const long = 'x'.repeat(20_000);
  it.each<[string, Uint8Array]>([
    ['name', fileOf({ [long]: null }, 0)],
    ['dtype', fileOf({ a: { ...entry(0, 1), dtype: long } }, 1)],
    ['shape', fileOf({ a: entry(0, 1, Array(20_000).fill(-1)) }, 1)],
    ['shape of ones', fileOf({ a: entry(0, 2, Array(20_000).fill(1)) }, 2)],
    ['shape beyond numbers', fileOf({ a: entry(0, 2, Array(20_000).fill(9)) }, 2)],
    ['list of offsets', fileOf({ a: { ...entry(0, 1), data_offsets: Array(20_000).fill(1) } }, 1)],
    ['further key', fileOf({ a: { ...entry(0, 1), [long]: 1 } }, 1)],
  ])('refuses a %s of 20,000 in a few words', (_, bytes) => {
    expect(() => readSafetensors(bytes, 'f')).toThrow(/^f, offset 8: .{10,300}$/);
  });

  it('refuses to write a shape that does not fit', () => {
    expect(() => writeSafetensors({ a: { dtype: 'int32', shape: [2], data: new Uint8Array(4) } })).toThrow(ShapeError);
    expect(() => writeSafetensors({ __metadata__: { dtype: 'uint8', shape: [0], data: new Uint8Array() } })).toThrow(
      ShapeError,
    );
  });
});
