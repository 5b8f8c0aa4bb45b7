/**
 * @file Files that are made to cost time or memory, by the kind of a parser: deep, long, repeated, quadratic, with sizes that are not true. Each is a name
 * and a function that makes the bytes.
 */
import { deflateSync, gzipSync } from 'node:zlib';
import { crc32 } from './crc32.mjs';

const MILLION = 1_000_000;
const times = (count, make) => Array.from({ length: count }, (_, i) => make(i));
const bytes = (make) => () => Buffer.from(make());

/** A JSON value with all of its lists, objects or texts replaced. */
function changed(value, change) {
  if (Array.isArray(value)) return change.list(value.map((inner) => changed(inner, change)));
  if (typeof value === 'object' && value !== null)
    return change.object(
      Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, changed(inner, change)])),
    );
  return change.scalar(value);
}
const same = (value) => value;
const withKeys = (count) => ({
  list: same,
  object: (object) => {
    const [first] = Object.values(object);
    const value = typeof first === 'object' ? 1 : (first ?? 1);
    return { ...object, ...Object.fromEntries(times(count, (i) => [`k${i}`, value])) };
  },
  scalar: same,
});
const numbered = (count) => ({
  list: same,
  object: (object) => {
    const [first] = Object.values(object);
    const value = typeof first === 'object' ? 1 : (first ?? 1);
    return { ...object, ...Object.fromEntries(times(count, (i) => [String(i), value])) };
  },
  scalar: same,
});
const longTexts = (length) => ({
  list: same,
  object: same,
  scalar: (value) => (typeof value === 'string' ? value.repeat(Math.ceil(length / Math.max(1, value.length))) : value),
});
const texts = (value) => JSON.stringify(value).split('"').length;
const objects = (value) => JSON.stringify(value).split('{').length;

/** JSON, without regard to what is expected in it. */
const anyJson = () => [
  ['brackets, a million deep', bytes(() => '['.repeat(MILLION))],
  ['braces, 200,000 deep and closed', bytes(() => `${'{"a":'.repeat(200_000)}1${'}'.repeat(200_000)}`)],
  ['a million objects, each with a key of its own', bytes(() => `[${times(MILLION, (i) => `{"k${i}":1}`).join(',')}]`)],
  ['a million keys', bytes(() => `{${times(MILLION, (i) => `"k${i}":1`).join(',')}}`)],
  ['64 MiB of space', bytes(() => `${' '.repeat(2 ** 26)}{}`)],
  ['30 MiB of escapes', bytes(() => `["${'\\u0000'.repeat(5 * MILLION)}"]`)],
];

