/**
 * @file One DICOM file of a series: a single uncompressed frame and where it lies. Parsing of elements is dicom-parser's.
 */
import dicomParser, { type DataSet } from 'dicom-parser';
import { DataError } from '../../base/errors.ts';
import { showShort } from '../../base/text.ts';
import { readElements } from './elements.ts';
import { asPart10 } from './part10.ts';

/** A slice; vectors are in the patient's coordinates of DICOM, LPS+ (left, posterior, superior), in millimetres. */
export interface DicomSlice {
  readonly file: string;
  readonly series: string;
  readonly modality: string;
  readonly rows: number;
  readonly columns: number;
  /** Centre of the first pixel. */
  readonly position: readonly number[];
  /** Unit vectors along a row (to the next column) and along a column (to the next row). */
  readonly rowDirection: readonly number[];
  readonly columnDirection: readonly number[];
  /** From row to row, and from column to column. */
  readonly spacing: readonly [rows: number, columns: number];
  /** Between slices, for a series of one; 0 where not stated. */
  readonly thickness: number;
  /** `[rows, columns]` after rescaling. */
  readonly pixels: Float32Array;
}

/** Transfer syntaxes whose pixels are plain numbers. */
const PLAIN: Readonly<Record<string, { littleEndian: boolean }>> = {
  '1.2.840.10008.1.2': { littleEndian: true },
  '1.2.840.10008.1.2.1': { littleEndian: true },
  '1.2.840.10008.1.2.2': { littleEndian: false },
};

/** An object that is no image, such as a report or the contours of a plan. */
export interface DicomOther {
  readonly file: string;
  /** Such as `SR` or `RTSTRUCT`; empty where not stated. */
  readonly modality: string;
}

/** Parses a slice. Throws a `DataError` that names `file` and what it has that cannot be read, or lacks. */
export function parseDicomSlice(bytes: Buffer, file: string): DicomSlice {
  const found = parseDicomObject(bytes, file);
  if (found && 'pixels' in found) return found;
  if (found === undefined) throw new DataError(`${file}: is no DICOM`, 'take it out of the series');
  throw new DataError(
    `${file}: ${found.modality === '' ? 'an object' : found.modality} without an image`,
    'a volume needs slices with pixels',
  );
}

/**
 * Parses a file: a slice, an object without an image, or undefined for what is no DICOM.
 * @throws DataError naming `file` for a slice that cannot be read.
 */
export function parseDicomObject(bytes: Buffer, file: string): DicomSlice | DicomOther | undefined {
  const whole = asPart10(bytes);
  if (whole === undefined) return undefined;
  try {
    return readSlice(whole, file);
  } catch (error) {
    if (error instanceof DataError) throw error;
    // The parser throws errors, texts, and objects with an exception, while it parses and while elements are read.
    const message =
      error instanceof Error ? error.message : String((error as { exception?: unknown }).exception ?? error);
    throw new DataError(`${file}: no valid DICOM (${message.slice(0, 200)})`, 'fetch or copy the file again');
  }
}

function readSlice(bytes: Buffer, file: string): DicomSlice | DicomOther {
  const syntax = dicomParser.readPart10Header(bytes).string('x00020010') ?? '1.2.840.10008.1.2';
  if (!Object.hasOwn(PLAIN, syntax)) {
    throw new DataError(
      `${file}: compressed DICOM (transfer syntax ${syntax.slice(0, 64)})`,
      'decompress the series first, for example with dcmdjpeg or gdcmconv --raw',
    );
  }
  const dataset = readElements(bytes);
  const text = (tag: string) => dataset.string(tag) ?? '';
  const modality = text('x00080060').slice(0, 16);
  // Reports, contours and plans have no rows; a slice that was cut short has.
  if (dataset.elements.x00280010 === undefined && dataset.elements.x7fe00010 === undefined) return { file, modality };
  const numbers = (tag: string, count: number, name: string): number[] => {
    const values = text(tag).split('\\').map(Number.parseFloat);
    if (values.length !== count || !values.every(Number.isFinite)) {
      throw new DataError(
        `${file}: ${name} is ${showShort(text(tag))}, expected ${count} numbers`,
        'a volume needs slices that say where they lie',
      );
    }
    return values;
  };
  const frames = Number(text('x00280008') || 1);
  const samples = dataset.uint16('x00280002') ?? 1;
  if (frames !== 1 || samples !== 1) {
    throw new DataError(
      `${file}: ${frames} frames of ${samples} samples a pixel${modality === '' ? '' : ` (${modality})`}`,
      'only single grey frames are read, one file a slice',
    );
  }
  const orientation = numbers('x00200037', 6, 'ImageOrientationPatient');
  const [rowSpacing, columnSpacing] = numbers('x00280030', 2, 'PixelSpacing');
  return {
    file,
    series: text('x0020000e'),
    modality,
    rows: dataset.uint16('x00280010') ?? 0,
    columns: dataset.uint16('x00280011') ?? 0,
    position: numbers('x00200032', 3, 'ImagePositionPatient'),
    rowDirection: orientation.slice(0, 3),
    columnDirection: orientation.slice(3),
    spacing: [rowSpacing, columnSpacing],
    thickness: Number.parseFloat(text('x00180088') || text('x00180050')) || 0,
    pixels: decodePixels(dataset, bytes, file),
  };
}

/** Stored bits to numbers, rescaled: `value = slope * stored + intercept`. */
function decodePixels(dataset: DataSet, bytes: Buffer, file: string): Float32Array {
  const count = (dataset.uint16('x00280010') ?? 0) * (dataset.uint16('x00280011') ?? 0);
  const allocated = dataset.uint16('x00280100') ?? 16;
  const stored = dataset.uint16('x00280101') ?? allocated;
  const signed = dataset.uint16('x00280103') === 1;
  const element = dataset.elements.x7fe00010;
  const rescale = (tag: string, otherwise: number): number => {
    const text = dataset.string(tag)?.trim() ?? '';
    const value = text === '' ? otherwise : Number.parseFloat(text);
    if (Number.isFinite(value)) return value;
    throw new DataError(`${file}: rescales its pixels by ${showShort(text)}`, 'expected a number');
  };
  const width = allocated / 8;
  if (![1, 2, 4].includes(width)) throw new DataError(`${file}: ${allocated} bits a pixel`, 'expected 8, 16 or 32');
  if (
    element === undefined ||
    count === 0 ||
    element.length < count * width ||
    element.dataOffset + count * width > bytes.length
  ) {
    throw new DataError(
      `${file}: its pixel data are missing or too short for its rows and columns`,
      'fetch or copy the file again',
    );
  }
  const slope = rescale('x00281053', 1);
  const intercept = rescale('x00281052', 0);
  const { littleEndian } = PLAIN[dataset.string('x00020010') ?? '1.2.840.10008.1.2'];
  const view = new DataView(bytes.buffer, bytes.byteOffset + element.dataOffset, count * width);
  const read = {
    1: (at: number) => view.getUint8(at),
    2: (at: number) => view.getUint16(at, littleEndian),
    4: (at: number) => view.getUint32(at, littleEndian),
  }[width as 1 | 2 | 4];
  const unused = 32 - stored;
  const pixels = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    // Bits above the stored ones may hold anything; the shifts drop them and carry the sign.
    const shifted = read(i * width) << unused;
    pixels[i] = (signed ? shifted >> unused : shifted >>> unused) * slope + intercept;
  }
  return pixels;
}
