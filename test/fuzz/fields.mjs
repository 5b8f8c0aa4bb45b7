/**
 * @file Damage to the fields of a file, by the grammar of its format: what is written is well formed, and what it says is not true. Bytes at random rarely
 * get behind the first check of a format. A function of seeds and numbers alone, as in `mutate.mjs`.
 */
import { gunzipSync, gzipSync } from 'node:zlib';
import { parse as parseYaml, stringify } from 'yaml';
import { crc32 } from './crc32.mjs';

const NUMBERS = [
  0,
  1,
  2,
  3,
  7,
  8,
  15,
  16,
  127,
  128,
  255,
  256,
  4096,
  32767,
  32768,
  65535,
  2 ** 24,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
];
const REALS = [
  0,
  -0,
  1,
  -1,
  0.5,
  1e-45,
  1e-30,
  1e30,
  3.4e38,
  -3.4e38,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
];
const TEXTS = [
  '',
  ' ',
  '.',
  '..',
  '../x',
  '/etc/passwd',
  'a/../../b',
  '__proto__',
  'constructor',
  '\u0000',
  '\ufeff',
  'é',
  '💥',
  'x'.repeat(5000),
  '-1',
  '0',
  '1e999',
  'NaN',
  'null',
  '[]',
  '^(a+)+$',
  '%s',
  '\n',
  '\'"',
  '0'.repeat(400),
];
const pick = (list, random) => list[random(list.length)];
const nested = (depth) => {
  let value = [];
  for (let i = 0; i < depth; i++) value = i % 2 === 0 ? [value] : { a: value };
  return value;
};
const anyValue = (random) => {
  const kinds = [
    () => pick(NUMBERS, random),
    () => -pick(NUMBERS, random),
    () => pick([0.1, 1e308, -1e308, 5e-324, 2 ** 53, 1e21], random),
    () => pick(TEXTS, random),
    () => pick([null, true, false], random),
    () => [],
    () => ({}),
    () => nested(1 + random(70)),
    () => Array.from({ length: 1 + random(2000) }, () => pick(NUMBERS, random)),
  ];
  return pick(kinds, random)();
};

/** Every place in a value: the object or list that holds it, and its key. */
function placesOf(value, places = []) {
  if (typeof value !== 'object' || value === null) return places;
  for (const key of Object.keys(value)) {
    places.push([value, key]);
    placesOf(value[key], places);
  }
  return places;
}

/** A value with one to three of its fields changed, gone, twice, elsewhere or of another kind. */
function changeValue(original, random) {
  const root = { value: structuredClone(original) };
  for (let count = 1 + random(3); count > 0; count--) {
    const places = placesOf(root);
    const [holder, key] = pick(places, random);
    const changes = [
      () => {
        holder[key] = anyValue(random);
      },
      () => {
        holder[key] = anyValue(random);
      },
      () => {
        if (Array.isArray(holder)) holder.splice(Number(key), 1);
        else if (holder !== root) delete holder[key];
      },
      () => {
        const [from, name] = pick(places, random);
        holder[key] = structuredClone(from[name]);
      },
      () => {
        holder[key] = [holder[key]];
      },
      () => {
        if (Array.isArray(holder[key])) holder[key] = holder[key].flatMap((one) => [one, structuredClone(one)]);
      },
      () => {
        if (!Array.isArray(holder) && holder !== root) {
          holder[pick(TEXTS.slice(0, 12), random)] = holder[key];
        }
      },
      () => {
        if (typeof holder[key] === 'number') holder[key] += pick([1, -1, 0.5, 1e9], random);
      },
    ];
    pick(changes, random)();
  }
  return root.value;
}

const json = (seed, random) => Buffer.from(JSON.stringify(changeValue(JSON.parse(seed.toString()), random)) ?? 'null');
const yaml = (seed, random) =>
  Buffer.from(stringify(changeValue(parseYaml(seed.toString()), random), { aliasDuplicateObjects: random(4) === 0 }));