/** JSON by the structure of a valid file. */
const json = (seeds) => [
  ...seeds.flatMap((seed, i) => {
    const value = JSON.parse(seed.toString());
    const deep = seed.toString().replace(/: ?("[^"]*"|\d+)/, `:${'['.repeat(100_000)}${']'.repeat(100_000)}`);
    const perObject = Math.floor(300_000 / objects(value)) + 1;
    return [
      [`seed ${i}, a field 100,000 deep`, bytes(() => deep)],
      [`seed ${i}, the outer lists long`, bytes(() => JSON.stringify(outerLists(value, 300_000)))],
      [`seed ${i}, many keys`, bytes(() => JSON.stringify(changed(value, withKeys(perObject))))],
      [`seed ${i}, many numbers as keys`, bytes(() => JSON.stringify(changed(value, numbered(perObject))))],
      [`seed ${i}, long texts`, bytes(() => JSON.stringify(changed(value, longTexts(2 ** 24 / texts(value)))))],
    ];
  }),
];

/** The lists that are nearest to the root, each of `count` entries. */
function outerLists(value, count) {
  if (Array.isArray(value)) return value.length === 0 ? value : times(count, (i) => value[i % value.length]);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  return Object.fromEntries(entries.map(([key, inner]) => [key, outerLists(inner, Math.ceil(count / entries.length))]));
}

/** YAML of just the length that is taken, and more. */
const LENGTH = 39_900;
const fill = (piece) => piece.repeat(Math.floor(LENGTH / piece.length));
const filled = (make) => {
  let text = '';
  for (let i = 0; text.length < LENGTH - 20; i++) text += make(i);
  return text;
};
const anyYaml = () => [
  ...[
    ['flow', `[${fill('a,')}]`],
    ['flow map', `{${filled((i) => `k${i}: 1,`)}}`],
    ['list', fill('- a\n')],
    ['map', filled((i) => `k${i}: 1\n`)],
    ['one key again and again', fill('a: 1\n')],
    ['deep by indentation', filled((i) => `${' '.repeat(i)}a:\n`)],
    ['deep by dashes', fill('- ')],
    ['deep by brackets', fill('[')],
    ['closing brackets', fill(']')],
    ['closed brackets', fill('[]')],
    ['closed braces', fill('{}')],
    ['commas', `[${fill(',')}]`],
    ['comments', fill('#\n')],
    ['documents', fill('---\n')],
    ['directives', fill('%\n')],
    ['anchors', filled((i) => `- &a${i} 1\n`)],
    ['aliases', `- &a 1\n${fill('- *a\n')}`],
    ['aliases of aliases', filled((i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]\n`)],
    ['quotes', fill('"')],
    ['escapes', `"${fill('\\n')}"`],
    ['backslashes', `"${fill('\\')}`],
    ['colons', fill(':')],
    ['question marks', fill('? a\n')],
    ['exclamation marks', fill('!')],
    ['empty keys', fill(': a\n')],
    ['folded text', `a: >\n${fill(' x\n')}`],
    ['a key of many lines', `${fill('a\n ')}: 1`],
    ['merge keys', fill('<<: {a: 1}\n')],
  ].map(([name, text]) => [name, bytes(() => text)]),
  [
    'a gigabyte of anchors, were they written out',
    bytes(() => `a0: &a0 [x]\n${times(9, (i) => `a${i + 1}: &a${i + 1} [${times(9, () => `*a${i}`)}]\n`).join('')}`),
  ],
  ['64 MiB', bytes(() => '# x\n'.repeat(2 ** 24))],
];

/** YAML by a valid file. */
const yaml = (seeds) => [
  ...seeds.flatMap((seed, i) => [
    [`seed ${i}, a long text`, bytes(() => seed.toString().replace(/: ?(\w+)/, `: ${'x'.repeat(LENGTH / 2)}`))],
    [
      `seed ${i}, a pattern that never ends`,
      bytes(() => `${seed}\n`.replace(/\(\.\+\)/, '(.+)+(.+)+(.+)+(.+)+(.+)+#')),
    ],
  ]),
];

/** Lists and tables: of nothing but one sign, of a million lines, of the last line of a valid file again and again. */
const lines = (seeds) => [
  ...[' ', ',', '"', 'a', '\n', '",', 'a.a '].map((piece) => [
    `30 MiB of ${JSON.stringify(piece)}`,
    bytes(() => piece.repeat(Math.floor((30 * 2 ** 20) / Buffer.byteLength(piece)))),
  ]),
  ['64 MiB', bytes(() => 'a\n'.repeat(2 ** 25))],
  ...seeds.flatMap((seed, i) => {
    const all = seed.toString().trimEnd().split('\n');
    const last = all.at(-1);
    const head = all
      .slice(0, -1)
      .map((line) => `${line}\n`)
      .join('');
    return [
      [
        `seed ${i}, its last line a million times`,
        bytes(() => `${head}${`${last}\n`.repeat(Math.min(MILLION, Math.floor((31 * 2 ** 20) / (last.length + 1))))}`),
      ],
      [
        `seed ${i}, a million other lines`,
        bytes(
          () =>
            `${head}${times(Math.min(900_000, Math.floor((31 * 2 ** 20) / (last.length + 7))), (k) => `${k}${last}\n`).join('')}`,
        ),
      ],
      [
        `seed ${i}, many spaces in a line`,
        bytes(() => `${head}${last.slice(0, -1)}${' '.repeat(2 ** 20)}${last.at(-1)}`),
      ],
    ];
  }),
];

/** Event logs: many events, long ones, deep ones. */
const log = (seeds) => {
  const all = seeds[0].toString().trimEnd().split('\n');
  const [first, last] = [all[0], all.at(-1)];
  const note = (message) => `{"seq":1,"time":"2025-01-02T03:04:05.000Z","type":"note","message":${message}}\n`;
  return [
    [
      '15 MiB of a valid log',
      bytes(() => `${first}\n${`${last}\n`.repeat(Math.floor((15 * 2 ** 20) / (last.length + 1)))}`),
    ],
    ['32 MiB in one line', bytes(() => note(`"${'x'.repeat(2 ** 25)}"`))],
    ['32 MiB without an end', bytes(() => `${first}\n${'x'.repeat(2 ** 25)}`)],
    ['32 MiB of empty lines', bytes(() => `${first}\n${'\n'.repeat(2 ** 25)}`)],
    ['lines of a megabyte of brackets', bytes(() => `${first}\n${note(`[${'[],'.repeat(300_000)}[]]`).repeat(20)}`)],
    ['lines of half a megabyte of text', bytes(() => `${first}\n${note(`"${'x'.repeat(2 ** 19)}"`).repeat(60)}`)],
    ['a line 100,000 deep', bytes(() => `${first}\n${note('['.repeat(100_000) + ']'.repeat(100_000))}`)],
    ['many short notes', bytes(() => `${first}\n${note('""').repeat(150_000)}`)],
    [
      'an event with a million keys',
      bytes(() => `${first}\n${note(`"",${times(60_000, (i) => `"k${i}":{}`).join(',')}`)}`),
    ],
  ];
};

const pngChunk = (type, body) => {
  const chunk = Buffer.alloc(12 + body.length);
  chunk.writeUInt32BE(body.length, 0);
  chunk.write(type, 4, 'latin1');
  Buffer.from(body).copy(chunk, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + body.length)), 8 + body.length);
  return chunk;
};
const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** A PNG of any size whose data are these. */
export function png(width, height, bitDepth, colourType, data, interlace = 0, more = []) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  Buffer.from([bitDepth, colourType, 0, 0, interlace]).copy(header, 8);
  return Buffer.concat([SIGNATURE, pngChunk('IHDR', header), ...more, pngChunk('IDAT', data), pngChunk('IEND', [])]);
}
const bomb = (length) => deflateSync(Buffer.alloc(length));
const pngs = () => [
  ['4 billion pixels', () => png(65535, 65535, 8, 2, bomb(1000))],
  ['more samples than are taken', () => png(11_000, 11_000, 16, 6, bomb(1000))],
  ['100 million pixels and none of them', () => png(10_000, 10_000, 8, 2, bomb(1000))],
  ['a bomb behind a small header', () => png(10, 10, 8, 2, bomb(2 ** 28))],
  [
    'a million empty chunks',
    () =>
      png(
        2,
        2,
        8,
        0,
        bomb(6),
        0,
        times(300_000, () => pngChunk('teXt', [])),
      ),
  ],
  [
    'a million empty chunks of data',
    () =>
      png(
        2,
        2,
        8,
        0,
        bomb(6),
        0,
        times(300_000, () => pngChunk('IDAT', [])),
      ),
  ],
  ['a chunk of 30 MiB', () => png(2, 2, 8, 0, bomb(6), 0, [pngChunk('teXt', Buffer.alloc(30 * 2 ** 20))])],
];
const jpegs = (seeds) => [
  ['4 billion pixels', () => sized(seeds[0], 0xc0, 65_500, 65_500)],
  ['a progressive one of 100 million pixels', () => sized(seeds[1], 0xc2, 10_000, 10_000)],
  [
    'a million comments',
    () =>
      Buffer.concat([
        seeds[0].subarray(0, 2),
        ...times(500_000, () => Buffer.from([0xff, 0xfe, 0, 2])),
        seeds[0].subarray(2),
      ]),
  ],
  [
    'a hundred thousand scans',
    () =>
      Buffer.concat([
        seeds[1].subarray(0, -2),
        ...times(100_000, () => Buffer.from([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 0])),
        seeds[1].subarray(-2),
      ]),
  ],
];
function sized(seed, marker, width, height) {
  const jpeg = Buffer.from(seed);
  const frame = jpeg.indexOf(Buffer.from([0xff, marker]));
  jpeg.writeUInt16BE(height, frame + 5);
  jpeg.writeUInt16BE(width, frame + 7);
  return jpeg;
}
/** A little-endian TIFF of one directory with these entries `[tag, type, count, value]`. */
export function tiff(entries, data = Buffer.alloc(0)) {
  const directory = Buffer.alloc(2 + 12 * entries.length + 4);
  directory.writeUInt16LE(entries.length, 0);
  entries.forEach(([tag, type, count, value], i) => {
    directory.writeUInt16LE(tag, 2 + 12 * i);
    directory.writeUInt16LE(type, 4 + 12 * i);
    directory.writeUInt32LE(count, 6 + 12 * i);
    directory.writeUInt32LE(value >>> 0, 10 + 12 * i);
  });
  const head = Buffer.alloc(8);
  head.write('II*\0', 'latin1');
  head.writeUInt32LE(8, 4);
  return Buffer.concat([head, directory, data]);
}
const tags = (width, height, more = []) => [
  [256, 4, 1, width],
  [257, 4, 1, height],
  [258, 3, 1, 8],
  [259, 3, 1, 1],
  [262, 3, 1, 1],
  ...more,
];
const tiffs = () => [
  [
    '4 billion pixels',
    () =>
      tiff(
        tags(65_535, 65_535, [
          [273, 4, 1, 8],
          [277, 3, 1, 1],
          [278, 4, 1, 65_535],
          [279, 4, 1, 100],
        ]),
      ),
  ],
  [
    '100 million pixels and none of them',
    () =>
      tiff(
        tags(10_000, 10_000, [
          [273, 4, 1, 8],
          [277, 3, 1, 1],
          [278, 4, 1, 10_000],
          [279, 4, 1, 100_000_000],
        ]),
      ),
  ],
  [
    'four billion strips',
    () =>
      tiff(
        tags(1000, 1000, [
          [273, 4, 0xffffffff, 8],
          [277, 3, 1, 1],
          [278, 4, 1, 1],
          [279, 4, 0xffffffff, 8],
        ]),
      ),
  ],
  ['65,535 tags', () => tiff(times(65_535, (i) => [i, 3, 1, 1]))],
  [
    'a directory that follows itself',
    () => {
      const file = tiff(tags(4, 4));
      file.writeUInt32LE(8, file.length - 4);
      return file;
    },
  ],
];

