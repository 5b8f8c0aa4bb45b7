/**
 * @file The safetensors format: an 8-byte little-endian header length, a JSON header, then the bytes of the tensors without gaps.
 *
 * Reading is strict, as in the reference implementation (https://github.com/huggingface/safetensors): every byte belongs to exactly
 * one tensor. The module knows bytes, not tensors of the engine, and no files.
 */
import { DataError, ShapeError } from '../base/errors.ts';
import { parseAnyKeys } from '../base/json.ts';
import { showShort } from '../base/text.ts';

/** The kinds of numbers a file may hold: name in the header, bytes each. */
const dtypes = {
  float64: { header: 'F64', bytes: 8 },
  int64: { header: 'I64', bytes: 8 },
  float32: { header: 'F32', bytes: 4 },
  int32: { header: 'I32', bytes: 4 },
  bfloat16: { header: 'BF16', bytes: 2 },
  float16: { header: 'F16', bytes: 2 },
  int16: { header: 'I16', bytes: 2 },
  int8: { header: 'I8', bytes: 1 },
  uint8: { header: 'U8', bytes: 1 },
  bool: { header: 'BOOL', bytes: 1 },
} as const;

/** A kind of number that can be stored. */
export type StoredDtype = keyof typeof dtypes;

/** A tensor as bytes: row-major, little-endian, `product(shape) * bytes(dtype)` of them. */
export interface StoredTensor {
  readonly dtype: StoredDtype;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** What a file holds. */
export interface SafetensorsContent {
  readonly tensors: Record<string, StoredTensor>;
  readonly metadata: Record<string, string>;
}

/** Headers above this many bytes are refused: 100,000 tensors take half of it. */
export const headerLimitBytes = 2 ** 25;

const metadataKey = '__metadata__';

/** Bytes of one number of a kind. */
export function storedDtypeBytes(dtype: StoredDtype): number {
  return dtypes[dtype].bytes;
}

/**
 * Serialises tensors; the same content gives the same bytes whatever the order of the record.
 *
 * @throws ShapeError when a shape does not fit its data.
 */
export function writeSafetensors(
  tensors: Record<string, StoredTensor>,
  metadata: Record<string, string> = {},
): Uint8Array {
  // Wide kinds first: every tensor is then aligned to its own kind.
  const entries = Object.entries(tensors).sort(
    ([nameA, a], [nameB, b]) => dtypes[b.dtype].bytes - dtypes[a.dtype].bytes || (nameA < nameB ? -1 : 1),
  );
  let offset = 0;
  const header: [string, unknown][] = [];
  if (Object.keys(metadata).length > 0) {
    const sorted = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
    header.push([metadataKey, Object.fromEntries(sorted)]);
  }
  for (const [name, { dtype, shape, data }] of entries) {
    if (name === metadataKey) throw new ShapeError(`expected a name for a tensor, got the reserved "${metadataKey}"`);
    const expected = byteLength(dtype, shape);
    if (expected !== data.byteLength) {
      throw new ShapeError(
        `tensor "${name}": expected ${expected} bytes for ${dtype} [${shape.join(', ')}], got ${data.byteLength}`,
      );
    }
    header.push([name, { dtype: dtypes[dtype].header, shape, data_offsets: [offset, offset + expected] }]);
    offset += expected;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  if (headerBytes > headerLimitBytes)
    throw new ShapeError(`expected a header of at most ${headerLimitBytes} bytes, got ${headerBytes}`);
  const result = new Uint8Array(8 + headerBytes + offset);
  new DataView(result.buffer).setBigUint64(0, BigInt(headerBytes), true);
  result.set(json, 8);
  result.fill(0x20, 8 + json.length, 8 + headerBytes);
  let position = 8 + headerBytes;
  for (const [, { data }] of entries) {
    result.set(data, position);
    position += data.byteLength;
  }
  return result;
}

/** Where a tensor lies in the data of a file, `begin` to before `end` in bytes, and what it is. */
export interface TensorPlace {
  readonly dtype: StoredDtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** What a file holds, by its header alone. */
export interface SafetensorsIndex {
  /** In the order of their data. */
  readonly places: ReadonlyMap<string, TensorPlace>;
  readonly metadata: Record<string, string>;
  /** Offset in the file at which the data begin. */
  readonly dataStart: number;
}

/**
 * Parses the bytes of a file; `file` is named in errors. The data are views on `bytes` where alignment allows, else copies: `byteOffset`
 * is always a multiple of the size of the kind.
 *
 * @throws DataError naming the file and the offset for anything that is not a strictly valid file.
 */
export function readSafetensors(bytes: Uint8Array, file: string): SafetensorsContent {
  const { places, metadata, dataStart } = readIndex(bytes, bytes.byteLength, file);
  const tensors = [...places].map(([name, { dtype, shape, begin, end }]) => {
    const view = new Uint8Array(bytes.buffer, bytes.byteOffset + dataStart + begin, end - begin);
    const aligned = view.byteOffset % dtypes[dtype].bytes === 0;
    return [name, { dtype, shape, data: aligned ? view : view.slice() }] as const;
  });
  return { tensors: Object.fromEntries(tensors), metadata };
}

/**
 * Parses the header of a file of `fileBytes` bytes of which `head` holds the first {@link headLength} at least.
 * @throws DataError as {@link readSafetensors}.
 */
export function readIndex(head: Uint8Array, fileBytes: number, file: string): SafetensorsIndex {
  const { header, dataStart } = parseHeader(head, fileBytes, file);
  const dataBytes = fileBytes - dataStart;
  const metadata = parseMetadata(header[metadataKey], file);
  const entries = Object.entries(header)
    .filter(([name]) => name !== metadataKey)
    .map(([name, entry]) => ({ name, ...parseEntry(name, entry, dataBytes, file) }))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  let position = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== position) {
      const fault = begin < position ? 'an overlap' : 'a gap';
      refuse(
        file,
        dataStart + begin,
        `tensor ${showShort(name)}: expected its data at ${position}, got ${begin} (${fault})`,
      );
    }
    position = end;
  }
  if (position !== dataBytes) {
    refuse(file, dataStart + position, `expected ${position} bytes of data, got ${dataBytes}`);
  }
  return { places: new Map(entries.map(({ name, ...place }) => [name, place])), metadata, dataStart };
}

/** Bytes before the data of a file of `fileBytes` bytes, by its first 8. @throws DataError when there is no room for them, or they are too many. */
export function headLength(first: Uint8Array, fileBytes: number, file: string): number {
  if (fileBytes < 8) refuse(file, 0, `expected at least 8 bytes for the header length, got ${fileBytes}`);
  const length = new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(headerLimitBytes))
    refuse(file, 0, `expected a header of at most ${headerLimitBytes} bytes, got ${length}`);
  const dataStart = 8 + Number(length);
  if (dataStart > fileBytes) {
    refuse(file, 0, `expected a header of ${length} bytes, got a file of ${fileBytes} bytes`);
  }
  return dataStart;
}

