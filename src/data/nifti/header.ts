/**
 * @file The header of NIfTI-1 and NIfTI-2 files: where each field lies, parsing to plain data, and changing fields in a copy of the
 * bytes, so that what is not understood is kept. Knows nothing of files; see the standard's nifti1.h and nifti2.h.
 */
import { DataError } from '../../base/errors.ts';

/** Kinds of samples by their code in the header: how many numbers a voxel has, and how many bytes each number takes. */
export const NIFTI_TYPES = {
  2: { name: 'uint8', components: 1, bytes: 1 },
  4: { name: 'int16', components: 1, bytes: 2 },
  8: { name: 'int32', components: 1, bytes: 4 },
  16: { name: 'float32', components: 1, bytes: 4 },
  32: { name: 'complex64', components: 2, bytes: 4 },
  64: { name: 'float64', components: 1, bytes: 8 },
  128: { name: 'rgb24', components: 3, bytes: 1 },
  256: { name: 'int8', components: 1, bytes: 1 },
  512: { name: 'uint16', components: 1, bytes: 2 },
  768: { name: 'uint32', components: 1, bytes: 4 },
  1024: { name: 'int64', components: 1, bytes: 8 },
  1280: { name: 'uint64', components: 1, bytes: 8 },
  1792: { name: 'complex128', components: 2, bytes: 8 },
  2304: { name: 'rgba32', components: 4, bytes: 1 },
} as const;

/** The code of a kind of samples. */
export type NiftiTypeCode = keyof typeof NIFTI_TYPES;

/** Name of a kind of samples, such as `int16`. */
export type NiftiType = (typeof NIFTI_TYPES)[NiftiTypeCode]['name'];

/** Kinds of the standard that no machine here can hold. */
const UNREADABLE: Readonly<Record<number, string>> = { 1: 'binary', 1536: 'float128', 2048: 'complex256' };

type Kind = 'uint8' | 'int16' | 'int32' | 'int64' | 'float32' | 'float64';

/** Offset in bytes and kind of each field in use; an array continues from there. */
const FIELDS = {
  1: {
    dim: [40, 'int16'],
    intentParameters: [56, 'float32'],
    intentCode: [68, 'int16'],
    datatype: [70, 'int16'],
    bitpix: [72, 'int16'],
    pixdim: [76, 'float32'],
    voxOffset: [108, 'float32'],
    slope: [112, 'float32'],
    intercept: [116, 'float32'],
    units: [123, 'uint8'],
    calibration: [124, 'float32'],
    qformCode: [252, 'int16'],
    sformCode: [254, 'int16'],
    quaternion: [256, 'float32'],
    qoffset: [268, 'float32'],
    srow: [280, 'float32'],
    intentName: [328, 'uint8'],
  },
  2: {
    dim: [16, 'int64'],
    intentParameters: [80, 'float64'],
    intentCode: [504, 'int32'],
    datatype: [12, 'int16'],
    bitpix: [14, 'int16'],
    pixdim: [104, 'float64'],
    voxOffset: [168, 'int64'],
    slope: [176, 'float64'],
    intercept: [184, 'float64'],
    units: [500, 'int32'],
    calibration: [192, 'float64'],
    qformCode: [344, 'int32'],
    sformCode: [348, 'int32'],
    quaternion: [352, 'float64'],
    qoffset: [376, 'float64'],
    srow: [400, 'float64'],
    intentName: [508, 'uint8'],
  },
} as const satisfies Record<1 | 2, Record<string, readonly [number, Kind]>>;

/** Name of a header field that {@link withFields} can change. */
export type NiftiField = keyof (typeof FIELDS)[1];

/** Bytes of the header itself, by version; four bytes that announce extensions follow. */
export const HEADER_BYTES = { 1: 348, 2: 540 } as const;

/** Bytes that hold the header of every version. */
export const LONGEST_HEADER = 540;

/** The part of the field of units that is of length. */
const LENGTH_UNITS = 7;

/** Metres and micrometres, by their code in the standard. */
const MILLIMETRES: Readonly<Record<number, number>> = { 1: 1000, 3: 0.001 };