/** A TIFF of one strip behind its directory, of `channels` channels of `bits` bits. */
const channelTiff = (width, height, channels, bits, strip, more = []) => {
  const entries = [
    [256, 4, 1, width],
    [257, 4, 1, height],
    [258, 3, 1, bits],
    [259, 3, 1, 1],
    [262, 3, 1, 1],
    [273, 4, 1, 8],
    [277, 3, 1, channels],
    [278, 4, 1, height],
    [279, 4, 1, strip.length],
    [284, 3, 1, 1],
    [339, 3, 1, bits === 32 ? 3 : 1],
    ...more,
  ].sort(([a], [b]) => a - b);
  const compressed = more.some(([tag]) => tag === 259)
    ? entries.filter(([tag, , , value]) => tag !== 259 || value !== 1)
    : entries;
  const at = 8 + 2 + 12 * compressed.length + 4;
  return tiff(
    compressed.map((entry) => (entry[0] === 273 ? [273, 4, 1, at] : entry)),
    strip,
  );
};
const channelTiffs = () => [
  ...tiffs(),
  ['200 channels, 3 GB, and none of them', () => channelTiff(2000, 2000, 200, 32, Buffer.alloc(0))],
  ['as large as is read, and nothing of it', () => channelTiff(4096, 4096, 12, 16, Buffer.alloc(0))],
  ['65,535 channels', () => channelTiff(1, 1, 65_535, 8, Buffer.alloc(65_535))],
  [
    'a strip that inflates to 256 MiB',
    () => channelTiff(16, 16, 4, 16, deflateSync(Buffer.alloc(256 * 2 ** 20)), [[259, 3, 1, 8]]),
  ],
  [
    'extra samples without end',
    () =>
      channelTiff(
        4,
        4,
        6,
        8,
        Buffer.alloc(96),
        times(60_000, () => [338, 3, 60_000, 8]),
      ),
  ],
];

