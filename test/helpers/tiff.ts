/** @file TIFF files of kinds that sharp does not write: floating point, several pages, integers of 32 bits. */

/** What a TIFF holds: samples of each page, interleaved. */
export interface TiffContent {
  width: number;
  height: number;
  channels?: 1 | 3;
  pages: readonly (Uint8Array | Uint16Array | Uint32Array | Float32Array | Float64Array)[];
}

/** An uncompressed little-endian TIFF, a directory a page. */
export function encodeTiff({ width, height, channels = 1, pages }: TiffContent): Buffer {
  const header = Buffer.from([0x49, 0x49, 42, 0, 0, 0, 0, 0]);
  const parts: Buffer[] = [header];
  let end = header.length;
  const append = (part: Buffer): number => {
    const at = end;
    parts.push(part);
    end += part.length;
    return at;
  };
  const samples = pages.map((page) => append(Buffer.from(page.buffer, page.byteOffset, page.byteLength)));
  const bits = 8 * pages[0].BYTES_PER_ELEMENT;
  const depths = append(Buffer.from(Uint16Array.from({ length: channels }, () => bits).buffer));
  const isFloat = pages[0] instanceof Float32Array || pages[0] instanceof Float64Array;
  const directories = pages.map((page, n) => {
    const tags: [tag: number, type: 3 | 4, value: number, count?: number][] = [
      [256, 3, width],
      [257, 3, height],
      channels === 1 ? [258, 3, bits] : [258, 3, depths, channels],
      [259, 3, 1],
      [262, 3, channels === 1 ? 1 : 2],
      [273, 4, samples[n]],
      [277, 3, channels],
      [278, 3, height],
      [279, 4, page.byteLength],
      [339, 3, isFloat ? 3 : 1],
    ];
    const directory = Buffer.alloc(6 + 12 * tags.length);
    directory.writeUInt16LE(tags.length);
    for (const [k, [tag, type, value, count = 1]] of tags.entries()) {
      const at = 2 + 12 * k;
      directory.writeUInt16LE(tag, at);
      directory.writeUInt16LE(type, at + 2);
      directory.writeUInt32LE(count, at + 4);
      directory.writeUInt32LE(value, at + 8);
    }
    return { directory, at: append(directory) };
  });
  header.writeUInt32LE(directories[0].at, 4);
  for (const [n, { directory }] of directories.entries())
    directory.writeUInt32LE(directories[n + 1]?.at ?? 0, directory.length - 4);
  return Buffer.concat(parts);
}
