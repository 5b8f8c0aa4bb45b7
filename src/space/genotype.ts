/**
 * @file The genotype: an architecture as a portable, versioned JSON file. Parsed once at the edge; inside it is trusted. One kind a method.
 */
import { ArchitectureError } from '../base/errors.ts';
import { appendAll } from '../base/lists.ts';
import type { Random } from '../base/random.ts';
import { showShort as show, suggest } from '../base/text.ts';
import type { Block, BlockInput } from './cell.ts';
import { parseTopology } from './dints/parseTopology.ts';
import { type DintsEdge, layerEdgeCount } from './dints/trellis.ts';
import { asRecord, type Fail, isWhole, parseJson, parseProvenance } from './genotypeFields.ts';
import { type NormOver, parseNorm, STANDARD_NORM } from './norm.ts';
import { DECODED_OPERATOR_NAMES } from './operators.ts';
import { parseCell, parsePath } from './parseCell.ts';
import { largestStart, parseStart, STANDARD_START, type Start } from './start.ts';
import { randomPath } from './trellis.ts';

/** A decoded architecture; `method` tells the kinds apart. */
export type Genotype = AutoDeepLabGenotype | DintsGenotype;

/** What every genotype has. */
interface Common {
  readonly format: 'espalier-genotype';
  readonly version: 1;
  /** Spatial axes of its networks. */
  readonly rank: 2 | 3;
  readonly layers: number;
  /** What the norms average over; by default the batch for Auto-DeepLab and each instance for DiNTS, as in the papers. */
  readonly norm?: NormOver;
  /** Where it comes from, in words. */
  readonly provenance?: Readonly<Record<string, string>>;
}

/** One cell, the same in every layer, on one path through the resolutions. @paper auto-deeplab */
export interface AutoDeepLabGenotype extends Common {
  readonly method: 'auto-deeplab';
  readonly blocks: number;
  /** Filters F it is meant for; a network may be built with others. */
  readonly filters: number;
  readonly atrous: 'dense' | 'separable';
  /** Level of every layer: level d lies at 2^d times the start stride; length `layers`. */
  readonly path: readonly number[];
  /** Stride of level 0; default 4, as in the paper, where level 3 then is stride 32. */
  readonly start?: Start;
  readonly cell: readonly Block[];
}

/** Many paths at once: in every layer a set of edges between neighbouring levels, an operator on each. @paper dints */
export interface DintsGenotype extends Common {
  readonly method: 'dints';
  /** Resolutions; 4 in the paper. Level d lies at 2^d times the start stride. */
  readonly levels: number;
  /** Stride of level 0; default 2, as in the paper. */
  readonly start?: Start;
  /** Channels of level 0 that it is meant for, even; level d has 2^d times as many. A network may be built with others. */
  readonly filters: number;
  /** The edges that are on, by layer, in the order of `layerEdges`; each layer reads exactly the levels that the layer before it feeds. */
  readonly topology: readonly (readonly DintsEdge[])[];
}

/** What a genotype of Auto-DeepLab is created from; the rest follows. */
export type GenotypeParts = Pick<
  AutoDeepLabGenotype,
  'filters' | 'atrous' | 'path' | 'rank' | 'start' | 'norm' | 'provenance'
> & {
  readonly cell: readonly (readonly [BlockInput, BlockInput])[];
};

/** What a genotype of DiNTS is created from. */
export type DintsParts = Pick<
  DintsGenotype,
  'filters' | 'levels' | 'rank' | 'start' | 'norm' | 'topology' | 'provenance'
>;

/** The fields of what differs from the standard of the method. */
const choices = (start: Start | undefined, norm: NormOver | undefined): { start?: Start; norm?: NormOver } => ({
  ...(start === undefined ? {} : { start }),
  ...(norm === undefined ? {} : { norm }),
});

/** The genotype of parts that are known to be valid; the operators of a block keep the order given. */
export function createGenotype(parts: GenotypeParts): AutoDeepLabGenotype {
  const { rank, filters, atrous, path, start, norm, cell, provenance } = parts;
  return {
    format: 'espalier-genotype',
    version: 1,
    method: 'auto-deeplab',
    rank,
    layers: path.length,
    blocks: cell.length,
    filters,
    atrous,
    ...choices(start, norm),
    path,
    cell: cell.map((inputs, i) => ({ block: i + 1, inputs })),
    ...(provenance ? { provenance } : {}),
  };
}

