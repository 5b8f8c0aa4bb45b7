/**
 * @file The supernet of Auto-DeepLab: a stem, a trellis of relaxed cells at strides 4 to 32, a head at each stride of the last layer. @paper auto-deeplab section 4.1
 */
import * as op from '../engine/operators.ts';
import type { Tensor } from '../engine/tensor.ts';
import { convolution, type Layer, type Pass, type Rank, relu, sequence } from '../nn/layers.ts';
import { ParameterSet } from '../nn/parameters.ts';
import type { AutoDeepLabGenotype } from '../space/genotype.ts';
import type { BetaNormalisation } from '../space/logits.ts';
import { LEVELS, type TrellisNode, trellisEdges, trellisNodes } from '../space/trellis.ts';
import {
  createRelaxedArchitecture,
  keptPredecessors,
  oneHotOperators,
  type RelaxedArchitecture,
} from './architecture.ts';
import { type CellProbabilities, cellProbabilities, createCell } from './cell.ts';
import { createSearchHead } from './head.ts';
import { type KeptMemory, keptByCells } from './keptMemory.ts';
import { searchNorm } from './searchNorm.ts';

/** The shape of a supernet; defaults of the paper: 12 layers, 8 filters, 5 blocks, dense atrous operators. */
export interface SupernetOptions {
  rank: Rank;
  inputs: number;
  classes: number;
  layers: number;
  filters: number;
  blocks: number;
  atrous: 'dense' | 'separable';
  /** One set of cell weights per node (serving up to three inputs), or one per edge. */
  cellWeights: 'perNode' | 'perEdge';
  /** Whether cells run as one operator where the kernels take their input; false composes them always. Default: true. */
  fused?: boolean;
  /** Of fused cells. Default: fast. */
  memory?: KeptMemory;
  /** Default: outgoing, as in the paper. */
  betaNormalisation?: BetaNormalisation;
  /** Norms after convolutions learn scale and shift, in the stem, the cells and the heads; fused cells have no such norms. Default: false, as in DARTS. */
  affineNorms?: boolean;
  /** One operator an edge, drawn anew in every training pass at a temperature that goes from the first to the last. Default: all operators. */
  sampling?: { temperature: readonly [number, number] };
  /**
   * One part of so many of a cell's channels passes the operators, the others go round; edges are then normalised over those into a block. The filters
   * are a multiple of it. Default: all channels pass.
   */
  partialChannels?: number;
  /** Channels of the three stem convolutions, strides 2, 1, 2. Default: 2.5, 2.5 and 5 times the filters. */
  stem?: readonly [number, number, number];
}

/** A network with weights and architecture parameters. */
export interface Supernet {
  readonly parameters: ParameterSet;
  readonly architecture: RelaxedArchitecture;
  /**
   * Logits `[batch, classes, ...spatial]` at the size of the input. With a genotype only its path and its operators count, each fully, and only the
   * head at the path's end; where the layer before the last has no state of the level, the cell reads zeros as it does relaxed.
   */
  forward(images: Tensor, pass: Pass, genotype?: AutoDeepLabGenotype): Tensor;
}

/** Creates weights and architecture parameters; the two live in sets of their own, so that no optimiser takes both. */
export function createSupernet(origin: ParameterSet['origin'], options: SupernetOptions): Supernet {
  const { blocks, layers } = options;
  const parameters = new ParameterSet(origin);
  const architecture = createRelaxedArchitecture(new ParameterSet(origin), options);
  const stemChannels = stemChannelsOf(options);
  const stem = createStem(parameters.child('stem'), options, stemChannels);
  const head = createSearchHead(parameters.child('head'), options);
  const sources = sourcesOf(options, stemChannels);
  const genotypeTables = (genotype: AutoDeepLabGenotype, device: string) => {
    const table = oneHotOperators(genotype, device);
    return { table, ...(options.partialChannels === undefined ? {} : { predecessors: keptPredecessors(table) }) };
  };
  const nodes = trellisNodes(layers).map(({ layer, level }) =>
    createNode(parameters.child(`layer${layer}.level${level}`), layer, level, options, sources),
  );
  return {
    parameters,
    architecture,
    forward(images, pass, genotype) {
      const tables = genotype ? genotypeTables(genotype, images.device) : architecture.operators(pass);
      const edgeProbabilities = cellProbabilities(tables, blocks);
      const moves = genotype ? undefined : architecture.moveProbabilities();
      const move = (transition: number, from: number, kind: number) =>
        moves && op.select(op.select(op.select(moves, 0, transition), 0, from), 0, kind);
      const [halfSize, quarterSize] = stem(images, pass);
      // states[layer + 1][level]: layer -1 is the stem at stride 2 (as level -1), layer 0 the stem at stride 4.
      const states: Map<number, Tensor>[] = [new Map([[-1, halfSize]]), new Map([[0, quarterSize]])];
      for (const node of nodes) {
        if (genotype && genotype.path[node.layer - 1] !== node.level) continue;
        while (states.length < node.layer + 2) states.push(new Map());
        states[node.layer + 1].set(node.level, node.resolutionState(states, move, edgeProbabilities, pass));
      }
      return head(states[layers + 1], images.shape.slice(2), pass);
    },
  };
}

/** Which states exist at each layer and how many channels they have: `[layer + 1]` by level; -1 is the stem at stride 2, as a layer and as a level. */
export type Sources = readonly Map<number, number>[];

/** @see SupernetOptions.stem */
export const stemChannelsOf = ({ stem, filters }: Pick<SupernetOptions, 'stem' | 'filters'>) =>
  stem ?? ([Math.round(2.5 * filters), Math.round(2.5 * filters), 5 * filters] as const);