/** A parsed header. */
export interface NiftiHeader {
  readonly version: 1 | 2;
  readonly littleEndian: boolean;
  /** Whether the samples are in the same file; else in the `.img` beside the `.hdr`. */
  readonly single: boolean;
  /** Lengths of the axes in use, x first (fastest in the file): 1 to 7 of them. */
  readonly shape: readonly number[];
  readonly datatype: NiftiTypeCode;
  /** Where the samples begin in their file. */
  readonly voxOffset: number;
  /** Lengths of a voxel along the axes in use, as stored. */
  readonly zooms: readonly number[];
  /** A stored sample stands for `slope * sample + intercept`; 1 and 0 where the file states no scaling. */
  readonly slope: number;
  readonly intercept: number;
  /** Millimetres in the unit of length that the affine is stored in; 1 where none is stated. */
  readonly millimetres: number;
  readonly sformCode: number;
  readonly qformCode: number;
  /** `pixdim[0..3]`, `quatern_b..d`, `qoffset_x..z` and the rows of the sform: what the affine is made of. */
  readonly pixdim: readonly number[];
  readonly quaternion: readonly number[];
  readonly qoffset: readonly number[];
  readonly srow: readonly number[];
  /** The header as it is in the file. */
  readonly bytes: Uint8Array;
}

/** Parses the first bytes of a `.nii` or `.hdr` file. Throws a `DataError` that names `file` and the field. */
export function parseNiftiHeader(head: Uint8Array, file: string): NiftiHeader {
  const { version, littleEndian, single } = recognise(head, file);
  // A copy of its own: `slice` of a Buffer would share its memory.
  const bytes = new Uint8Array(head.subarray(0, HEADER_BYTES[version]));
  const read = reader(bytes, version, littleEndian);
  const [axes, ...lengths] = read('dim', 8);
  if (!(axes >= 1 && axes <= 7)) throw damaged(file, `dim[0] is ${axes}, expected 1 to 7 axes`);
  const shape = lengths.slice(0, axes);
  if (shape.some((length) => !(length >= 1))) throw damaged(file, `an axis is empty: shape ${shape.join('x')}`);
  const [code] = read('datatype', 1);
  if (!Object.hasOwn(NIFTI_TYPES, code)) {
    const name = UNREADABLE[code] ?? `code ${code}`;
    throw new DataError(`${file}: samples of type ${name} cannot be read`, 'write the volume as int16 or float32');
  }
  const first = single ? HEADER_BYTES[version] + 4 : 0;
  const [stored] = read('voxOffset', 1);
  // Some writers leave 0, meaning right after the header.
  const voxOffset = stored === 0 ? first : stored;
  if (!Number.isSafeInteger(voxOffset) || voxOffset < first) {
    throw damaged(file, `vox_offset is ${stored}, expected a whole number from ${first}`);
  }
  const [slope] = read('slope', 1);
  const [intercept] = read('intercept', 1);
  const scaled = slope !== 0 && Number.isFinite(slope);
  if (scaled && !Number.isFinite(intercept)) throw damaged(file, `scl_inter is ${intercept}`);
  const pixdim = read('pixdim', 8);
  return {
    version,
    littleEndian,
    single,
    shape,
    datatype: code as NiftiTypeCode,
    voxOffset,
    zooms: pixdim.slice(1, 1 + axes),
    slope: scaled ? slope : 1,
    intercept: scaled ? intercept : 0,
    millimetres: MILLIMETRES[read('units', 1)[0] & LENGTH_UNITS] ?? 1,
    sformCode: read('sformCode', 1)[0],
    qformCode: read('qformCode', 1)[0],
    pixdim: pixdim.slice(0, 4),
    quaternion: read('quaternion', 3),
    qoffset: read('qoffset', 3),
    srow: read('srow', 12),
    bytes,
  };
}

/** The header with some fields changed, all other bytes kept; lists write an array from its start. */
export function withFields(header: NiftiHeader, changes: Partial<Record<NiftiField, readonly number[]>>): NiftiHeader {
  const bytes = header.bytes.slice();
  const view = new DataView(bytes.buffer);
  for (const [name, values] of Object.entries(changes)) {
    const [offset, kind] = FIELDS[header.version][name as NiftiField];
    values.forEach((value, i) => {
      write(view, offset + i * SIZES[kind], kind, value, header.littleEndian);
    });
  }
  return parseNiftiHeader(bytes, 'header');
}