/** The genotype of parts that are known to be valid. */
export function createDintsGenotype(parts: DintsParts): DintsGenotype {
  const { rank, levels, filters, start, norm, topology, provenance } = parts;
  return {
    format: 'espalier-genotype',
    version: 1,
    method: 'dints',
    rank,
    layers: topology.length,
    levels,
    filters,
    ...choices(start, norm),
    topology,
    ...(provenance ? { provenance } : {}),
  };
}

/**
 * The genotype as one of `method`.
 * @throws ArchitectureError when it is of another one.
 */
export function requireMethod<M extends Genotype['method']>(
  genotype: Genotype,
  method: M,
): Extract<Genotype, { method: M }> {
  if (genotype.method !== method)
    throw new ArchitectureError(`expected an architecture of ${method}, got one of ${genotype.method}`);
  return genotype as Extract<Genotype, { method: M }>;
}

/** The stride of every layer of a path, such as `strides 4 4 8`; of an anisotropic start the largest one. */
export const pathStrides = (path: readonly number[], start: Start = STANDARD_START['auto-deeplab']): string =>
  `strides ${path.map((level) => largestStart(start) * 2 ** level).join(' ')}`;

/** An architecture in a few words: the strides of its path, or how many edges are on, and a start stride and a norm that are not the standard ones. */
export function summariseGenotype(genotype: Genotype): string {
  const { start, norm } = genotype;
  const stride = start === undefined ? '' : ` from stride ${typeof start === 'number' ? start : start.join('x')}`;
  const from = norm === undefined ? stride : `${stride}, ${norm} norm`;
  if (genotype.method === 'auto-deeplab') return `${pathStrides(genotype.path, start)}${from}`;
  const { levels, layers, topology } = genotype;
  return `${topology.flat().length} of ${layers * layerEdgeCount(levels)} edges${from}`;
}

/** The file's text, one block of the cell or one layer of the topology a line; the same genotype gives the same bytes. */
export function formatGenotype(genotype: Genotype): string {
  const { format, version, method, rank, layers, provenance } = genotype;
  const lines = fieldLines({ format, version, method, rank, layers });
  if (genotype.method === 'auto-deeplab') {
    const { blocks, filters, atrous, start, norm, path, cell } = genotype;
    const rows = cell.map(({ block, inputs }) => {
      const texts = inputs.map(({ from, operator }) => spaced({ from, operator }));
      return `{ "block": ${block}, "inputs": [${texts.join(', ')}] }`;
    });
    lines.push(
      ...fieldLines({ blocks, filters, atrous, ...choices(start, norm) }),
      `  "path": [${path.join(', ')}]`,
      listLine('cell', rows),
    );
  } else {
    const { levels, filters, start, norm, topology } = genotype;
    const rows = topology.map((edges) => {
      const texts = edges.map(({ from, to, operator }) => spaced({ from, to, operator }));
      return `[${texts.join(', ')}]`;
    });
    appendAll(lines, fieldLines({ levels, filters, ...choices(start, norm) }));
    lines.push(listLine('topology', rows));
  }
  if (provenance) lines.push(`  "provenance": ${JSON.stringify(provenance, null, 2).replaceAll('\n', '\n  ')}`);
  return `{\n${lines.join(',\n')}\n}\n`;
}

/**
 * A genotype from a JSON text or the value it holds. `where` is named in errors.
 * @throws ArchitectureError for another format, version or method, unknown operators, impossible paths, inputs or topologies.
 */