/** @see Sources */
export function sourcesOf(
  options: Pick<SupernetOptions, 'layers' | 'blocks' | 'filters'>,
  stem: readonly number[],
): Sources {
  const sources: Map<number, number>[] = [new Map([[-1, stem[1]]]), new Map([[0, stem[2]]])];
  for (const { layer, level } of trellisNodes(options.layers)) {
    sources[layer + 1] ??= new Map();
    sources[layer + 1].set(level, options.blocks * options.filters * 2 ** level);
  }
  return sources;
}

/** A node of the trellis with its cells. */
interface SupernetNode extends TrellisNode {
  /** The state at a resolution: the cells of all incoming moves, weighted by their probabilities. @paper auto-deeplab eq. 6 */
  resolutionState(
    states: readonly Map<number, Tensor>[],
    /** Undefined stands for 1. */
    move: (transition: number, from: number, kind: number) => Tensor | undefined,
    probabilities: CellProbabilities,
    pass: Pass,
  ): Tensor;
}

function createNode(
  set: ParameterSet,
  layer: number,
  level: number,
  options: SupernetOptions,
  sources: Sources,
): SupernetNode {
  const { filters, cellWeights } = options;
  const channels = filters * 2 ** level;
  const incoming = trellisEdges(options.layers).filter((edge) => edge.layer === layer - 1 && edge.to === level);
  const ofCell = { ...options, channels, memory: keptByCells(options.memory ?? 'fast', level) };
  const shared = cellWeights === 'perNode' ? createCell(set.child('cell'), ofCell) : undefined;
  const cells = shared ? [] : incoming.map(({ from }) => createCell(set.child(`cell.from${from}`), ofCell));
  const inputs = incoming.map(({ from }) =>
    createInput(set.child(`last.from${from}`), options, sources[layer].get(from) as number, channels, from, level),
  );
  const earlier = closestLevel(sources[layer - 1], level);
  const beforeLast = createInput(
    set.child('beforeLast'),
    options,
    sources[layer - 1].get(earlier) as number,
    channels,
    earlier,
    level,
  );
  return {
    layer,
    level,
    resolutionState(states, move, probabilities, pass) {
      const present = incoming.flatMap((edge, i) => {
        const state = states[layer].get(edge.from);
        return state ? [{ edge, i, last: inputs[i](state, pass) }] : [];
      });
      const early = states[layer - 1].get(earlier);
      const before = early ? beforeLast(early, pass) : op.zerosLike(present[0].last);
      // Going up doubles d to 2 d - 1; where the finer level has an even size it is one more, which the size of the state before decides.
      const lasts = present.map(({ last }) => op.resize(last, before.shape.slice(2)));
      const moves = present.map(
        ({ edge }) => move(edge.layer, edge.from, edge.move) ?? op.ones([], before.dtype, before.device),
      );
      if (shared) return shared.resolutionState(lasts, before, op.stack(moves, 0), probabilities, pass);
      return present
        .map(({ i }, p) => cells[i].resolutionState([lasts[p]], before, op.stack([moves[p]], 0), probabilities, pass))
        .reduce(op.add);
    },
  };
}

/** The level nearest to `level` that exists; of two equally near the finer. */
export function closestLevel(available: ReadonlyMap<number, unknown>, level: number): number {
  return [...available.keys()].reduce((best, candidate) =>
    Math.abs(candidate - level) < Math.abs(best - level) ? candidate : best,
  );
}

/**
 * Brings a state to the channels and the level of a cell: ReLU, convolution, norm. Down a level with a strided 3x3, further down with a strided 1x1,
 * up by bilinear doubling before the 1x1.
 */
function createInput(
  set: ParameterSet,
  { rank, affineNorms }: SupernetOptions,
  inputs: number,
  channels: number,
  from: number,
  to: number,
): Layer {
  const steps = to - from;
  const layers = [
    relu,
    convolution(set, {
      rank,
      inputs,
      outputs: channels,
      kernel: steps === 1 ? 3 : 1,
      stride: steps > 0 ? 2 ** steps : 1,
    }),
    searchNorm(set.child('norm'), channels, affineNorms),
  ];
  if (steps >= 0) return sequence(...layers);
  const double: Layer = (x) =>
    op.resize(
      x,
      x.shape.slice(2).map((length) => 2 * length - 1),
    );
  return sequence(double, ...layers);
}

function createStem(
  set: ParameterSet,
  { rank, inputs, affineNorms }: SupernetOptions,
  channels: readonly number[],
): (images: Tensor, pass: Pass) => [Tensor, Tensor] {
  const layer = (name: string, from: number, to: number, stride: number) =>
    sequence(
      convolution(set.child(name), { rank, inputs: from, outputs: to, kernel: 3, stride }),
      searchNorm(set.child(name).child('norm'), to, affineNorms),
      relu,
    );
  const first = layer('0', inputs, channels[0], 2);
  const second = layer('1', channels[0], channels[1], 1);
  const third = layer('2', channels[1], channels[2], 2);
  return (images, pass) => {
    const halfSize = second(first(images, pass), pass);
    return [halfSize, third(halfSize, pass)];
  };
}

/** Nodes, edges and cell evaluations of one pass, for `info`. */
export function trellisFacts(layers: number): {
  levels: number;
  nodes: number;
  edges: number;
  cellEvaluations: number;
} {
  const edges = trellisEdges(layers).length;
  return { levels: LEVELS, nodes: trellisNodes(layers).length, edges, cellEvaluations: edges };
}