const element = (group, number, vr, value) => {
  const head = Buffer.alloc(12);
  head.writeUInt16LE(group, 0);
  head.writeUInt16LE(number, 2);
  head.write(vr, 4, 'latin1');
  head.writeUInt32LE(value === undefined ? 0xffffffff : value.length, 8);
  return Buffer.concat([head, value ?? Buffer.alloc(0)]);
};
const item = Buffer.from([0xfe, 0xff, 0x00, 0xe0, 0xff, 0xff, 0xff, 0xff]);
/** A slice with these elements before its pixels. */
function before(seed, more) {
  const at = seed.indexOf(Buffer.from([0x28, 0x00, 0x02, 0x00]));
  return Buffer.concat([seed.subarray(0, at), more, seed.subarray(at)]);
}
const dicoms = (seeds) => {
  const seed = seeds.find((each) => each.indexOf('1.2.840.10008.1.2.1') > 0) ?? seeds[0];
  const sequence = Buffer.concat([element(0x20, 0x9000, 'SQ'), item]);
  const empty = Buffer.from([0x20, 0, 0, 0x91, 0x4c, 0x4f, 0, 0]);
  return [
    ['sequences, 1,000 deep', () => before(seed, Buffer.concat(times(1000, () => sequence)))],
    ['sequences, a million deep', () => before(seed, Buffer.concat(times(MILLION, () => sequence)))],
    [
      'a million items',
      () => before(seed, Buffer.concat([element(0x20, 0x9000, 'SQ'), ...times(MILLION, () => item)])),
    ],
    ['four million empty elements', () => before(seed, Buffer.alloc(32 * MILLION, empty))],
    [
      'elements with tags of their own',
      () =>
        before(
          seed,
          Buffer.concat(
            times(500_000, (i) => {
              const own = Buffer.from(empty);
              own.writeUInt32LE(0x20 + (i % 65_000) * 65_536, 0);
              return own;
            }),
          ),
        ),
    ],
    [
      'unknown elements without a length',
      () => before(seed, Buffer.concat(times(200_000, () => element(0x20, 0x9000, 'UN')))),
    ],
    ['pixels without a length', () => before(seed, Buffer.concat(times(200_000, () => element(0x7fe0, 0x10, 'OB'))))],
    ['a text of 30 MiB', () => before(seed, element(0x20, 0x4000, 'UT', Buffer.alloc(30 * 2 ** 20, 'x')))],
    [
      'sizes that are not true',
      () => {
        const file = Buffer.from(seed);
        const at = file.indexOf(Buffer.from([0x28, 0, 0x10, 0]));
        file.writeUInt16LE(65_535, at + 8);
        return file;
      },
    ],
  ];
};

