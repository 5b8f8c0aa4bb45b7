/** @file TIFF files of any number of bands, by the specification: 8 and 16 bits and float32, both byte orders, strips and tiles, pixels and planes, no compression, LZW and deflate. */
import { deflateSync } from 'node:zlib';

const COMPRESSIONS = { none: 1, lzw: 5, deflate: 8 };

/** The bytes of the file. */
export function encodeBandTiff(content) {
  const { width, height, channels, data, order = 'little', planes = false, compression = 'none' } = content;
  const { blocks = { rows: height }, photometric = 1, orientation } = content;
  const little = order === 'little';
  const bytes = data.BYTES_PER_ELEMENT;
  const [across, down] = 'tile' in blocks ? [blocks.tile, blocks.tile] : [width, blocks.rows];
  const parts = [Buffer.alloc(8)];
  let end = 8;
  const append = (part) => {
    const at = end + (end & 1);
    if (end & 1) parts.push(Buffer.alloc(1));
    parts.push(part);
    end = at + part.length;
    return at;
  };
  const write = (values, size) => {
    const out = Buffer.alloc(values.length * size);
    values.forEach((value, i) => {
      if (size === 1) out.writeUInt8(value, i);
      else if (size === 2) little ? out.writeUInt16LE(value, 2 * i) : out.writeUInt16BE(value, 2 * i);
      else little ? out.writeUInt32LE(value, 4 * i) : out.writeUInt32BE(value, 4 * i);
    });
    return out;
  };
  /** A block of some channels; tiles are padded, the last strip ends with the image. */
  const block = (left, top, of) => {
    const rows = 'tile' in blocks ? down : Math.min(down, height - top);
    const out = Buffer.alloc(rows * across * of.length * bytes);
    let at = 0;
    for (let y = top; y < top + rows; y++)
      for (let x = left; x < left + across; x++)
        for (const channel of of) {
          const value = x < width && y < height ? data[(y * width + x) * channels + channel] : 0;
          if (bytes === 1) out.writeUInt8(value, at);
          else if (bytes === 2) little ? out.writeUInt16LE(value, at) : out.writeUInt16BE(value, at);
          else little ? out.writeFloatLE(value, at) : out.writeFloatBE(value, at);
          at += bytes;
        }
    return compression === 'none' ? out : compression === 'lzw' ? encodeLzw(out) : deflateSync(out);
  };
  const all = Array.from({ length: channels }, (_, channel) => channel);
  const [offsets, counts] = [[], []];
  for (const of of planes ? all.map((channel) => [channel]) : [all])
    for (let top = 0; top < height; top += down)
      for (let left = 0; left < width; left += across) {
        const part = block(left, top, of);
        offsets.push(append(part));
        counts.push(part.length);
      }
  const extra = content.extra ?? Array(Math.max(0, channels - (photometric === 2 ? 3 : 1))).fill(0);
  const many = (value) => Array(channels).fill(value);
  const tags = [
    [256, 4, [width]],
    [257, 4, [height]],
    [258, 2, many(8 * bytes)],
    [259, 2, [COMPRESSIONS[compression]]],
    [262, 2, [photometric]],
    ...('tile' in blocks ? [] : [[273, 4, offsets]]),
    ...(orientation === undefined ? [] : [[274, 2, [orientation]]]),
    [277, 2, [channels]],
    ...('tile' in blocks
      ? []
      : [
          [278, 4, [down]],
          [279, 4, counts],
        ]),
    [284, 2, [planes ? 2 : 1]],
    ...('tile' in blocks
      ? [
          [322, 4, [across]],
          [323, 4, [down]],
          [324, 4, offsets],
          [325, 4, counts],
        ]
      : []),
    ...(extra.length > 0 ? [[338, 2, extra]] : []),
    [339, 2, many(data instanceof Float32Array ? 3 : 1)],
  ];
  const entries = tags.map(([tag, size, values]) => {
    const body = write(values, size);
    const stored = body.length <= 4 ? Buffer.concat([body, Buffer.alloc(4 - body.length)]) : write([append(body)], 4);
    return Buffer.concat([write([tag, size === 2 ? 3 : 4], 2), write([values.length], 4), stored]);
  });
  const directory = append(Buffer.concat([write([entries.length], 2), ...entries, Buffer.alloc(4)]));
  parts[0] = Buffer.concat([Buffer.from(little ? 'II' : 'MM'), write([42], 2), write([directory], 4)]);
  return Buffer.concat(parts);
}

/** LZW as TIFF 6.0 has it (section 13): codes from the most significant bit on, one bit longer one code early. */
export function encodeLzw(bytes) {
  const [CLEAR, END, FIRST, LAST] = [256, 257, 258, 4093];
  const out = [];
  let [bits, held] = [0, 0];
  let width = 9;
  const put = (code) => {
    held = (held << width) | code;
    bits += width;
    while (bits >= 8) {
      bits -= 8;
      out.push((held >> bits) & 255);
    }
    held &= (1 << bits) - 1;
  };
  let table = new Map();
  let next = FIRST;
  put(CLEAR);
  let prefix = -1;
  for (const byte of bytes) {
    const key = prefix * 256 + byte;
    const known = prefix < 0 ? byte : table.get(key);
    if (known !== undefined) {
      prefix = known;
      continue;
    }
    put(prefix);
    table.set(key, next++);
    if (next === 2 ** width) width++;
    if (next > LAST) {
      put(CLEAR);
      table = new Map();
      [next, width] = [FIRST, 9];
    }
    prefix = byte;
  }
  if (prefix >= 0) {
    put(prefix);
    // The decoder adds an entry for it.
    if (next + 1 > LAST) {
      put(CLEAR);
      width = 9;
    } else if (next + 1 === 2 ** width) width++;
  }
  put(END);
  if (bits > 0) out.push((held << (8 - bits)) & 255);
  return Buffer.from(out);
}
