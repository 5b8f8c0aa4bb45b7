/**
 * @file Weights of a foreign safetensors file as the start of a training: names by a map, shapes checked, rows of the logits by the names of the classes.
 * Every weight of the file is used or named as unused, and every weight of the network is filled or named as fresh: anything else is an error that lists them.
 */
import { ConfigError, DataError } from '../../base/errors.ts';
import { toDType } from '../../engine/operators.ts';
import { scope } from '../../engine/tensor.ts';
import type { Network } from '../../models/network.ts';
import type { StoredTensor, TensorPlace } from '../../run/safetensors.ts';
import { loadTensor, restoreTensors, storeTensors } from '../checkpoint/tensors.ts';
import { firstConvolutions, floatsOf, withChannels, withColours } from './firstConvolution.ts';
import type { SafetensorsFile } from './safetensorsFile.ts';
import { logitsOf, rowsByName, type Transfer } from './transferWeights.ts';
import { fitsAny, mappedName, type WeightMap } from './weightMap.ts';

/** What a start from a foreign file did. */
export interface ForeignTransfer extends Transfer {
  /** Tensors that were filled, and those of the network that keep their first values. */
  readonly filled: number;
  readonly unfilled: number;
  /** What was done to the first convolution, if anything. */
  readonly inputs?: string;
}

/** Tensors of the file that a map leads to, by the name here. */
type Sources = ReadonlyMap<string, { readonly name: string; readonly place: TensorPlace }>;

/**
 * Copies the weights of a file into a network.
 * @throws DataError that lists all weights that are left over, missing, or of another shape.
 */
export function transferForeign(
  { file, path }: { readonly file: SafetensorsFile; readonly path: string },
  map: WeightMap,
  { graph, parameters }: Network,
  classes: readonly string[],
): ForeignTransfer {
  const own = parameters.entries();
  const logits = logitsOf(graph).flatMap((name) => [`${name}.weight`, `${name}.bias`]);
  const first = firstConvolutions(graph);
  const { sources, problems } = sourcesOf(file, map, own);
  const isFirst = (name: string) => first.some(({ weight }) => weight === name);
  const heads = logits.filter((name) => sources.has(name));
  const rows = classesOf(map, heads);
  for (const [name, { name: theirs, place }] of sources) {
    const [shape, wanted] = [place.shape, own.get(name)!.shape];
    const fitting = [heads.includes(name) ? rows.length : wanted[0], ...wanted.slice(1)];
    // Another number of channels is brought to that of the data.
    if (isFirst(name) && shape.length > 1) fitting[1] = shape[1];
    if (shape.join() !== fitting.join())
      problems.shapes.push(`${theirs} [${shape.join(', ')}], ${name} takes [${fitting.join(', ')}]`);
    if (!place.dtype.includes('float')) problems.shapes.push(`${theirs} is ${place.dtype}, expected floating point`);
  }
  refuse(path, map, problems);
  const stored = Object.fromEntries(
    [...sources].map(([name, source]) => [name, asFloat32(file.read(source.name), `${path}: tensor "${source.name}"`)]),
  );
  if (map.colours) withColours(stored, first, graph, map.colours, map.name);
  const inputs = withChannels(stored, first, own);
  for (const name of heads) stored[name] = rowsByName(own.get(name)!, stored[name], rows, classes);
  restoreTensors(new Map([...own].filter(([name]) => sources.has(name))), stored);
  return {
    kept: classes.filter((name) => rows.includes(name)),
    fresh: classes.filter((name) => !rows.includes(name)),
    filled: sources.size,
    unfilled: own.size - sources.size,
    ...(inputs === undefined ? {} : { inputs }),
  };
}

/** The classes of the rows of the logits; none where the map does not lead to them. */
function classesOf({ name, classes }: WeightMap, heads: readonly string[]): readonly string[] {
  if (heads.length === 0) return [];
  if (classes) return classes;
  throw new ConfigError(
    `${name}: leads to the logits (${heads.join(', ')}), and their rows have no names`,
    'add classes, a list in the order of the rows, or name these weights under unused and fresh',
  );
}

/** What does not fit, each a line. */
interface Problems {
  /** Weights of the file that lead nowhere. */
  readonly unused: string[];
  /** Weights of the network that nothing leads to. */
  readonly missing: string[];
  /** Two weights of the file for one of the network. */
  readonly twice: string[];
  readonly shapes: string[];
}

/** Where each weight of the network is in the file, and what the map leaves open. */
function sourcesOf(file: SafetensorsFile, map: WeightMap, own: ReadonlyMap<string, unknown>) {
  const sources = new Map<string, { readonly name: string; readonly place: TensorPlace }>();
  const problems: Problems = { unused: [], missing: [], twice: [], shapes: [] };
  for (const [name, place] of file.places) {
    if (fitsAny(map.unused, name)) continue;
    const here = mappedName(map, name);
    const before = here === undefined ? undefined : sources.get(here);
    if (here === undefined) problems.unused.push(name);
    else if (!own.has(here)) problems.unused.push(`${name} (the network has no ${here})`);
    else if (before) problems.twice.push(`${before.name} and ${name}`);
    else sources.set(here, { name, place });
  }
  for (const name of own.keys()) if (!sources.has(name) && !fitsAny(map.fresh, name)) problems.missing.push(name);
  return { sources: sources as Sources, problems };
}

/** Names of one kind of problem that a message lists. */
const MOST_LISTED = 6;
/** Characters of a name that a message shows. */
const LONGEST_SHOWN = 120;

function refuse(path: string, { name }: WeightMap, { unused, missing, twice, shapes }: Problems): void {
  const kinds: [what: string, names: readonly string[]][] = [
    ['of the file are not used', unused],
    ['of the network are not in the file', missing],
    ['meet in one', twice],
    ['have another shape', shapes],
  ];
  const said = kinds.flatMap(([what, names]) =>
    names.length > 0 ? [`${names.length} weights ${what}: ${list(names)}`] : [],
  );
  if (said.length === 0) return;
  throw new DataError(
    `from: ${path} by the map ${name}: ${said.join('; ')}`,
    'complete the modules of the map, or name these weights under its unused or fresh; is it the right architecture?',
  );
}

function list(names: readonly string[]): string {
  const shown = names
    .slice(0, MOST_LISTED)
    .map((name) => (name.length > LONGEST_SHOWN ? `${name.slice(0, LONGEST_SHOWN)}...` : name));
  return names.length > MOST_LISTED ? `${shown.join(', ')} and ${names.length - MOST_LISTED} more` : shown.join(', ');
}

/** Floating-point values as those of a network. @throws DataError where one is not finite. */
function asFloat32(stored: StoredTensor, what: string): StoredTensor {
  const converted = scope(() => storeTensors(new Map([['', toDType(loadTensor(stored), 'float32')]])))[''];
  if (!floatsOf(converted).every(Number.isFinite))
    throw new DataError(`${what} holds values that are not finite`, 'the file is damaged, or its training diverged');
  return converted;
}