const niftis = (seeds) => [
  ...[
    [40, 2, 32767],
    [42, 2, 32767],
    [108, 4, 0x7fffffff],
    [70, 2, 64],
    [72, 2, 64],
    [40, 2, 7],
  ].map(([at, width, value]) => [
    `the header says ${value} at byte ${at}`,
    () => {
      const file = Buffer.from(seeds[0]);
      file.writeUIntLE(value, at, width);
      return file;
    },
  ]),
  [
    'every size at its largest',
    () => {
      const file = Buffer.from(seeds[0]);
      for (let i = 0; i < 8; i++) file.writeInt16LE(i === 0 ? 7 : 32767, 40 + 2 * i);
      return file;
    },
  ],
  [
    '30 MiB of extensions',
    () => {
      const file = Buffer.concat([seeds[0].subarray(0, 352), Buffer.alloc(30 * 2 ** 20), seeds[0].subarray(352)]);
      file[348] = 1;
      file.writeFloatLE(352 + 30 * 2 ** 20, 108);
      for (let at = 352; at < 352 + 30 * 2 ** 20; at += 16) file.writeInt32LE(16, at);
      return file;
    },
  ],
];
const gzs = (seeds) => [
  ['a bomb', () => gzipSync(Buffer.alloc(2 ** 28))],
  ['a volume and a bomb', () => Buffer.concat([seeds[0], gzipSync(Buffer.alloc(2 ** 28))])],
  ['100,000 empty members', () => Buffer.concat(times(100_000, () => gzipSync('', { level: 0 })))],
];

