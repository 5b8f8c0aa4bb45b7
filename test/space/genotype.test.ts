import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ArchitectureError } from '../../src/base/errors.ts';
import { createRandom } from '../../src/base/random.ts';
import {
  createGenotype,
  formatGenotype,
  type Genotype,
  parseGenotype,
  randomGenotype,
} from '../../src/space/genotype.ts';
import { OPERATOR_NAMES } from '../../src/space/operators.ts';
import { PUBLISHED_FILTERS, publishedGenotype } from '../../src/space/published.ts';

const genotypes = fc
  .record({
    layers: fc.integer({ min: 1, max: 20 }),
    blocks: fc.integer({ min: 1, max: 8 }),
    filters: fc.integer({ min: 1, max: 64 }),
    atrous: fc.constantFrom('dense' as const, 'separable' as const),
    seed: fc.integer(),
  })
  .map(({ seed, ...options }) => randomGenotype(options, createRandom(seed)));

/** The published genotype as loose JSON, changed by `change`. */
// biome-ignore lint/suspicious/noExplicitAny: broken on purpose
function broken(change: (file: any) => void): unknown {
  const file = JSON.parse(formatGenotype(publishedGenotype(20)));
  change(file);
  return file;
}

describe('the genotype file', () => {
  it('goes round trip, and the same genotype gives the same bytes', () => {
    fc.assert(
      fc.property(genotypes, (genotype) => {
        const text = formatGenotype(genotype);
        const again = parseGenotype(text, 'file');
        expect(again).toEqual(genotype);
        expect(formatGenotype(again)).toBe(text);
        expect(JSON.parse(text)).toEqual(genotype);
      }),
    );
  });

  it('keeps the order of operators and any text of the provenance', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.string()), (provenance) => {
        const genotype = createGenotype({
          ...publishedGenotype(20),
          cell: publishedGenotype(20).cell.map(({ inputs }) => inputs),
          provenance,
        });
        expect(parseGenotype(formatGenotype(genotype), 'file')).toEqual(genotype);
      }),
    );
  });

  it('reads as a table', () => {
    expect(formatGenotype(publishedGenotype(20)).split('\n').slice(0, 13)).toEqual([
      '{',
      '  "format": "espalier-genotype",',
      '  "version": 1,',
      '  "method": "auto-deeplab",',
      '  "rank": 2,',
      '  "layers": 12,',
      '  "blocks": 5,',
      '  "filters": 20,',
      '  "atrous": "dense",',
      '  "path": [0, 0, 0, 1, 2, 1, 2, 2, 3, 3, 2, 1],',
      '  "cell": [',
      '    { "block": 1, "inputs": [{ "from": 1, "operator": "atrous5x5" }, { "from": 0, "operator": "sep3x3" }] },',
      '    { "block": 2, "inputs": [{ "from": 1, "operator": "sep3x3" }, { "from": 0, "operator": "atrous3x3" }] },',
    ]);
  });

  // biome-ignore lint/suspicious/noExplicitAny: broken on purpose
  const cases: [string, (file: any) => void, RegExp][] = [
    ['another format', (f) => (f.format = 'onnx'), /^my\.json: format is "onnx", expected "espalier-genotype"; decode/],
    ['no format', (f) => delete f.format, /format is undefined/],
    [
      'a later version',
      (f) => (f.version = 2),
      /version is 2, this program reads version 1; a newer espalier wrote it/,
    ],
    ['no version', (f) => delete f.version, /version is undefined, .*espalier decode/],
    ['another method', (f) => (f.method = 'darts'), /method is "darts", expected "auto-deeplab" or "dints"/],
    ['a fourth axis', (f) => (f.rank = 4), /rank is 4, expected 2 or 3/],
    ['another atrous', (f) => (f.atrous = 'both'), /atrous is "both", expected "dense" or "separable"/],
    ['no filters', (f) => (f.filters = 0), /filters is 0, expected a whole number/],
    ['half a filter', (f) => (f.filters = 7.5), /filters is 7.5/],
    ['a value outside JSON', (f) => (f.filters = 20n), /filters is 20/],
    ['a circular value', (f) => (f.filters = f), /filters is a value that no JSON holds/],
    ['a path of text', (f) => (f.path = '0 0'), /path is "0 0", expected 1 to 1000 levels/],
    ['an empty path', (f) => (f.path = []), /path is \[\]/],
    ['a level that does not exist', (f) => (f.path[3] = 4), /path\[3\] is 4, expected a level from 0 .* to 3/],
    ['a hole in the path', (f) => delete f.path[3], /path\[3\] is undefined/],
    ['a jump', (f) => (f.path[4] = 3), /path goes from level 1 to 3 at layer 5; a layer moves by one level at most/],
    [
      'a first layer at stride 16',
      (f) => (f.path[0] = 2),
      /path goes from level 0 to 2 at layer 1; .*the stem is at level 0/,
    ],
    ['a wrong number of layers', (f) => (f.layers = 11), /layers is 11, but the path has 12/],
    ['a wrong number of blocks', (f) => (f.blocks = 4), /blocks is 4, but the cell has 5/],
    ['no cell', (f) => delete f.cell, /cell is undefined, expected 1 to 100 blocks/],
    ['a block that is none', (f) => (f.cell[1] = null), /cell\[1\] is null/],
    ['blocks out of order', (f) => f.cell.reverse(), /cell\[0\].block is 5, expected 1/],
    ['one input', (f) => f.cell[2].inputs.pop(), /block 3 has 1 inputs, expected two/],
    ['no inputs', (f) => delete f.cell[2].inputs, /block 3 has no inputs, expected two/],
    ['an input that is none', (f) => (f.cell[0].inputs[1] = 'skip'), /block 1 has an input that is no object/],
    ['a block that reads itself', (f) => (f.cell[0].inputs[0].from = 2), /block 1 reads from 2, expected 0 to 1/],
    ['a negative input', (f) => (f.cell[4].inputs[0].from = -1), /block 5 reads from -1, expected 0 to 5/],
    ['the same input twice', (f) => (f.cell[2].inputs[1].from = 3), /block 3 reads from 3 twice/],
    ['the operator zero', (f) => (f.cell[3].inputs[0].operator = 'zero'), /block 4 uses the operator zero/],
    [
      'a misspelt operator',
      (f) => (f.cell[3].inputs[0].operator = 'sep3x4'),
      /block 4: unknown operator "sep3x4"; did you mean "sep3x3"/,
    ],
    [
      'a name of the prototype',
      (f) => (f.cell[0].inputs[0].operator = 'constructor'),
      /unknown operator "constructor"/,
    ],
    ['a field nobody knows', (f) => (f.pth = []), /unknown field "pth"; did you mean "path"/],
    ['a provenance of numbers', (f) => (f.provenance = { seed: 3 }), /provenance\.seed is 3, expected a string/],
    [
      'a provenance that is a list',
      (f) => (f.provenance = ['a']),
      /provenance is \["a"\], expected an object of texts/,
    ],
  ];
  it.each(cases)('refuses %s', (_, change, message) => {
    expect(() => parseGenotype(broken(change), 'my.json')).toThrow(ArchitectureError);
    expect(() => parseGenotype(broken(change), 'my.json')).toThrow(message);
  });

  it('refuses what is no object, no JSON, or reaches for the prototype', () => {
    for (const value of [null, undefined, 3, [], '[]', 'null', true]) {
      expect(() => parseGenotype(value, 'my.json')).toThrow(/my\.json: is no genotype; expected a JSON object/);
    }
    expect(() => parseGenotype('{', 'my.json')).toThrow(/my\.json: is no JSON/);
    const text = formatGenotype(publishedGenotype(20));
    expect(() => parseGenotype(text.replace('{', '{ "__proto__": {},'), 'my.json')).toThrow(
      /the key "__proto__" is not allowed/,
    );
    expect(() => parseGenotype(text.replace('"origin"', '"__proto__"'), 'my.json')).toThrow(
      /the key "__proto__" is not allowed/,
    );
  });

  it('never throws anything but ArchitectureError', () => {
    fc.assert(
      fc.property(fc.anything(), fc.constantFrom(...Object.keys(publishedGenotype(20))), (value, key) => {
        for (const content of [value, broken((file) => (file[key] = value))]) {
          try {
            parseGenotype(content, 'file');
          } catch (error) {
            expect(error).toBeInstanceOf(ArchitectureError);
          }
        }
      }),
    );
  });
});