export function parseGenotype(content: unknown, where: string): Genotype {
  const value = typeof content === 'string' ? parseJson(content, where) : content;
  const fail: Fail = (problem, advice) => {
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
  const { method } = file;
  if (method !== 'auto-deeplab' && method !== 'dints')
    return fail(`method is ${show(method)}, expected "auto-deeplab" or "dints"`);
  const fields = [...FIELDS.all, ...FIELDS[method]];
  for (const key of Object.keys(file))
    if (!fields.includes(key)) fail(`unknown field ${show(key)}`, suggest(key, fields));
  const { rank } = file;
  if (rank !== 2 && rank !== 3) return fail(`rank is ${show(rank)}, expected 2 or 3`);
  return method === 'dints' ? parseDints(file, rank, fail) : parseAutoDeepLab(file, rank, fail);
}

/** A genotype of Auto-DeepLab drawn uniformly: path, predecessors (two distinct ones a block) and operators (never zero). */
export function randomGenotype(
  options: { layers: number; blocks: number; filters: number; atrous?: 'dense' | 'separable'; rank?: 2 | 3 },
  random: Random,
): AutoDeepLabGenotype {
  const names = DECODED_OPERATOR_NAMES;
  const draw = (from: number): BlockInput => ({ from, operator: names[random.integer(names.length)] });
  const cell = Array.from({ length: options.blocks }, (_, block): [BlockInput, BlockInput] => {
    const first = random.integer(block + 2);
    const second = (first + 1 + random.integer(block + 1)) % (block + 2);
    return [draw(Math.min(first, second)), draw(Math.max(first, second))];
  });
  return createGenotype({
    rank: options.rank ?? 2,
    filters: options.filters,
    atrous: options.atrous ?? 'dense',
    path: randomPath(options.layers, random),
    cell,
    provenance: { origin: 'uniformly random' },
  });
}

/** Fields of the file, those of every method and those of one; any other, `__proto__` among them, is refused. */
const FIELDS = {
  all: ['format', 'version', 'method', 'rank', 'layers', 'filters', 'start', 'norm', 'provenance'],
  'auto-deeplab': ['blocks', 'atrous', 'path', 'cell'],
  dints: ['levels', 'topology'],
};

function parseAutoDeepLab(file: Record<string, unknown>, rank: 2 | 3, fail: Fail): AutoDeepLabGenotype {
  const { atrous, filters } = file;
  if (atrous !== 'dense' && atrous !== 'separable')
    return fail(`atrous is ${show(atrous)}, expected "dense" or "separable"`);
  if (!isWhole(filters, 1, 4096)) return fail(`filters is ${show(filters)}, expected a whole number from 1 to 4096`);
  const path = parsePath(file.path, fail);
  const cell = parseCell(file.cell, fail);
  if (file.layers !== path.length) fail(`layers is ${show(file.layers)}, but the path has ${path.length}`);
  if (file.blocks !== cell.length) fail(`blocks is ${show(file.blocks)}, but the cell has ${cell.length}`);
  const start = parseStart(file.start, STANDARD_START['auto-deeplab'], rank, fail);
  const norm = parseNorm(file.norm, STANDARD_NORM['auto-deeplab'], fail);
  const provenance = parseProvenance(file.provenance, fail);
  return createGenotype({ rank, filters, atrous, start, norm, path, cell, provenance });
}

function parseDints(file: Record<string, unknown>, rank: 2 | 3, fail: Fail): DintsGenotype {
  const { levels, filters } = file;
  if (!isWhole(levels, 1, 6)) return fail(`levels is ${show(levels)}, expected a whole number from 1 to 6`);
  if (!isWhole(filters, 2, 4096) || filters % 2 !== 0)
    return fail(`filters is ${show(filters)}, expected an even number from 2 to 4096`);
  const topology = parseTopology(file.topology, { rank, levels }, fail);
  if (file.layers !== topology.length) fail(`layers is ${show(file.layers)}, but the topology has ${topology.length}`);
  const start = parseStart(file.start, STANDARD_START.dints, rank, fail);
  const norm = parseNorm(file.norm, STANDARD_NORM.dints, fail);
  const provenance = parseProvenance(file.provenance, fail);
  return createDintsGenotype({ rank, levels, filters, start, norm, topology, provenance });
}

const fieldLines = (fields: Readonly<Record<string, unknown>>): string[] =>
  Object.entries(fields).map(([key, value]) => `  "${key}": ${JSON.stringify(value)}`);

const listLine = (key: string, rows: readonly string[]): string =>
  `  "${key}": [\n${rows.map((row) => `    ${row}`).join(',\n')}\n  ]`;

/** A flat object as JSON on one line, with room between its fields. */
const spaced = (value: object): string =>
  `{ ${Object.entries(value)
    .map(([key, field]) => `${JSON.stringify(key)}: ${JSON.stringify(field)}`)
    .join(', ')} }`;