const withHeader = (header) => {
  const head = Buffer.alloc(8);
  head.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([head, Buffer.from(header)]);
};
const safetensors = () => {
  const entry = (shape, offsets) => `{"dtype":"F32","shape":${shape},"data_offsets":${offsets}}`;
  return [
    ['a header of 4 exabytes', () => Buffer.alloc(64, 0x7b)],
    ['a header of 90 MB', () => withHeader(`{${' '.repeat(90 * MILLION)}}`)],
    [
      'a million tensors',
      () => withHeader(`{${times(MILLION / 4, (i) => `"t${i}":${entry('[0]', '[0,0]')}`).join(',')}}`),
    ],
    ['80,000 tensors', () => withHeader(`{${times(80_000, (i) => `"t${i}":${entry('[0]', '[0,0]')}`).join(',')}}`)],
    ['a shape of a million', () => withHeader(`{"t":${entry(`[${'1,'.repeat(MILLION)}0]`, '[0,0]')}}`)],
    ['deep metadata', () => withHeader(`{"__metadata__":${'['.repeat(100_000)}${']'.repeat(100_000)}}`)],
    ['much metadata', () => withHeader(`{"__metadata__":{${times(300_000, (i) => `"k${i}":""`).join(',')}}}`)],
  ];
};

/** A protobuf field of bytes. */
const field = (number, content) => {
  const body = Buffer.from(content);
  const length = [];
  for (let rest = body.length; ; rest = Math.floor(rest / 128)) {
    length.push(rest >= 128 ? (rest % 128) + 128 : rest);
    if (rest < 128) break;
  }
  return Buffer.concat([Buffer.from([number * 8 + 2]), Buffer.from(length), body]);
};
const entryOf = (key, value) => field(14, Buffer.concat([field(1, key), field(2, value)]));
const onnx = (seeds) => {
  const more = (key, value) => Buffer.concat([seeds[0], entryOf(key, value)]);
  return [
    ['a million entries', () => Buffer.concat([seeds[0], ...times(MILLION / 2, (i) => entryOf(`k${i}`, ''))])],
    ['a text of 40 MiB', () => more('version', Buffer.alloc(40 * 2 ** 20, 'x'))],
    ['a text of 10 MiB', () => more('result', Buffer.alloc(10 * 2 ** 20, 'x'))],
    ['classes, deep', () => more('classes', '['.repeat(MILLION))],
    ['a million classes', () => more('classes', `[${'"a",'.repeat(MILLION)}"a"]`)],
    ['a million colours', () => more('palette', `[${'[1,2,3],'.repeat(MILLION / 2)}[1,2,3]]`)],
    [
      'a million of normalisation',
      () =>
        more(
          'preparation',
          `{"normalisation":[${'{"kind":"none"},'.repeat(300_000)}{"kind":"none"}],"spacingMm":null,"cropForeground":true}`,
        ),
    ],
    ['a size of a million sides', () => more('input_size', `[${'1,'.repeat(MILLION)}1]`)],
    ['fields without end', () => Buffer.alloc(30 * 2 ** 20, Buffer.from([0x08, 0x01]))],
    ['a length that is not true', () => Buffer.concat([seeds[0], Buffer.from([0x72, 0xff, 0xff, 0xff, 0xff, 0x7f])])],
    ['groups, deep', () => Buffer.alloc(2 ** 20, 0x0b)],
  ];
};

const KINDS = {
  json,
  yaml,
  lines,
  log,
  png: pngs,
  jpeg: jpegs,
  tiff: tiffs,
  channels: channelTiffs,
  dicom: dicoms,
  nifti: niftis,
  gz: gzs,
  safetensors,
  onnx,
};

/** What one parser of a kind is given for all: every JSON file is parsed by one function, every YAML file by another. */
const FOR_ALL = { json: anyJson, yaml: anyYaml };

/** The hostile inputs of a row: `[name, make]` each; with `all` also those that one row of its kind gets for all. A row without a kind has none. */
export const hostileTo = ({ kind, seeds }, all = false) => [
  ...(all ? (FOR_ALL[kind]?.() ?? []) : []),
  ...(KINDS[kind]?.(seeds) ?? []),
];
