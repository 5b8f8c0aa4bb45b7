/**
 * @file Damaged inputs: a function of seeds and numbers alone, so that an input comes back from its index. Small steps from valid files get
 * further into a parser than noise does; tokens get further than bytes.
 */

/** Whole numbers in [0, limit) from a seed and an index (xorshift on a mixed key). */
export function randomOf(seed, index) {
  let state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35)) | 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  for (let i = 0; i < 4; i++) next();
  return (limit) => (limit <= 1 ? 0 : next() % limit);
}

/** Numbers at which programs break. */
const NUMBERS = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 60_000, 0x7fffffff, 0x80000000, 0xffffffff];
/** Texts at which parsers break. */
const TOKENS = [
  '"__proto__":{"polluted":1},',
  '"constructor":{},',
  '__proto__: {polluted: 1}\n',
  '1e999',
  '-0',
  '1e-400',
  '1099511627776',
  '99999999999999999999',
  'null',
  'true',
  '[]',
  '{}',
  '""',
  '"\\u0000"',
  '\u0000',
  '\ufeff',
  '!!js/function ',
  '!!binary ',
  '!<tag:x> ',
  '&a [*a]',
  '<<: *a',
  '? ',
  '- - - ',
  '---\n',
  '\n',
  '\r\n',
  '\t',
  ',',
  ':',
  '[1,2,',
  '{"a":',
  '..',
  '/etc/passwd',
  '[60000,60000]',
];
const DEEP = ['['.repeat(20_000), '{"a":'.repeat(20_000), '- '.repeat(2_000), `${'['.repeat(5000)}${']'.repeat(5000)}`];

const splice = (bytes, at, removed, inserted) =>
  Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(Math.min(bytes.length, at + removed))]);

const STEPS = [
  // One bit, one byte, a number of 1 to 4 bytes.
  (bytes, random) => {
    const copy = Buffer.from(bytes);
    if (copy.length > 0) copy[random(copy.length)] ^= 1 << random(8);
    return copy;
  },
  (bytes, random) => {
    const copy = Buffer.from(bytes);
    if (copy.length > 0) copy[random(copy.length)] = random(256);
    return copy;
  },
  (bytes, random) => {
    const copy = Buffer.from(bytes);
    const value = NUMBERS[random(NUMBERS.length)];
    const width = [1, 2, 4][random(3)];
    if (copy.length < width) return copy;
    const at = random(copy.length - width + 1);
    if (random(2) === 0) copy.writeUIntBE(value % 256 ** width, at, width);
    else copy.writeUIntLE(value % 256 ** width, at, width);
    return copy;
  },
  // A piece goes, comes twice, moves, or the rest is cut off.
  (bytes, random) => splice(bytes, random(bytes.length), 1 + random(16), Buffer.alloc(0)),
  (bytes, random) => {
    const from = random(bytes.length);
    return splice(bytes, random(bytes.length), 0, bytes.subarray(from, from + 1 + random(64)));
  },
  (bytes, random) => {
    const from = random(bytes.length);
    const piece = bytes.subarray(from, from + 1 + random(32));
    return splice(bytes, random(bytes.length), piece.length, piece);
  },
  (bytes, random) => bytes.subarray(0, random(bytes.length + 1)),
  (bytes, random) => Buffer.concat([bytes, Buffer.alloc(random(64), random(256))]),
  // A token comes in, or takes the place of a number or a word.
  (bytes, random) => splice(bytes, random(bytes.length), 0, Buffer.from(TOKENS[random(TOKENS.length)])),
  (bytes, random) => replaceWord(bytes, random, /-?\d+(\.\d+)?/g),
  (bytes, random) => replaceWord(bytes, random, /"[^"]*"|[a-zA-Z]+/g),
];

function replaceWord(bytes, random, pattern) {
  const text = bytes.toString('latin1');
  const words = [...text.matchAll(pattern)];
  if (words.length === 0) return bytes;
  const { index, 0: word } = words[random(words.length)];
  return splice(bytes, index, word.length, Buffer.from(TOKENS[random(TOKENS.length)]));
}

/** The input of an index: one to eight steps from one of the seeds, sometimes a mixture of two, rarely something absurd. */
export function inputOf(seeds, seed, index) {
  const random = randomOf(seed, index);
  let bytes = Buffer.from(seeds[random(seeds.length)]);
  if (random(16) === 0) {
    const other = seeds[random(seeds.length)];
    bytes = Buffer.concat([bytes.subarray(0, random(bytes.length)), Buffer.from(other).subarray(random(other.length))]);
  }
  for (let count = 1 + random(random(4) === 0 ? 8 : 2); count > 0; count--)
    bytes = STEPS[random(STEPS.length)](bytes, random);
  if (random(500) === 0) bytes = splice(bytes, random(bytes.length), 0, Buffer.from(DEEP[random(DEEP.length)]));
  return bytes;
}