/** Lists and tables: fields of lines. */
function lines(seed, random) {
  const all = seed.toString().split('\n');
  for (let count = 1 + random(3); count > 0; count--) {
    const at = random(all.length);
    const parts = all[at].split(/([,:;\s])/);
    const changes = [
      () => {
        parts[random(parts.length)] = pick(TEXTS, random);
        all[at] = parts.join('');
      },
      () => {
        parts[random(parts.length)] = String(pick(NUMBERS, random));
        all[at] = parts.join('');
      },
      () => {
        all.splice(at, 1);
      },
      () => {
        all.splice(at, 0, pick(all, random));
      },
      () => {
        all[at] = `"${all[at]}`;
      },
      () => {
        all[at] = parts.reverse().join('');
      },
    ];
    pick(changes, random)();
  }
  return Buffer.from(all.join(pick(['\n', '\n', '\r\n', '\r'], random)));
}

/** Logs: one event with other fields, or events in another order. */
function log(seed, random) {
  const all = seed.toString().split('\n').filter(Boolean);
  const at = random(all.length);
  if (random(5) === 0) all.splice(random(all.length), 0, all[at]);
  else all[at] = JSON.stringify(changeValue(JSON.parse(all[at]), random)) ?? 'null';
  return Buffer.from(all.map((line) => `${line}\n`).join(''));
}

/** NIfTI-1: place and kind of its fields. */
const NIFTI = [
  [0, 'i4'],
  [39, 'u1'],
  ...Array.from({ length: 8 }, (_, i) => [40 + 2 * i, 'i2']),
  [56, 'f4'],
  [60, 'f4'],
  [64, 'f4'],
  [68, 'i2'],
  [70, 'i2'],
  [72, 'i2'],
  [74, 'i2'],
  ...Array.from({ length: 8 }, (_, i) => [76 + 4 * i, 'f4']),
  [108, 'f4'],
  [112, 'f4'],
  [116, 'f4'],
  [120, 'i2'],
  [122, 'u1'],
  [123, 'u1'],
  [124, 'f4'],
  [252, 'i2'],
  [254, 'i2'],
  ...Array.from({ length: 18 }, (_, i) => [256 + 4 * i, 'f4']),
  [344, 'u1'],
  [345, 'u1'],
  [346, 'u1'],
  [348, 'u1'],
];
function nifti(seed, random) {
  const file = Buffer.from(seed);
  for (let count = 1 + random(4); count > 0; count--) {
    const [at, kind] = pick(NIFTI, random);
    if (at + 4 > file.length) continue;
    if (kind === 'f4') file.writeFloatLE(pick(random(2) ? REALS : NUMBERS, random), at);
    else if (kind === 'i4') file.writeInt32LE(pick(NUMBERS, random) | 0, at);
    else if (kind === 'i2') file.writeInt16LE((pick(NUMBERS, random) << 16) >> 16, at);
    else file[at] = pick(NUMBERS, random) & 255;
  }
  return file;
}

