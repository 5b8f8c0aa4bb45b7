/**
 * @file What makes a file a DICOM file: a preamble of 128 bytes, `DICM`, and a head that states the transfer syntax. Some writers leave out the preamble,
 * or everything before the data set: that is put back, as the parser wants it.
 */

/** Explicit VR of the elements with which a data set or a head begins. */
const FIRST_VRS = ['UL', 'OB', 'UI', 'CS', 'DA', 'TM', 'LO', 'SH', 'UN', 'PN', 'ST', 'DT'];

const SYNTAX = {
  implicit: '1.2.840.10008.1.2',
  explicit: '1.2.840.10008.1.2.1',
  bigEndian: '1.2.840.10008.1.2.2',
} as const;

/** The bytes as a file with preamble and head; undefined when they are no DICOM. */
export function asPart10(bytes: Buffer): Buffer | undefined {
  if (bytes.length > 132 && bytes.toString('latin1', 128, 132) === 'DICM') return bytes;
  if (bytes.length < 16) return undefined;
  const isExplicit = FIRST_VRS.includes(bytes.toString('latin1', 4, 6));
  const [group, element] = [bytes.readUInt16LE(0), bytes.readUInt16LE(2)];
  if (group === 2 && element <= 2 && isExplicit) return Buffer.concat([PREAMBLE, bytes]);
  // A data set begins with the group of what identifies it, whose first elements are low.
  if (group === 8 && element <= 0x60) {
    if (isExplicit) return Buffer.concat([PREAMBLE, head(SYNTAX.explicit), bytes]);
    return 8 + bytes.readUInt32LE(4) <= bytes.length && bytes.readUInt32LE(4) < 1024
      ? Buffer.concat([PREAMBLE, head(SYNTAX.implicit), bytes])
      : undefined;
  }
  const isBigEndian = bytes.readUInt16BE(0) === 8 && bytes.readUInt16BE(2) <= 0x60 && isExplicit;
  return isBigEndian ? Buffer.concat([PREAMBLE, head(SYNTAX.bigEndian), bytes]) : undefined;
}

const PREAMBLE = Buffer.concat([Buffer.alloc(128), Buffer.from('DICM', 'latin1')]);

/** The element that states the transfer syntax, behind the length of the head. */
function head(syntax: string): Buffer {
  const value = Buffer.from(syntax.length % 2 === 0 ? syntax : `${syntax}\0`, 'latin1');
  const bytes = Buffer.alloc(20 + value.length);
  bytes.writeUInt16LE(2, 0);
  bytes.write('UL', 4, 'latin1');
  bytes.writeUInt16LE(4, 6);
  bytes.writeUInt32LE(8 + value.length, 8);
  bytes.writeUInt16LE(2, 12);
  bytes.writeUInt16LE(0x10, 14);
  bytes.write('UI', 16, 'latin1');
  bytes.writeUInt16LE(value.length, 18);
  return Buffer.concat([bytes.subarray(0, 20), value]);
}
