/**
 * @file Reads NIfTI-1 and NIfTI-2 files, compressed or not, one file or a pair of `.hdr` and `.img`, of either byte order. No damaged
 * file makes it take memory that the file could not fill.
 */
import { existsSync } from 'node:fs';
import { totalmem } from 'node:os';
import { DataError } from '../../base/errors.ts';
import { readBytes } from './bytes.ts';
import {
  countSamples,
  HEADER_BYTES,
  LONGEST_HEADER,
  NIFTI_TYPES,
  type NiftiHeader,
  type NiftiType,
  parseNiftiHeader,
} from './header.ts';

/** Samples as stored, before scaling; 64-bit whole numbers as doubles, exact up to 2^53. */
export type NiftiSamples =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array;

/** A file in memory. */
export interface NiftiImage {
  readonly header: NiftiHeader;
  /** Extensions between header and samples, which are passed over; of pairs they are not counted. */
  readonly extensions: number;
  /** x fastest; where a voxel has several numbers (complex, colour) they follow one another. */
  readonly samples: NiftiSamples;
}

/** Options of reading. */
export interface ReadNiftiOptions {
  /** Most memory that the volume may take as stored and as 32-bit numbers together; default all that the machine has. */
  limitBytes?: number;
}

/** Endings of the two files of a pair. */
const PAIR = /\.(hdr|img)(\.gz)?$/i;

/** Whether a name is that of a NIfTI file; of a pair the header stands for both. */
export const isNiftiName = (name: string): boolean => /\.(nii|hdr)(\.gz)?$/i.test(name);

/** Reads a file; of a pair either name. Throws a `DataError` that names the file and what is wrong. */
export async function readNifti(file: string, options: ReadNiftiOptions = {}): Promise<NiftiImage> {
  const limitBytes = options.limitBytes ?? totalmem();
  const pair = PAIR.test(file) ? await readPairHeader(file) : undefined;
  let header: NiftiHeader | undefined = pair?.header;
  const bytes = await readBytes(pair?.samples ?? file, {
    headBytes: pair === undefined ? LONGEST_HEADER : 0,
    limitBytes,
    measure(head) {
      header ??= parseSingle(head, file);
      const samples = countSamples(header);
      const { bytes: width } = NIFTI_TYPES[header.datatype];
      const size = header.voxOffset + samples * width;
      return { bytes: size, memoryBytes: size + samples * Float32Array.BYTES_PER_ELEMENT };
    },
  });
  if (header === undefined) throw new DataError(`${file}: is empty`, 'fetch or copy the file again');
  return {
    header,
    extensions: header.single ? countExtensions(bytes, header) : 0,
    samples: decodeSamples(bytes.subarray(header.voxOffset), header),
  };
}

/** Reads the header alone; of a pair either name. */
export async function readNiftiHeader(file: string): Promise<NiftiHeader> {
  if (PAIR.test(file)) return (await readPairHeader(file)).header;
  return parseSingle(await readHead(file), file);
}

function parseSingle(head: Uint8Array, file: string): NiftiHeader {
  const header = parseNiftiHeader(head, file);
  if (!header.single)
    throw new DataError(`${file}: is the header of a pair`, 'give it the ending .hdr, beside its .img');
  return header;
}

async function readPairHeader(file: string): Promise<{ header: NiftiHeader; samples: string }> {
  const partner = (kind: 'hdr' | 'img'): string => {
    const path = file.replace(PAIR, `.${kind}$2`);
    const other = /\.gz$/i.test(path) ? path.slice(0, -3) : `${path}.gz`;
    const found = [path, other].find((name) => existsSync(name));
    if (found === undefined)
      throw new DataError(`${file}: its partner ${path} is missing`, 'keep both files of a pair together');
    return found;
  };
  const head = partner('hdr');
  return { header: parseNiftiHeader(await readHead(head), head), samples: partner('img') };
}

/** The first bytes of a file, at most a header's. */
async function readHead(file: string): Promise<Uint8Array> {
  let known: Uint8Array = new Uint8Array();
  await readBytes(file, {
    headBytes: LONGEST_HEADER,
    limitBytes: LONGEST_HEADER,
    measure(head) {
      known = head.subarray(0, LONGEST_HEADER);
      return { bytes: known.length, memoryBytes: known.length };
    },
  });
  return known;
}

/** Each extension states its length, a multiple of 16; counting ends at the samples or at the first that makes no sense. */
function countExtensions(bytes: Buffer, { version, littleEndian, voxOffset }: NiftiHeader): number {
  let at = HEADER_BYTES[version] + 4;
  if (voxOffset < at + 8 || bytes[HEADER_BYTES[version]] === 0) return 0;
  let count = 0;
  while (at + 8 <= voxOffset) {
    const size = littleEndian ? bytes.readInt32LE(at) : bytes.readInt32BE(at);
    if (size < 8 || at + size > voxOffset) break;
    at += size;
    count++;
  }
  return count;
}

/** Bytes to numbers of the machine's order; `bytes` may be changed. */
function decodeSamples(bytes: Buffer, header: NiftiHeader): NiftiSamples {
  const { name, bytes: width } = NIFTI_TYPES[header.datatype];
  // The machines that Node runs on are little-endian.
  if (!header.littleEndian) swap(bytes, width);
  const { buffer, byteOffset } = bytes;
  const count = bytes.length / width;
  // A typed array begins at a multiple of its width; the samples of a file need not.
  const at =
    byteOffset % width === 0 ? { buffer, byteOffset } : { buffer: new Uint8Array(bytes).buffer, byteOffset: 0 };
  return VIEWS[name](at.buffer as ArrayBuffer, at.byteOffset, count);
}

type View = (buffer: ArrayBuffer, byteOffset: number, count: number) => NiftiSamples;

const bytesView: View = (...at) => new Uint8Array(...at);

const VIEWS: Readonly<Record<NiftiType, View>> = {
  uint8: bytesView,
  rgb24: bytesView,
  rgba32: bytesView,
  int8: (...at) => new Int8Array(...at),
  int16: (...at) => new Int16Array(...at),
  uint16: (...at) => new Uint16Array(...at),
  int32: (...at) => new Int32Array(...at),
  uint32: (...at) => new Uint32Array(...at),
  float32: (...at) => new Float32Array(...at),
  complex64: (...at) => new Float32Array(...at),
  float64: (...at) => new Float64Array(...at),
  complex128: (...at) => new Float64Array(...at),
  int64: (...at) => Float64Array.from(new BigInt64Array(...at), Number),
  uint64: (...at) => Float64Array.from(new BigUint64Array(...at), Number),
};

/** Turns the bytes of every sample round, in place. */
export function swap(bytes: Buffer, width: number): void {
  if (width === 2) bytes.swap16();
  else if (width === 4) bytes.swap32();
  else if (width === 8) bytes.swap64();
}