/** The elements of a file of explicit VR in the little-endian order, from behind its preamble. */
function elementsOf(bytes) {
  const found = [];
  for (let at = 132; at + 8 <= bytes.length; ) {
    const vr = bytes.toString('latin1', at + 4, at + 6);
    const long = ['OB', 'OW', 'SQ', 'UN', 'UT'].includes(vr);
    const length = long ? bytes.readUInt32LE(at + 8) : bytes.readUInt16LE(at + 6);
    const start = at + (long ? 12 : 8);
    found.push({
      group: bytes.readUInt16LE(at),
      number: bytes.readUInt16LE(at + 2),
      vr,
      value: bytes.subarray(start, start + length),
      length,
    });
    at = start + length;
  }
  return found;
}
const VRS = ['US', 'UL', 'SS', 'DS', 'IS', 'LO', 'UI', 'SQ', 'UN', 'OB', 'OW', 'UT', 'AT', 'FD', 'ZZ', '\0\0'];
function encodeElement({ group, number, vr, value, length = value.length }) {
  const long = ['OB', 'OW', 'SQ', 'UN', 'UT'].includes(vr);
  const head = Buffer.alloc(long ? 12 : 8);
  head.writeUInt16LE(group, 0);
  head.writeUInt16LE(number, 2);
  head.write(vr, 4, 'latin1');
  if (long) head.writeUInt32LE(length >>> 0, 8);
  else head.writeUInt16LE(length & 65535, 6);
  return Buffer.concat([head, value]);
}
const inSequence = (element, random) => {
  const open = random(2) === 0;
  const inner = encodeElement(element);
  const item = Buffer.from([0xfe, 0xff, 0, 0xe0, 0xff, 0xff, 0xff, 0xff]);
  if (!open) item.writeUInt32LE(inner.length, 4);
  const ends = open
    ? [Buffer.from([0xfe, 0xff, 0x0d, 0xe0, 0, 0, 0, 0]), Buffer.from([0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0])].slice(
        0,
        random(3),
      )
    : [];
  const value = Buffer.concat([item, inner, ...ends]);
  return { ...element, vr: 'SQ', value, length: open ? 0xffffffff : value.length };
};
function dicom(seed, random) {
  const elements = elementsOf(seed);
  for (let count = 1 + random(3); count > 0 && elements.length > 0; count--) {
    const at = random(elements.length);
    const own = elements[at];
    const valued = (value) => {
      elements[at] = { ...own, value, length: value.length };
    };
    const changes = [
      () => {
        elements[at] = { ...own, vr: pick(VRS, random) };
      },
      () => {
        elements[at] = { ...own, length: pick(NUMBERS, random) };
      },
      () => {
        elements[at] = { ...own, length: 0xffffffff };
      },
      () => valued(Buffer.from(pick(TEXTS, random))),
      () =>
        valued(Buffer.from(pick(['1\\2\\3\\4\\5\\6', '0\\0', '1e400\\nan\\-', '\\\\\\', '1\\0\\0\\0\\1\\0'], random))),
      () => {
        const number = Buffer.alloc(2);
        number.writeUInt16LE(pick(NUMBERS, random) & 65535);
        valued(number);
      },
      () => {
        elements.splice(at, 1);
      },
      () => {
        elements.splice(random(elements.length), 0, own);
      },
      () => {
        let deep = own;
        for (let i = 1 + random(40); i > 0; i--) deep = inSequence(deep, random);
        elements[at] = deep;
      },
      () => {
        elements[at] = { ...own, group: pick(NUMBERS, random) & 65535, number: pick(NUMBERS, random) & 65535 };
      },
    ];
    pick(changes, random)();
  }
  return Buffer.concat([seed.subarray(0, 132), ...elements.map(encodeElement)]);
}

/** PNG: chunks with right checksums. */
function png(seed, random) {
  const chunks = [];
  for (let at = 8; at + 12 <= seed.length; ) {
    const length = seed.readUInt32BE(at);
    chunks.push({
      type: seed.toString('latin1', at + 4, at + 8),
      body: Buffer.from(seed.subarray(at + 8, at + 8 + length)),
    });
    at += 12 + length;
  }
  for (let count = 1 + random(3); count > 0; count--) {
    const at = random(chunks.length);
    const { body } = chunks[at];
    const changes = [
      () => chunks[0].body.length === 13 && chunks[0].body.writeUInt32BE(pick(NUMBERS, random), 4 * random(2)),
      () => {
        if (chunks[0].body.length === 13) chunks[0].body[8 + random(5)] = pick([0, 1, 2, 3, 4, 6, 8, 16, 255], random);
      },
      () => {
        chunks[at] = {
          ...chunks[at],
          type: pick(['IHDR', 'PLTE', 'IDAT', 'IEND', 'tRNS', 'eXIf', 'tEXt', 'ABCD', 'gAMA'], random),
        };
      },
      () => {
        chunks[at] = { ...chunks[at], body: body.subarray(0, random(body.length + 1)) };
      },
      () => {
        chunks.splice(at, 1);
        if (chunks.length === 0) chunks.push({ type: 'IEND', body: Buffer.alloc(0) });
      },
      () => {
        chunks.splice(random(chunks.length), 0, chunks[at]);
      },
      () => {
        chunks.splice(1, 0, { type: 'PLTE', body: Buffer.alloc(pick([0, 1, 3, 6, 768, 771], random)) });
      },
      () => {
        chunks.splice(1, 0, { type: 'eXIf', body: tiffOf(random) });
      },
    ];
    pick(changes, random)();
  }
  return Buffer.concat([
    seed.subarray(0, 8),
    ...chunks.map(({ type, body }) => {
      const chunk = Buffer.alloc(12 + body.length);
      chunk.writeUInt32BE(body.length, 0);
      chunk.write(type, 4, 'latin1');
      body.copy(chunk, 8);
      chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + body.length)), 8 + body.length);
      return chunk;
    }),
  ]);
}

