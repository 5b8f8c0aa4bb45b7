/** @file DICOM files byte by byte, for tests and for the fuzzer, which runs without a compiler. */

/**
 * A file of one element after another, with a head that states the transfer syntax.
 *
 * @param {[tag: number, vr: string, value: string | Buffer][]} elements
 * @returns {Buffer}
 */
export function dicom(elements, syntax = '1.2.840.10008.1.2.1') {
  const big = syntax.endsWith('.2.2');
  const implicit = syntax === '1.2.840.10008.1.2';
  const element = (tag, vr, value, explicit, bigEndian) => {
    const body = typeof value === 'string' ? Buffer.from(value.length % 2 ? `${value} ` : value, 'latin1') : value;
    const head = Buffer.alloc(explicit ? (vr === 'OW' ? 12 : 8) : 8);
    const write16 = (number, at) => (bigEndian ? head.writeUInt16BE(number, at) : head.writeUInt16LE(number, at));
    const write32 = (number, at) => (bigEndian ? head.writeUInt32BE(number, at) : head.writeUInt32LE(number, at));
    write16(tag >>> 16, 0);
    write16(tag & 0xffff, 2);
    if (!explicit) write32(body.length, 4);
    else {
      head.write(vr, 4, 'latin1');
      if (vr === 'OW') write32(body.length, 8);
      else write16(body.length, 6);
    }
    return Buffer.concat([head, body]);
  };
  const meta = element(0x00020010, 'UI', syntax.length % 2 ? `${syntax}\0` : syntax, true, false);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(meta.length);
  return Buffer.concat([
    Buffer.alloc(128),
    Buffer.from('DICM'),
    element(0x00020000, 'UL', length, true, false),
    meta,
    ...elements.map(([tag, vr, value]) => element(tag, vr, value, !implicit, big)),
  ]);
}

/**
 * A slice of 2 x 3 pixels at the height `z`, twelve bits of sixteen in use.
 *
 * @param {number} z
 * @param {number[]} pixels
 * @param {string} [syntax]
 * @returns {Buffer}
 */
export function slice(z, pixels, syntax) {
  const big = syntax?.endsWith('.2.2') ?? false;
  const short = (number) => {
    const buffer = Buffer.alloc(2);
    if (big) buffer.writeUInt16BE(number & 0xffff);
    else buffer.writeUInt16LE(number & 0xffff);
    return buffer;
  };
  return dicom(
    [
      [0x00080060, 'CS', 'CT'],
      [0x0020000e, 'UI', '1.2.3.4'],
      [0x00200032, 'DS', `-10\\5\\${z}`],
      [0x00200037, 'DS', '1\\0\\0\\0\\1\\0'],
      [0x00280002, 'US', short(1)],
      [0x00280010, 'US', short(2)],
      [0x00280011, 'US', short(3)],
      [0x00280030, 'DS', '2\\0.5'],
      [0x00280100, 'US', short(16)],
      [0x00280101, 'US', short(12)],
      [0x00280103, 'US', short(1)],
      [0x00281052, 'DS', '-1000'],
      [0x00281053, 'DS', '2'],
      [0x7fe00010, 'OW', Buffer.concat(pixels.map(short))],
    ],
    syntax,
  );
}