function parseHeader(
  head: Uint8Array,
  fileBytes: number,
  file: string,
): { header: Record<string, unknown>; dataStart: number } {
  const dataStart = headLength(head, fileBytes, file);
  if (head[8] !== 0x7b || dataStart === 8) refuse(file, 8, 'expected a header that begins with "{"');
  let header: unknown;
  try {
    header = parseAnyKeys(new TextDecoder('utf-8', { fatal: true }).decode(head.subarray(8, dataStart)));
  } catch (error) {
    refuse(file, 8, `expected a JSON header, got ${(error as Error).message.slice(0, 100)}`);
  }
  if (!isObject(header)) refuse(file, 8, 'expected a JSON object as header');
  return { header, dataStart };
}

function parseMetadata(value: unknown, file: string): Record<string, string> {
  if (value === undefined) return {};
  if (!isObject(value) || !Object.values(value).every((text) => typeof text === 'string')) {
    refuse(file, 8, `expected ${metadataKey} to map names to texts`);
  }
  return value as Record<string, string>;
}

function parseEntry(name: string, entry: unknown, dataBytes: number, file: string) {
  const where = `tensor ${showShort(name)}`;
  if (!isObject(entry)) refuse(file, 8, `${where}: expected an object with dtype, shape and data_offsets`);
  const extra = Object.keys(entry).find((key) => key !== 'dtype' && key !== 'shape' && key !== 'data_offsets');
  if (extra !== undefined)
    refuse(file, 8, `${where}: expected dtype, shape and data_offsets only, got ${showShort(extra)}`);
  const dtype = (Object.keys(dtypes) as StoredDtype[]).find((key) => dtypes[key].header === entry.dtype);
  if (dtype === undefined) {
    const valid = Object.values(dtypes).map((known) => known.header);
    refuse(file, 8, `${where}: expected a dtype of ${valid.join(', ')}, got ${showShort(entry.dtype)}`);
  }
  const { shape, data_offsets: offsets } = entry;
  if (!isSizes(shape)) refuse(file, 8, `${where}: expected a shape of whole numbers, got ${showShort(shape)}`);
  if (!isSizes(offsets) || offsets.length !== 2) {
    refuse(file, 8, `${where}: expected data_offsets [begin, end], got ${showShort(offsets)}`);
  }
  const [begin, end] = offsets;
  if (begin > end || end > dataBytes) {
    refuse(file, 8, `${where}: expected data_offsets within ${dataBytes} bytes, got [${begin}, ${end}]`);
  }
  const expected = byteLength(dtype, shape);
  if (!Number.isSafeInteger(expected)) refuse(file, 8, `${where}: expected a shape that fits, got ${showShort(shape)}`);
  if (expected !== end - begin) {
    refuse(file, 8, `${where}: expected ${expected} bytes for ${dtype} ${showShort(shape)}, got ${end - begin}`);
  }
  return { dtype, shape, begin, end };
}

/** Infinity or an unsafe number when it overflows; NaN never, as a zero wins whatever its position. */
function byteLength(dtype: StoredDtype, shape: readonly number[]): number {
  if (shape.includes(0)) return 0;
  return shape.reduce((product, size) => product * size, dtypes[dtype].bytes);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refuse(file: string, offset: number, message: string): never {
  throw new DataError(`${file}, offset ${offset}: ${message}`, 'the file is damaged or is no safetensors file');
}