/** EXIF data of one directory. */
function tiffOf(random) {
  const bytes = Buffer.alloc(26);
  bytes.write(pick(['II*\0', 'MM\0*'], random), 'latin1');
  bytes.writeUInt32LE(pick([8, ...NUMBERS], random), 4);
  bytes.writeUInt16LE(pick(NUMBERS, random) & 65535, 8);
  bytes.writeUInt16LE(274, 10);
  bytes.writeUInt16LE(3, 12);
  bytes.writeUInt16LE(pick(NUMBERS, random) & 65535, 18);
  return bytes;
}

/** TIFF: entries of its first directory. */
function tiff(seed, random) {
  const file = Buffer.from(seed);
  const little = file[0] === 0x49;
  const read16 = (at) => (little ? file.readUInt16LE(at) : file.readUInt16BE(at));
  const write16 = (value, at) =>
    little ? file.writeUInt16LE(value & 65535, at) : file.writeUInt16BE(value & 65535, at);
  const write32 = (value, at) => (little ? file.writeUInt32LE(value >>> 0, at) : file.writeUInt32BE(value >>> 0, at));
  const start = little ? file.readUInt32LE(4) : file.readUInt32BE(4);
  if (start + 2 > file.length) return file;
  const entries = Math.min(read16(start), Math.floor((file.length - start - 2) / 12));
  if (entries === 0) return file;
  for (let count = 1 + random(3); count > 0; count--) {
    const at = start + 2 + 12 * random(entries);
    pick(
      [
        () =>
          write16(
            pick(
              [
                256, 257, 258, 259, 262, 273, 274, 277, 278, 279, 284, 317, 322, 323, 324, 325, 330, 338, 339, 347,
                34665, 65535,
              ],
              random,
            ),
            at,
          ),
        () => write16(pick([0, 1, 2, 3, 4, 5, 7, 12, 13, 16, 255], random), at + 2),
        () => write32(pick(NUMBERS, random), at + 4),
        () => write32(pick(NUMBERS, random), at + 8),
        () => write32(pick(NUMBERS, random), at + 8),
      ],
      random,
    )();
  }
  return file;
}

/** JPEG: its segments before the first scan. */
function jpeg(seed, random) {
  const file = Buffer.from(seed);
  const segments = [];
  for (let at = 2; at + 4 < file.length && file[at] === 0xff; at += 2 + file.readUInt16BE(at + 2)) {
    segments.push(at);
    if (file[at + 1] === 0xda) break;
  }
  for (let count = 1 + random(3); count > 0; count--) {
    const at = pick(segments, random);
    const length = file.readUInt16BE(at + 2);
    pick(
      [
        () => {
          file[at + 1] = pick(
            [0xc0, 0xc1, 0xc2, 0xc4, 0xc9, 0xd8, 0xd9, 0xda, 0xdb, 0xdd, 0xe0, 0xe1, 0xe2, 0xee, 0xfe],
            random,
          );
        },
        () => file.writeUInt16BE(pick(NUMBERS, random) & 65535, at + 2),
        () => {
          file[Math.min(file.length - 1, at + 4 + random(Math.max(1, length - 2)))] = pick(NUMBERS, random) & 255;
        },
        () => {
          const frame = segments.find((one) => [0xc0, 0xc2].includes(file[one + 1]));
          if (frame) file.writeUInt16BE(pick(NUMBERS, random) & 65535, frame + 5 + 2 * random(2));
        },
      ],
      random,
    )();
  }
  return file;
}

