/**
 * @file The elements of a DICOM file, by dicom-parser and only so many of them: it makes an object of every element, so that a file of nothing but
 * empty ones would take thirty times its size.
 */
import dicomParser, { type ByteArrayParser, type DataSet } from 'dicom-parser';

/** Numbers of 16 bits that are read: two for the tag of an element, mostly one for its length. Slices have some hundred elements, plans some thousand. */
const MOST_NUMBERS = 600_000;

const IMPLICIT = '1.2.840.10008.1.2';
const BIG_ENDIAN = '1.2.840.10008.1.2.2';

/** Is in the package and not in its types. */
const { DataSet: Elements } = dicomParser as unknown as {
  DataSet: new (parser: ByteArrayParser, bytes: Uint8Array, elements: object) => DataSet;
};

/**
 * The elements of a file with preamble and head whose transfer syntax is not compressed.
 * @throws Error, or what else dicom-parser throws, for a damaged file and for too many elements.
 */
export function readElements(bytes: Buffer): DataSet {
  const head = dicomParser.readPart10Header(bytes) as DataSet & { position: number };
  const syntax = head.string('x00020010') ?? IMPLICIT;
  const plain = syntax === BIG_ENDIAN ? dicomParser.bigEndianByteArrayParser : dicomParser.littleEndianByteArrayParser;
  let numbers = 0;
  const counting: ByteArrayParser = {
    ...plain,
    readUint16(from, position) {
      if (++numbers > MOST_NUMBERS) throw new Error(`expected at most ${MOST_NUMBERS / 3} elements, got more`);
      return plain.readUint16(from, position);
    },
  };
  const stream = new dicomParser.ByteStream(counting, bytes, head.position);
  const dataset = new Elements(plain, bytes, {});
  dataset.warnings = stream.warnings;
  const parse = syntax === IMPLICIT ? dicomParser.parseDicomDataSetImplicit : dicomParser.parseDicomDataSetExplicit;
  parse(dataset, stream, bytes.length);
  Object.assign(dataset.elements, head.elements);
  return dataset;
}
