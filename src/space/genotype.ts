/**
 * @file The genotype: an architecture as a portable, versioned JSON file. Parsed once at the edge; inside it is trusted.
 */
import { ArchitectureError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { suggest } from '../base/text.ts';
import { OPERATOR_NAMES, type OperatorName } from './operators.ts';
import { LEVELS, randomPath } from './trellis.ts';

/** One of the two inputs of a block: state `from` (0 = H^{l-1}, 1 = H^{l-2}, 2.. = earlier blocks) through an operator. */
export interface BlockInput {
  readonly from: number;
  readonly operator: OperatorName;
}

/** A block of a cell: the sum of two operators. */
export interface Block {
  /** From 1, as in the paper. */
  readonly block: number;
  readonly inputs: readonly [BlockInput, BlockInput];
}

/** A decoded architecture. */
export interface Genotype {
  readonly format: 'espalier-genotype';
  readonly version: 1;
  readonly method: 'auto-deeplab';
  /** Spatial axes of its networks. */
  readonly rank: 2 | 3;
  readonly layers: number;
  readonly blocks: number;
  /** Filters F it is meant for; a network may be built with others. */
  readonly filters: number;
  readonly atrous: 'dense' | 'separable';
  /** Level of every layer: 0 is stride 4, 3 is stride 32; length `layers`. */
  readonly path: readonly number[];
  readonly cell: readonly Block[];
  /** Where it comes from, in words. */
  readonly provenance?: Readonly<Record<string, string>>;
}

/** What a genotype is created from; the rest follows. */
export type GenotypeParts = Pick<Genotype, 'filters' | 'atrous' | 'path' | 'rank'> & {
  readonly cell: readonly (readonly [BlockInput, BlockInput])[];
  readonly provenance?: Readonly<Record<string, string>>;
};

/** The genotype of parts that are known to be valid; the operators of a block keep the order given. */
export function createGenotype(parts: GenotypeParts): Genotype {
  const { rank, filters, atrous, path, cell, provenance } = parts;
  return {
    format: 'espalier-genotype',
    version: 1,
    method: 'auto-deeplab',
    rank,
    layers: path.length,
    blocks: cell.length,
    filters,
    atrous,
    path,
    cell: cell.map((inputs, i) => ({ block: i + 1, inputs })),
    ...(provenance ? { provenance } : {}),
  };
}

/** The file's text, one block of the cell a line; the same genotype gives the same bytes. */
export function formatGenotype(genotype: Genotype): string {
  const { format, version, method, rank, layers, blocks, filters, atrous, path, cell, provenance } = genotype;
  const head = { format, version, method, rank, layers, blocks, filters, atrous };
  const lines = Object.entries(head).map(([key, value]) => `  ${show(key)}: ${show(value)}`);
  lines.push(`  "path": [${path.join(', ')}]`);
  const rows = cell.map(({ block, inputs }) => {
    const texts = inputs.map(({ from, operator }) => `{ "from": ${from}, "operator": ${JSON.stringify(operator)} }`);
    return `    { "block": ${block}, "inputs": [${texts.join(', ')}] }`;
  });
  lines.push(`  "cell": [\n${rows.join(',\n')}\n  ]`);
  if (provenance) lines.push(`  "provenance": ${JSON.stringify(provenance, null, 2).replaceAll('\n', '\n  ')}`);
  return `{\n${lines.join(',\n')}\n}\n`;
}

/**
 * A genotype from a JSON text or the value it holds. `where` is named in errors.
 * @throws ArchitectureError for another format or version, unknown operators, impossible paths or inputs.
 */
export function parseGenotype(content: unknown, where: string): Genotype {
  const value = typeof content === 'string' ? parseJson(content, where) : content;
  const fail = (problem: string, advice?: string): never => {
    throw new ArchitectureError(`${where}: ${problem}`, advice);
  };
  const file = asRecord(value) ?? fail('is no genotype', 'expected a JSON object with format "espalier-genotype"');
  if (file.format !== 'espalier-genotype')
    fail(
      `format is ${show(file.format)}, expected "espalier-genotype"`,
      'decode architecture parameters first: espalier decode params=<file>',
    );
  if (file.version !== 1) {
    const newer = typeof file.version === 'number' && file.version > 1;
    const advice = newer ? 'a newer espalier wrote it: update this one' : 'write it again with: espalier decode';
    fail(`version is ${show(file.version)}, this program reads version 1`, advice);
  }
  for (const key of Object.keys(file))
    if (!FIELDS.includes(key)) fail(`unknown field ${show(key)}`, suggest(key, FIELDS));
  if (file.method !== 'auto-deeplab') fail(`method is ${show(file.method)}, expected "auto-deeplab"`);
  if (file.rank !== 2 && file.rank !== 3) fail(`rank is ${show(file.rank)}, expected 2 or 3`);
  if (file.atrous !== 'dense' && file.atrous !== 'separable')
    fail(`atrous is ${show(file.atrous)}, expected "dense" or "separable"`);
  if (!isWhole(file.filters, 1, 4096)) fail(`filters is ${show(file.filters)}, expected a whole number from 1 to 4096`);
  const path = parsePath(file.path, fail);
  const cell = parseCell(file.cell, fail);
  if (file.layers !== path.length) fail(`layers is ${show(file.layers)}, but the path has ${path.length}`);
  if (file.blocks !== cell.length) fail(`blocks is ${show(file.blocks)}, but the cell has ${cell.length}`);
  const provenance = parseProvenance(file.provenance, fail);
  return createGenotype({
    rank: file.rank as 2 | 3,
    filters: file.filters as number,
    atrous: file.atrous as 'dense' | 'separable',
    path,
    cell,
    ...(provenance ? { provenance } : {}),
  });
}

/** A genotype drawn uniformly: path, predecessors (two distinct ones a block) and operators (never zero). */
export function randomGenotype(
  options: { layers: number; blocks: number; filters: number; atrous?: 'dense' | 'separable' },
  random: Random,
): Genotype {
  const draw = (from: number): BlockInput => ({ from, operator: DECODED[random.integer(DECODED.length)] });
  const cell = Array.from({ length: options.blocks }, (_, block): [BlockInput, BlockInput] => {
    const first = random.integer(block + 2);
    const second = (first + 1 + random.integer(block + 1)) % (block + 2);
    return [draw(Math.min(first, second)), draw(Math.max(first, second))];
  });
  return createGenotype({
    rank: 2,
    filters: options.filters,
    atrous: options.atrous ?? 'dense',
    path: randomPath(options.layers, random),
    cell,
    provenance: { origin: 'uniformly random' },
  });
}

/** Operators of a decoded cell. */
const DECODED = OPERATOR_NAMES.filter((name) => name !== 'zero');

/** Fields of the file; any other, `__proto__` among them, is refused. */
const FIELDS = [
  'format',
  'version',
  'method',
  'rank',
  'layers',
  'blocks',
  'filters',
  'atrous',
  'path',
  'cell',
  'provenance',
];

type Fail = (problem: string, advice?: string) => never;

function parsePath(value: unknown, fail: Fail): number[] {
  if (!Array.isArray(value) || value.length < 1 || value.length > 1000)
    return fail(`path is ${show(value)}, expected 1 to 1000 levels`);
  const path = Array.from(value as unknown[]);
  path.forEach((level, i) => {
    if (!isWhole(level, 0, LEVELS - 1))
      fail(`path[${i}] is ${show(level)}, expected a level from 0 (stride 4) to 3 (stride 32)`);
    const before = i === 0 ? 0 : (path[i - 1] as number);
    if (Math.abs((level as number) - before) > 1)
      fail(
        `path goes from level ${before} to ${level} at layer ${i + 1}`,
        'a layer moves by one level at most; the stem is at level 0',
      );
  });
  return path as number[];
}

function parseCell(value: unknown, fail: Fail): [BlockInput, BlockInput][] {
  if (!Array.isArray(value) || value.length < 1 || value.length > 100)
    return fail(`cell is ${show(value)}, expected 1 to 100 blocks`);
  return Array.from(value, (entry: unknown, b) => {
    const block = asRecord(entry) ?? fail(`cell[${b}] is ${show(entry)}, expected { block, inputs }`);
    if (block.block !== b + 1) fail(`cell[${b}].block is ${show(block.block)}, expected ${b + 1}`);
    if (!Array.isArray(block.inputs) || block.inputs.length !== 2)
      return fail(
        `block ${b + 1} has ${Array.isArray(block.inputs) ? block.inputs.length : 'no'} inputs, expected two`,
      );
    const inputs = Array.from(block.inputs, (item: unknown): BlockInput => {
      const input = asRecord(item) ?? fail(`block ${b + 1} has an input that is no object`);
      if (!isWhole(input.from, 0, b + 1)) fail(`block ${b + 1} reads from ${show(input.from)}, expected 0 to ${b + 1}`);
      if (input.operator === 'zero') fail(`block ${b + 1} uses the operator zero`, 'a decoded cell holds none');
      if (!OPERATOR_NAMES.includes(input.operator as OperatorName)) {
        fail(`block ${b + 1}: unknown operator ${show(input.operator)}`, suggest(String(input.operator), DECODED));
      }
      return { from: input.from as number, operator: input.operator as OperatorName };
    });
    if (inputs[0].from === inputs[1].from)
      fail(`block ${b + 1} reads from ${inputs[0].from} twice`, 'the two inputs of a block are distinct');
    return [inputs[0], inputs[1]];
  });
}

function parseProvenance(value: unknown, fail: Fail): Record<string, string> | undefined {
  if (value === undefined) return undefined;
  const record = asRecord(value) ?? fail(`provenance is ${show(value)}, expected an object of texts`);
  for (const [key, text] of Object.entries(record)) {
    if (['__proto__', 'constructor', 'prototype'].includes(key))
      fail(`provenance has the key ${show(key)}`, 'rename it');
    if (typeof text !== 'string') fail(`provenance.${key} is ${show(text)}, expected a text`);
  }
  return { ...record } as Record<string, string>;
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ArchitectureError(`${where}: is no JSON (${(error as Error).message})`);
  }
}

function asRecord(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

const isWhole = (value: unknown, low: number, high: number): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high;

function show(value: unknown): string {
  if (typeof value === 'bigint' || typeof value === 'function' || value === undefined)
    return String(value).slice(0, 60);
  try {
    return JSON.stringify(value).slice(0, 60);
  } catch {
    return 'a value that no JSON holds';
  }
}