/** safetensors: the entries of the header, of a length that is true. */
function safetensors(seed, random) {
  const length = Number(seed.readBigUInt64LE(0));
  const header = Buffer.from(
    JSON.stringify(changeValue(JSON.parse(seed.toString('utf8', 8, 8 + length)), random)) ?? 'null',
  );
  const head = Buffer.alloc(8);
  head.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([head, header, seed.subarray(8 + length)]);
}

/** Reads a variable-length number of a protobuf message. */
function readNumber(bytes, at) {
  let [value, factor, next] = [0, 1, at];
  for (; next < bytes.length; factor *= 128) {
    const byte = bytes[next++];
    value += (byte & 127) * factor;
    if (byte < 128) break;
  }
  return [value, next];
}
function writeNumber(value) {
  const bytes = [];
  if (!Number.isSafeInteger(value) || value < 0) return writeNumber(0);
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    bytes.push(rest >= 128 ? (rest % 128) + 128 : rest);
    if (rest < 128) return Buffer.from(bytes);
  }
}
/** The fields of a protobuf message that is well formed. */
function fieldsOf(bytes) {
  const fields = [];
  for (let at = 0; at < bytes.length; ) {
    const [tag, start] = readNumber(bytes, at);
    const wire = tag % 8;
    let end = start;
    if (wire === 0) end = readNumber(bytes, start)[1];
    else if (wire === 1) end = start + 8;
    else if (wire === 5) end = start + 4;
    else {
      const [length, inner] = readNumber(bytes, start);
      end = inner + length;
      fields.push({ number: Math.floor(tag / 8), wire, body: bytes.subarray(inner, end) });
      at = end;
      continue;
    }
    fields.push({ number: Math.floor(tag / 8), wire, body: bytes.subarray(start, end) });
    at = end;
  }
  return fields;
}
const encodeFields = (fields) =>
  Buffer.concat(
    fields.flatMap(({ number, wire, body, length = body.length }) => [
      writeNumber(number * 8 + wire),
      ...(wire === 2 ? [writeNumber(length)] : []),
      body,
    ]),
  );
/** ONNX: fields of the model, and the JSON of its metadata. */
function onnx(seed, random) {
  const fields = fieldsOf(seed);
  const metadata = fields.flatMap(({ number }, i) => (number === 14 ? [i] : []));
  for (let count = 1 + random(3); count > 0; count--) {
    const at = random(4) === 0 ? random(fields.length) : pick(metadata, random);
    const field = fields[at];
    if (!field) continue;
    pick(
      [
        () => {
          const [key, value] = fieldsOf(field.body);
          if (value === undefined) return;
          let content;
          try {
            content = JSON.stringify(changeValue(JSON.parse(value.body.toString()), random)) ?? '';
          } catch {
            content = pick(TEXTS, random);
          }
          fields[at] = { ...field, body: encodeFields([key, { ...value, body: Buffer.from(content) }]) };
        },
        () => {
          fields.splice(random(fields.length), 0, field);
        },
        () => {
          fields[at] = { ...field, number: 1 + random(30) };
        },
        () => {
          fields[at] = { ...field, length: pick(NUMBERS, random) };
        },
        () => {
          fields[at] = { ...field, wire: pick([0, 1, 2, 3, 4, 5, 6, 7], random) };
        },
        () => {
          fields.splice(at, 1);
        },
      ],
      random,
    )();
  }
  return encodeFields(fields);
}

const gz = (seed, random) => gzipSync(nifti(gunzipSync(seed), random));

const KINDS = { json, yaml, lines, log, nifti, gz, dicom, png, tiff, channels: tiff, jpeg, safetensors, onnx };

/** Whether there is a grammar for a kind of rows. */
export const hasFields = (kind) => Object.hasOwn(KINDS, kind);

/** A file with some fields changed, by the grammar of a kind; the seed itself where it does not follow the grammar. */
export function changeFields(kind, seeds, random) {
  const seed = Buffer.from(pick(seeds, random));
  // The elements of DICOM files are written with explicit VR and the little-endian order only.
  if (kind === 'dicom' && !(seed.length > 132 && seed.toString('latin1', 128, 132) === 'DICM')) return seed;
  return KINDS[kind](seed, random);
}