/** A little-endian NIfTI-1 header of zeros but for what every header has. */
export function blankHeaderBytes(): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES[1]);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, HEADER_BYTES[1], true);
  view.setInt16(40, 1, true);
  view.setInt16(42, 1, true);
  view.setInt16(70, 2, true);
  bytes.set(MAGIC_SINGLE, 344);
  return bytes;
}

/** `n+1` of NIfTI-1; NIfTI-2 has `n+2` and four bytes that reveal a transfer as text. */
const MAGIC_SINGLE = [0x6e, 0x2b, 0x31, 0];

/** The header as that of one file with its samples, whatever it was before. */
export function asSingleFile(header: NiftiHeader): NiftiHeader {
  if (header.single) return header;
  const bytes = header.bytes.slice();
  bytes[(header.version === 1 ? 344 : 4) + 1] = MAGIC_SINGLE[1];
  return withFields({ ...header, bytes, single: true }, { voxOffset: [HEADER_BYTES[header.version] + 4] });
}

/** Samples of all voxels: the product of the shape, times the numbers a voxel has. */
export function countSamples({ shape, datatype }: Pick<NiftiHeader, 'shape' | 'datatype'>): number {
  return shape.reduce((product, length) => product * length, NIFTI_TYPES[datatype].components);
}

function recognise(head: Uint8Array, file: string): { version: 1 | 2; littleEndian: boolean; single: boolean } {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  for (const version of [1, 2] as const) {
    for (const littleEndian of [true, false]) {
      const size = HEADER_BYTES[version];
      if (head.length < 4 || view.getInt32(0, littleEndian) !== size) continue;
      if (head.length < size) throw damaged(file, `ends after ${head.length} of the ${size} bytes of its header`);
      const at = version === 1 ? 344 : 4;
      const magic = String.fromCharCode(...head.subarray(at, at + 3));
      if (magic === `n+${version}`) return { version, littleEndian, single: true };
      if (magic === `ni${version}`) return { version, littleEndian, single: false };
      throw new DataError(
        `${file}: an ANALYZE 7.5 header or a damaged one: its magic is ${JSON.stringify(magic)}`,
        'convert the volume to NIfTI',
      );
    }
  }
  throw new DataError(`${file}: not a NIfTI file`, 'expected .nii, .nii.gz or a pair of .hdr and .img');
}

const damaged = (file: string, what: string) =>
  new DataError(`${file}: ${what}`, 'the header is damaged: fetch or write the file again');

const SIZES = { uint8: 1, int16: 2, int32: 4, int64: 8, float32: 4, float64: 8 } as const satisfies Record<
  Kind,
  number
>;

function reader(
  bytes: Uint8Array,
  version: 1 | 2,
  littleEndian: boolean,
): (name: NiftiField, count: number) => number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return (name, count) => {
    const [offset, kind] = FIELDS[version][name];
    return Array.from({ length: count }, (_, i) => read(view, offset + i * SIZES[kind], kind, littleEndian));
  };
}

function read(view: DataView, at: number, kind: Kind, littleEndian: boolean): number {
  switch (kind) {
    case 'uint8':
      return view.getUint8(at);
    case 'int16':
      return view.getInt16(at, littleEndian);
    case 'int32':
      return view.getInt32(at, littleEndian);
    case 'int64':
      return Number(view.getBigInt64(at, littleEndian));
    case 'float32':
      return view.getFloat32(at, littleEndian);
    case 'float64':
      return view.getFloat64(at, littleEndian);
    default:
      return kind satisfies never;
  }
}

function write(view: DataView, at: number, kind: Kind, value: number, littleEndian: boolean): void {
  switch (kind) {
    case 'uint8':
      view.setUint8(at, value);
      break;
    case 'int16':
      view.setInt16(at, value, littleEndian);
      break;
    case 'int32':
      view.setInt32(at, value, littleEndian);
      break;
    case 'int64':
      view.setBigInt64(at, BigInt(value), littleEndian);
      break;
    case 'float32':
      view.setFloat32(at, value, littleEndian);
      break;
    case 'float64':
      view.setFloat64(at, value, littleEndian);
      break;
    default:
      kind satisfies never;
  }
}