describe('the published genotype', () => {
  it('is the data of the paper', () => {
    const genotype: Genotype = publishedGenotype(PUBLISHED_FILTERS.s);
    expect([PUBLISHED_FILTERS.s, PUBLISHED_FILTERS.m, PUBLISHED_FILTERS.l]).toEqual([20, 32, 48]);
    expect(genotype.path).toEqual([0, 0, 0, 1, 2, 1, 2, 2, 3, 3, 2, 1]);
    expect(
      genotype.cell.map(({ inputs }) => inputs.map(({ from, operator }) => `${operator}(${from})`).join(' + ')),
    ).toEqual([
      'atrous5x5(1) + sep3x3(0)',
      'sep3x3(1) + atrous3x3(0)',
      'sep3x3(3) + sep3x3(1)',
      'sep5x5(4) + sep5x5(2)',
      'sep5x5(3) + atrous5x5(5)',
    ]);
    expect(parseGenotype(formatGenotype(genotype), 'published')).toEqual(genotype);
  });
});

describe('a random genotype', () => {
  it('is valid, the same for the same seed, and uses every operator and pair of inputs', () => {
    const random = createRandom(3);
    const operators = new Set<string>();
    const pairs = new Map<string, number>();
    for (let i = 0; i < 3000; i++) {
      const genotype = randomGenotype({ layers: 3, blocks: 3, filters: 8 }, random);
      for (const { inputs } of genotype.cell) for (const { operator } of inputs) operators.add(operator);
      const key = genotype.cell[2].inputs.map(({ from }) => from).join();
      pairs.set(key, (pairs.get(key) ?? 0) + 1);
    }
    expect([...operators].sort()).toEqual(OPERATOR_NAMES.filter((name) => name !== 'zero').sort());
    expect([...pairs.keys()].sort()).toEqual(['0,1', '0,2', '0,3', '1,2', '1,3', '2,3']);
    for (const count of pairs.values()) expect(Math.abs(count - 500)).toBeLessThan(100);
    const options = { layers: 12, blocks: 5, filters: 8 };
    expect(randomGenotype(options, createRandom(5))).toEqual(randomGenotype(options, createRandom(5)));
  });
});
