/** @file Maps of names: patterns, what they refuse, and that they take no time. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { builtInMap } from '../../../src/jobs/weights/builtInMaps.ts';
import { fitsAny, mappedName, parseWeightMap } from '../../../src/jobs/weights/weightMap.ts';

const modules = (rules: Record<string, string>) => parseWeightMap(JSON.stringify({ modules: rules }), 'map.yaml');

describe('a map', () => {
  it('fills in what the parts of a name stand for', () => {
    const map = parseWeightMap(
      'modules:\n  layer{s}.{b}.conv: stage{s-1}.block{b+1}\n  "{a}.same.{a}": "twice.{a}"\ntensors: {running_mean: runningMean}',
      'map.yaml',
    );
    expect(mappedName(map, 'layer2.9.conv.weight')).toBe('stage1.block10.weight');
    expect(mappedName(map, 'layer2.9.conv.running_mean')).toBe('stage1.block10.runningMean');
    expect(mappedName(map, 'x.same.x.bias')).toBe('twice.x.bias');
    expect(mappedName(map, 'x.same.y.bias')).toBeUndefined();
    expect(mappedName(map, 'layer2.x.conv.weight')).toBeUndefined();
    expect(mappedName(map, 'layer2.9.1.conv.weight')).toBeUndefined();
    expect(mappedName(map, 'layer.9.conv.weight')).toBeUndefined();
  });

  it('takes the first rule that fits', () => {
    const map = modules({ 'a.b': 'first', 'a.{x}': 'other.{x}' });
    expect(mappedName(map, 'a.b.weight')).toBe('first.weight');
    expect(mappedName(map, 'a.c.weight')).toBe('other.c.weight');
  });

  it.each([
    [{ 'a{x}{y}': 'b' }, /modules: "a\{x\}\{y\}": expected words and at most one \{x\} between two dots/],
    [{ 'a{x}': 'b{y}' }, /\{y\} on the right stands for nothing on the left/],
    [{ 'a{x}': 'b{x*2}' }, /expected \{x\}, \{x\+1\} or \{x-1\} on the right, got "b\{x\*2\}"/],
  ])('refuses the rule %j', (rules, message) => {
    expect(() => modules(rules as Record<string, string>)).toThrow(message);
  });

  it('names the entry that is wrong', () => {
    expect(() => parseWeightMap('modules: {a: b}\nfresh: x', 'map.yaml')).toThrow(/^map\.yaml: fresh: /);
    expect(() => parseWeightMap('fresh: [x]', 'map.yaml')).toThrow(/^map\.yaml: modules: /);
    expect(() => parseWeightMap('modules: {}\nmore: 1', 'map.yaml')).toThrow(/^map\.yaml: the map: .*more/);
    const colours = { mean: [0, 0], deviation: [1] };
    expect(() => parseWeightMap(JSON.stringify({ modules: {}, colours }), 'map.yaml')).toThrow(/^map\.yaml: colours: /);
  });
});

describe('patterns with *', () => {
  it('fit as the same with regular expressions', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 8 });
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 4 }), text, (pieces, name) => {
        const expression = new RegExp(`^${pieces.map((piece) => piece.replaceAll('.', '\\.')).join('.*')}$`);
        expect(fitsAny([pieces.join('*')], name)).toBe(expression.test(name));
      }),
      { numRuns: 2000 },
    );
  });
});

it('the map of the documents is the built-in one', () => {
  const page = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'weights.md'), 'utf8');
  const [, yaml] = /```yaml\n([\s\S]*?)```/.exec(page)!;
  expect(parseWeightMap(yaml, 'torchvision-resnet50')).toEqual(builtInMap('torchvision-resnet50'));
});
