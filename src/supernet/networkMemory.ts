/**
 * @file What the supernet of Auto-DeepLab keeps of a forward pass for the backward pass, counted in elements from shapes, as libtorch's autograd and the
 * fused cell keep it. Weights are not counted.
 */
import { edgeCount } from '../space/cell.ts';
import { OPERATOR_NAMES, OPERATORS, type OperatorKind } from '../space/operators.ts';
import { type TrellisNode, trellisEdges, trellisNodes } from '../space/trellis.ts';
import { type KeptMemory, keptByCells } from './keptMemory.ts';
import { closestLevel, type SupernetOptions, sourcesOf, stemChannelsOf } from './network.ts';

/** A batch of crops. */
export interface PassSize {
  readonly batch: number;
  /** Spatial. */
  readonly size: readonly number[];
}

/** How the cells compute: as one operator that keeps so much, or composed of libtorch's operators, which keep what they keep. */
export type CellMemory = KeptMemory | 'composed';

/** Elements that a pass keeps from the images to the loss. */
export function elementsKept(options: Omit<SupernetOptions, 'memory'>, pass: PassSize, cells: CellMemory): number {
  const { layers, inputs, classes, filters, blocks, atrous } = options;
  const pixelsAt = (stride: number) =>
    pass.size.reduce((product, side) => product * Math.ceil(side / stride), pass.batch);
  /** Level -1 is the first half of the stem, at stride 2. */
  const pixels = (level: number) => pixelsAt(4 * 2 ** level);
  const stem = stemChannelsOf(options);
  const sources = sourcesOf(options, stem);
  const edges = trellisEdges(layers);
  /** A state brought to a cell: its ReLU, at the finer of the two sizes, and what the norm reads. */
  const ofInput = (layer: number, from: number, to: number, channels: number) =>
    (sources[layer].get(from) as number) * pixels(Math.min(from, to)) + channels * pixels(to);
  const ofNode = ({ layer, level }: TrellisNode) => {
    const channels = filters * 2 ** level;
    const incoming = edges.filter((edge) => edge.layer === layer - 1 && edge.to === level);
    const brought = [
      ...incoming.map(({ from }) => ofInput(layer, from, level, channels)),
      ofInput(layer - 1, closestLevel(sources[layer - 1], level), level, channels),
    ];
    const cell =
      cells === 'composed'
        ? incoming.length * channelsOfComposedCell(options)
        : channelsOfFusedCell(blocks, incoming.length, keptByCells(cells, level) === 'fast');
    return sum(brought) + channels * pixels(level) * cell;
  };
  // Images; of each convolution of the stem what its norm reads and what its ReLU gives.
  const ofStem = inputs * pixelsAt(1) + 2 * (stem[0] + stem[1]) * pixelsAt(2) + 2 * stem[2] * pixelsAt(4);
  const ofHead = (level: number) => HEAD_CHANNELS * blocks * filters * 2 ** level * pixels(level);
  const ofLogits = (level: number) => classes * (pixels(level) + pixelsAt(1));
  const ends = trellisNodes(layers).filter(({ layer }) => layer === layers);
  return (
    ofStem +
    sum(trellisNodes(layers).map(ofNode)) +
    sum(ends.map(({ level }) => ofHead(level) + ofLogits(level))) +
    // The loss: log-probabilities, their gradient, the logits; and labels of twice the width.
    (3 * classes + 2) * pixelsAt(1)
  );

  /** In channels of the cell, over all last inputs: of the state that they share, which every block reads, there is one. */
  function channelsOfFusedCell(blocks: number, lasts: number, keepsConvolutions: boolean): number {
    const read = lasts * (edgeCount(blocks) - blocks) + blocks;
    return 1 + lasts * (1 + blocks) + (keepsConvolutions ? FUSED_CONVOLUTIONS * read : 0);
  }

  /** The same of one last input. */
  function channelsOfComposedCell({ sampling, partialChannels: parts = 1 }: typeof options): number {
    const count = edgeCount(blocks);
    const ofOperators = sampling
      ? count * sampledChannels(atrous)
      : (blocks + 1) * sharedChannels(atrous) + count * edgeChannels(atrous);
    // Where only a part passes, products with what each edge counts keep both sides; what goes round is kept as the state that it is part of.
    const ofEdges = parts === 1 ? 0 : count / parts + blocks;
    // The blocks, and their concatenation times the weight of the move.
    return ofOperators / parts + ofEdges + 2 * blocks;
  }
}

/** Of a fused edge: two pairs of each separable operator, one of each atrous. */
const FUSED_CONVOLUTIONS = 6;
/** Channels that operators of a kind keep: once for all readers of a state, for each edge, and where one is all that is computed of an edge. */
interface KeptChannels {
  readonly state: number;
  readonly edge: number;
  readonly drawn: number;
}

/** A ReLU and two results a pair, a ReLU between pairs; of the largest values their places, which are 64 bits; pools before their norm and before the 1x1. */
const keptByKind = (atrous: 'dense' | 'separable'): Record<OperatorKind, KeptChannels> => ({
  separable: { state: 0, edge: 5, drawn: 7 },
  atrous: atrous === 'separable' ? { state: 0, edge: 2, drawn: 4 } : { state: 0, edge: 1, drawn: 3 },
  averagePool: { state: 2, edge: 0, drawn: 2 },
  maxPool: { state: 4, edge: 0, drawn: 4 },
  skip: { state: 1, edge: 0, drawn: 0 },
  zero: { state: 0, edge: 0, drawn: 0 },
});

const keptByAll = (atrous: 'dense' | 'separable', what: keyof KeptChannels): number =>
  sum(OPERATOR_NAMES.map((name) => keptByKind(atrous)[OPERATORS[name].kind][what]));

/** Of a state beside its ReLU, of an edge beside the ReLU for its reader, and of an edge with one operator, drawn evenly from all. */
const sharedChannels = (atrous: 'dense' | 'separable') => 1 + keptByAll(atrous, 'state');
const edgeChannels = (atrous: 'dense' | 'separable') => 1 + keptByAll(atrous, 'edge');
const sampledChannels = (atrous: 'dense' | 'separable') => keptByAll(atrous, 'drawn') / OPERATOR_NAMES.length;
/** Of a head, in channels of its state: state, branches before and after their norms, their concatenation. */
const HEAD_CHANNELS = 8;

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
