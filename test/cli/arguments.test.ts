/** @file Words of a command line: every spelling gives the same settings, anything else a ConfigError. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/base/errors.ts';
import { parseArguments, parseValue } from '../../src/cli/arguments.ts';

const flags = ['json', 'resume', 'dry-run'];

describe('parseArguments', () => {
  it('reads the three spellings, flags and files', () => {
    const words =
      'data=d --epochs 3 --weights.learning-rate=0.1 --dry-run a.png weights.decay=0 crop=[3,4] b=c.png'.split(' ');
    expect(parseArguments(words, { flags })).toEqual({
      settings: { data: 'd', epochs: 3, weights: { learningRate: 0.1, decay: 0 }, crop: [3, 4], b: 'c.png' },
      flags: { json: false, resume: false, dryRun: true },
      positionals: ['a.png'],
    });
    expect(parseArguments(['--json=false', '--resume', '--', '--json', 'a=b'], { flags })).toEqual({
      settings: {},
      flags: { json: false, resume: true, dryRun: false },
      positionals: ['--json', 'a=b'],
    });
  });

  it('keeps texts as they stand', () => {
    expect(parseArguments(['name=007', 'seed=007', 'data=[x'], { texts: ['name', 'data'] }).settings).toEqual({
      name: '007',
      seed: 7,
      data: '[x',
    });
  });

  it('lets a later word win and takes negative numbers and paths with "="', () => {
    expect(parseArguments(['a=1', '--a', '-2', './x=y.png'])).toMatchObject({
      settings: { a: -2 },
      positionals: ['./x=y.png'],
    });
  });

  it.each([
    [['--epochs'], /epochs: expected a value, got none/],
    [['--dry-rum'], /did you mean "dry-run"/],
    [['--epochs', '--json'], /epochs: expected a value/],
    [['-v'], /two dashes/],
    [['--=3'], /expected a key/],
    [['--a..b=3'], /expected a key/],
    [['__proto__.a=1'], /expected a key/],
    [['--constructor.prototype.a=1'], /expected a key/],
    [['--a.toString=1'], /expected a key/],
    [['a=1', 'a.b=2'], /a\.b: a has a value already/],
    [['a=null', 'a.b=[1'], /a\.b: expected a list/],
    [['a.b=2', 'a=1'], /a: it is a group already/],
    [['crop=[1, {a: 2}]'], /crop: expected a list/],
    [['crop=[1'], /crop: expected a list/],
    [['--json=yes'], /json: expected true or false/],
  ])('refuses %j', (words, message) => {
    expect(() => parseArguments(words, { flags })).toThrow(ConfigError);
    expect(() => parseArguments(words, { flags })).toThrow(message);
  });

  it('gives back any nested settings, in each spelling', () => {
    const key = fc
      .stringMatching(/^[a-z][A-Za-z0-9_]{0,8}$/)
      .filter((name) => !(name in Object.prototype) && name !== 'prototype');
    const leaf = fc.oneof(
      fc.boolean(),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
      fc
        .stringMatching(/^[a-z/._*#:!-]{1,12}$/)
        .filter((text) => !/^(true|false|null|~|-.*)$/.test(text) && typeof parseValue(text) === 'string'),
      fc.array(fc.integer(), { maxLength: 3 }),
    );
    const entries = fc.uniqueArray(fc.tuple(fc.tuple(key, key), leaf), { selector: ([path]) => path[0], maxLength: 5 });
    fc.assert(
      fc.property(entries, fc.nat(2), (list, spelling) => {
        const words = list.flatMap(([path, value]) => {
          const text = Array.isArray(value) ? JSON.stringify(value) : String(value);
          const name = path.join('.');
          return spelling === 0 ? [`${name}=${text}`] : spelling === 1 ? [`--${name}=${text}`] : [`--${name}`, text];
        });
        const expected = Object.fromEntries(list.map(([[group, name], value]) => [group, { [name]: value }]));
        expect(parseArguments(words).settings).toEqual(expected);
      }),
    );
  });

  it('meets any words with arguments or a ConfigError', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: fc.constantFrom(...'ab.-=[]{}"\'&*!:, 1_') })), (words) => {
        try {
          parseArguments(words, { flags });
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('parseValue', () => {
  it.each<[string, unknown]>([
    ['1', 1],
    ['-1.5e-3', -0.0015],
    ['+.5', 0.5],
    ['true', true],
    ['null', null],
    ['', ''],
    ['"1"', '1'],
    ["'a b'", 'a b'],
    ['[0.5, 2, auto]', [0.5, 2, 'auto']],
    ['*.png', '*.png'],
    ['a: b', 'a: b'],
    ['cuda:0', 'cuda:0'],
    ['0x10', '0x10'],
    ['2025-01-02', '2025-01-02'],
    ['C:\\data', 'C:\\data'],
  ])('reads %j', (text, value) => {
    expect(parseValue(text)).toEqual(value);
  });
});
